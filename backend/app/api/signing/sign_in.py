"""The sign-in page, and the way out."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from pydantic import ValidationError

from app.api.cookies import SESSION
from app.api.deps import CookiesDep, ServicesDep, SessionDep
from app.api.devices import device_of
from app.api.signing.asking import FormLookDep, Kept, LookDep, Text, see, told
from app.api.signing.page import (
    Field,
    Look,
    draw_form,
    draw_link,
    draw_notice,
    draw_problem,
    respond,
)
from app.api.signing.paths import local_path
from app.core.errors import NotFound, Unauthenticated, WafaaError
from app.models.staff_session import StaffSession, Stage
from app.schemas.auth import LoginIn
from app.services.identity.sign_in import WRONG

router = APIRouter(include_in_schema=False)

_HERE = Path(__file__).parent
NEXT = {Stage.CODE: "/signin/code", Stage.ENROL: "/account/second-factor"}
"""What follows the password."""
_FILES = {"style.css": "text/css", "icon.svg": "image/svg+xml"}


@router.get("/signin/files/{name}")
async def part(name: str) -> FileResponse:
    """A file that the pages ask for."""
    if name not in _FILES:
        raise NotFound
    headers = {"cache-control": "public, max-age=3600"}
    return FileResponse(_HERE / name, media_type=_FILES[name], headers=headers)


@router.get("/signin")
async def ask(
    look: LookDep,
    session: SessionDep,
    return_to: Annotated[str | None, Query(max_length=4000)] = None,
    done: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Asks who is there; who is known already goes on."""
    wanted = local_path(return_to)
    notice = look.say(done) if done == "password_chosen" else ""
    return see(wanted) if session else _page(look, wanted, notice=notice)


@router.post("/signin")
async def answer(
    request: Request,
    look: FormLookDep,
    services: ServicesDep,
    cookies: CookiesDep,
    email: Text = "",
    password: Text = "",
    return_to: Kept = "",
) -> Response:
    """Signs somebody in."""
    wanted = local_path(return_to)
    try:
        given = LoginIn.model_validate({"email": email, "password": password})
        begun, stage = await services.sign_in.by_password(
            given.email,
            given.password.get_secret_value(),
            device=device_of(request.headers.get("user-agent")),
        )
    except ValidationError:
        return _page(look, wanted, email, *told(look, Unauthenticated(WRONG)))
    except WafaaError as error:
        return _page(look, wanted, email, *told(look, error))
    query = urlencode({"return_to": wanted, "lang": look.language})
    response = see(wanted if stage is Stage.FULL else f"{NEXT[stage]}?{query}")
    cookies.set(response, SESSION, begun.secret, begun.life)
    return response


def _page(
    look: Look,
    return_to: str,
    email: str = "",
    problem: str = "",
    status: int = 200,
    *,
    notice: str = "",
) -> HTMLResponse:
    look = Look(look.language, "/signin", {"return_to": return_to})
    wrong = bool(problem)
    fields = (
        Field("email", "email", "email", "username", email, wrong=wrong, focus=not email),
        Field("password", "password", "password", "current-password", wrong=wrong, focus=wrong),
    )
    form = draw_form(look, "/signin", "sign_in", fields, hidden={"return_to": return_to})
    body = (
        f'<p class="lead">{look.say("sign_in_lead")}</p>{draw_notice(notice)}{draw_problem(problem)}{form}'
        + draw_link(
            f"/signin/sso?{urlencode({'return_to': return_to, 'lang': look.language})}",
            look.say("sso"),
        )
        + draw_link(f"/reset?lang={look.language}", look.say("forgot"))
    )
    return respond(look, "sign_in", body, status)


@router.post("/signout")
async def leave(
    look: FormLookDep, session: SessionDep, services: ServicesDep, cookies: CookiesDep
) -> Response:
    """Ends the session of this browser."""
    if session is not None:
        mine = session.principal
        async with services.db.tenant(mine.client_id) as tx:
            await StaffSession.end(tx, mine.staff_id, mine.session_id)
    response = see(f"/signin?lang={look.language}")
    cookies.clear(response, SESSION)
    return response
