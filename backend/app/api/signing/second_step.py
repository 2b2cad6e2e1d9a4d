"""The second step of signing in, and the pages on which it is set up."""

from io import BytesIO
from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from app.api.cookies import SESSION
from app.api.deps import AnySessionDep, CookiesDep, ServicesDep
from app.api.devices import device_of
from app.api.signing.asking import FormLookDep, Kept, LookDep, SignInFirst, Text, see, told
from app.api.signing.page import (
    Field,
    Look,
    draw_form,
    draw_link,
    draw_notice,
    draw_problem,
    isolated,
    respond,
)
from app.api.signing.paths import HOME, local_path
from app.bootstrap import Services
from app.core.errors import NotFound, WafaaError
from app.models.client import Client
from app.models.staff import Staff
from app.models.staff_factor import RecoveryCode, StaffFactor
from app.models.staff_session import Stage
from app.services.identity import passwords
from app.services.identity.second_factor import readable, uri_of
from app.services.identity.sessions import Session

router = APIRouter(include_in_schema=False)

PAGE = "/account/second-factor"
ReturnTo = Annotated[str | None, Query(max_length=4000)]


async def halfway(session: AnySessionDep) -> Session:
    """Who gave a password and now has to give a code.

    Raises:
        SignInFirst: Nobody.
    """
    if session is None or session.stage is not Stage.CODE:
        raise SignInFirst(HOME)
    return session


async def enrolling(session: AnySessionDep) -> Session:
    """Who may set a second factor up: who is signed in, or has to before they are.

    Raises:
        SignInFirst: Nobody.
    """
    if session is None or session.stage is Stage.CODE:
        raise SignInFirst(PAGE)
    return session


HalfwayDep = Annotated[Session, Depends(halfway)]
EnrollingDep = Annotated[Session, Depends(enrolling)]


@router.get("/signin/code")
async def ask(look: LookDep, _: HalfwayDep, return_to: ReturnTo = None) -> HTMLResponse:
    """Asks for the code."""
    return _code_page(look, local_path(return_to))


@router.post("/signin/code")
async def answer(
    request: Request,
    look: FormLookDep,
    half: HalfwayDep,
    services: ServicesDep,
    cookies: CookiesDep,
    code: Text = "",
    return_to: Kept = "",
) -> Response:
    """Takes the code; from now on somebody is signed in."""
    wanted, device = local_path(return_to), device_of(request.headers.get("user-agent"))
    try:
        begun = await services.sign_in.by_code(half, code, device=device)
    except WafaaError as error:
        return _code_page(look, wanted, *told(look, error))
    response = see(wanted)
    cookies.set(response, SESSION, begun.secret, begun.life)
    return response


def _code_page(look: Look, return_to: str, problem: str = "", status: int = 200) -> HTMLResponse:
    look = Look(look.language, "/signin/code", {"return_to": return_to})
    fields = (_code_field(wrong=bool(problem), hint="code_hint"),)
    form = draw_form(look, "/signin/code", "go_on", fields, hidden={"return_to": return_to})
    out = draw_form(look, "/signout", "other_account", quiet=True)
    return respond(look, "second_step", f"{draw_problem(problem)}{form}<hr>{out}", status)


def _code_field(*, wrong: bool = False, hint: str = "", focus: bool = True) -> Field:
    return Field("code", "code", "text", "one-time-code", hint=hint, wrong=wrong, focus=focus)


@router.get(PAGE)
async def show(
    look: LookDep, session: EnrollingDep, services: ServicesDep, return_to: ReturnTo = None
) -> HTMLResponse:
    """How the second step stands."""
    return await _page(look, session, services, local_path(return_to))


@router.get(f"{PAGE}/qr.svg")
async def picture(session: EnrollingDep, services: ServicesDep) -> Response:
    """The proposed secret, for a camera."""
    mine, factors = session.principal, services.sign_in.second_factor
    async with services.db.tenant(mine.client_id) as tx:
        secret = await factors.proposal(tx, mine.staff_id)
        email, client = (await Staff.get(tx, mine.staff_id)).email, (await Client.mine(tx)).name
    if secret is None:
        raise NotFound
    drawn = segno.make(uri_of(secret, email, client), error="m", micro=False)
    svg = BytesIO()
    drawn.save(svg, kind="svg", xmldecl=False, scale=8, border=4, dark="#000", light="#fff")
    return Response(svg.getvalue(), media_type="image/svg+xml")


@router.post(f"{PAGE}/begin")
async def begin(
    look: FormLookDep,
    session: EnrollingDep,
    services: ServicesDep,
    password: Text = "",
    return_to: Kept = "",
) -> Response:
    """Makes a secret. Who has only just given their password isn't asked again."""
    wanted, signing = local_path(return_to), services.sign_in
    try:
        if session.stage is Stage.FULL:
            await passwords.confirm(services.db, signing.attempts, session.principal, password)
        await signing.second_factor.propose(session.principal)
    except WafaaError as error:
        return await _page(look, session, services, wanted, *told(look, error))
    return await _page(look, session, services, wanted)


