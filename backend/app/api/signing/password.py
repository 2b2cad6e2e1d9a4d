"""The page on which somebody changes their password."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from app.api.deps import ServicesDep
from app.api.signing.asking import FormLookDep, LookDep, SignedInDep, Text, see, told
from app.api.signing.page import Field, Look, draw_form, draw_link, draw_problem, respond
from app.api.signing.paths import HOME
from app.core.errors import WafaaError
from app.core.security import LONGEST_PASSWORD, SHORTEST_PASSWORD
from app.services.identity import passwords

router = APIRouter(include_in_schema=False)

PAGE = "/account/password"


@router.get(PAGE)
async def ask(look: LookDep, _: SignedInDep) -> HTMLResponse:
    """Asks for the present password and the next."""
    return _page(look)


@router.post(PAGE)
async def answer(
    look: FormLookDep,
    session: SignedInDep,
    services: ServicesDep,
    password: Text = "",
    new_password: Text = "",
) -> Response:
    """Changes the password; every other session ends."""
    try:
        await passwords.change(
            services.db, services.sign_in.attempts, session.principal, password, new_password
        )
    except WafaaError as error:
        return _page(look, *told(look, error))
    return see(f"{HOME}?done=password_changed&lang={look.language}")


def new_password_field(*, wrong: bool = False, focus: bool = False) -> Field:
    """Where a new password goes."""
    return Field(
        "new_password", "new_password", "password", "new-password", hint="password_hint", wrong=wrong, focus=focus,
        shortest=SHORTEST_PASSWORD, longest=LONGEST_PASSWORD,
    )  # fmt: skip


def _page(look: Look, problem: str = "", status: int = 200) -> HTMLResponse:
    fields = (
        Field(
            "password", "present_password", "password", "current-password", wrong=bool(problem), focus=True
        ),
        new_password_field(wrong=bool(problem)),
    )  # fmt: skip
    body = (
        f'<p class="lead">{look.say("password_lead")}</p>{draw_problem(problem)}'
        + draw_form(look, PAGE, "change_password", fields)
        + draw_link(f"{HOME}?lang={look.language}", look.say("back"))
    )
    return respond(look, "change_password", body, status)