@router.post(f"{PAGE}/confirm")
async def confirm(
    request: Request,
    look: FormLookDep,
    session: EnrollingDep,
    services: ServicesDep,
    cookies: CookiesDep,
    code: Text = "",
    return_to: Kept = "",
) -> Response:
    """Takes the first code, and shows the recovery codes."""
    wanted, signing = local_path(return_to), services.sign_in
    try:
        codes = await signing.second_factor.confirm(session.principal, code)
    except WafaaError as error:
        return await _page(look, session, services, wanted, *told(look, error))
    response = _codes_page(look, codes, wanted)
    if session.stage is Stage.ENROL:
        device = device_of(request.headers.get("user-agent"))
        begun = await signing.finish(session, device=device)
        cookies.set(response, SESSION, begun.secret, begun.life)
    return response


@router.post(f"{PAGE}/codes")
async def renew(
    look: FormLookDep, session: EnrollingDep, services: ServicesDep, code: Text = ""
) -> Response:
    """Shows new recovery codes."""
    try:
        codes = await services.sign_in.second_factor.renew_codes(session.principal, code)
    except WafaaError as error:
        return await _page(look, session, services, HOME, *told(look, error))
    return _codes_page(look, codes, HOME)


@router.post(f"{PAGE}/remove")
async def remove(
    look: FormLookDep, session: EnrollingDep, services: ServicesDep, code: Text = ""
) -> Response:
    """Does without the second step."""
    try:
        await services.sign_in.second_factor.remove(session.principal, code)
    except WafaaError as error:
        return await _page(look, session, services, HOME, *told(look, error))
    return see(f"/account?done=factor_removed&lang={look.language}")


async def _page(
    look: Look,
    session: Session,
    services: Services,
    return_to: str,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    look = Look(look.language, PAGE, {"return_to": return_to})
    mine = session.principal
    async with services.db.tenant(mine.client_id) as tx:
        factor = await StaffFactor.of_staff(tx, mine.staff_id)
        left = await RecoveryCode.left(tx, mine.staff_id)
        secret = await services.sign_in.second_factor.proposal(tx, mine.staff_id)
    if secret is not None:
        body = _draw_proposal(look, secret, return_to, wrong=bool(problem))
    elif factor is not None:
        body = _draw_confirmed(look, left, wrong=bool(problem))
    else:
        body = _draw_nothing_yet(look, session, return_to, wrong=bool(problem))
    return respond(look, "second_step", draw_problem(problem) + body, status)


def _draw_nothing_yet(look: Look, session: Session, return_to: str, *, wrong: bool) -> str:
    whole = session.stage is Stage.FULL
    fields = [
        Field("password", "password", "password", "current-password", wrong=wrong, focus=True)
    ]
    lead = look.say("factor_lead" if whole else "factor_needed")
    form = draw_form(
        look, f"{PAGE}/begin", "set_up", fields * whole, hidden={"return_to": return_to}
    )
    return f'<p class="lead">{lead}</p>{form}{_way_back(look, session)}'


def _draw_proposal(look: Look, secret: bytes, return_to: str, *, wrong: bool) -> str:
    form = draw_form(
        look,
        f"{PAGE}/confirm",
        "turn_on",
        [_code_field(wrong=wrong, hint="first_code_hint")],
        hidden={"return_to": return_to},
    )
    return (
        f'<p class="lead">{look.say("scan")}</p>'
        f'<img class="qr" src="{PAGE}/qr.svg" alt="{look.say("qr")}" width="192" height="192">'
        f'<p>{look.say("or_type")}<br><code dir="ltr">{readable(secret)}</code></p>{form}'
    )


def _draw_confirmed(look: Look, left: int, *, wrong: bool) -> str:
    fields = [_code_field(wrong=wrong, focus=wrong)]
    again = [Field("code", "code", "text", "one-time-code", key="remove")]
    return (
        draw_notice(look.say("factor_on", left=left))
        + f'<h2>{look.say("renew_codes")}</h2><p class="hint">{look.say("renew_lead")}</p>'
        + draw_form(look, f"{PAGE}/codes", "renew_codes", fields)
        + f'<h2>{look.say("turn_off")}</h2><p class="hint">{look.say("turn_off_lead")}</p>'
        + draw_form(look, f"{PAGE}/remove", "turn_off", again)
        + draw_link(f"{HOME}?lang={look.language}", look.say("back"))
    )


def _way_back(look: Look, session: Session) -> str:
    if session.stage is Stage.FULL:
        return draw_link(f"{HOME}?lang={look.language}", look.say("back"))
    return "<hr>" + draw_form(look, "/signout", "other_account", quiet=True)


def _codes_page(look: Look, codes: list[str], return_to: str) -> HTMLResponse:
    rows = "".join(f"<li><code>{isolated(code)}</code></li>" for code in codes)
    body = (
        draw_notice(look.say("codes_notice"))
        + f'<ol class="codes">{rows}</ol><p>{look.say("codes_lead")}</p>'
        + f'<a class="button" href="{return_to}">{look.say("kept_them")}</a>'
    )
    return respond(Look(look.language, PAGE), "recovery_codes", body, wide=True)
