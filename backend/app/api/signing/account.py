"""Somebody's own account: where they are signed in."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from app.api.deps import ServicesDep
from app.api.signing.asking import FormLookDep, LookDep, SignedInDep, see
from app.api.signing.page import Look, attribute, draw_form, draw_notice, isolated, respond
from app.models.staff_factor import StaffFactor
from app.models.staff_session import StaffSession
from app.services.identity.sessions import Session

router = APIRouter(prefix="/account", include_in_schema=False)

NOTICES = ("ended", "ended_others", "password_changed", "factor_removed")


@router.get("")
async def show(
    look: LookDep,
    session: SignedInDep,
    services: ServicesDep,
    done: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """Who is signed in, and where."""
    mine = session.principal
    async with services.db.tenant(mine.client_id) as tx:
        found = await StaffSession.of_staff(tx, mine.staff_id)
        factor = await StaffFactor.of_staff(tx, mine.staff_id)
    secured = factor is not None and factor.confirmed_at is not None
    notice = draw_notice(look.say(done)) if done in NOTICES else ""
    body = (
        notice
        + _draw_person(look, session)
        + _draw_ways(look, secured=secured)
        + _draw_sessions(look, found, mine.session_id)
    )
    return respond(look, "account", body, wide=True)


def _draw_person(look: Look, session: Session) -> str:
    role = look.say(f"role_{session.principal.role}")
    who = f'<p class="lead">{look.say("signed_in_as", name=session.name)} {role}.</p>'
    return who + draw_form(look, "/signout", "sign_out", quiet=True)


def _draw_ways(look: Look, *, secured: bool) -> str:
    """How somebody signs in."""
    state = look.say("is_on" if secured else "is_off")
    rows = (
        (look.say("password"), "/account/password", look.say("change_password")),
        (f"{look.say('second_step')}: {state}", "/account/second-factor", look.say("manage")),
    )
    drawn = "".join(
        f'<li><span>{name}</span><a href="{path}?lang={look.language}">{act}</a></li>'
        for name, path, act in rows
    )
    return f'<h2>{look.say("ways")}</h2><ul class="rows">{drawn}</ul>'


def _draw_sessions(look: Look, found: Sequence[StaffSession], current: UUID | None) -> str:
    rows = "".join(_draw_session(look, one, current) for one in found)
    others = (
        draw_form(look, "/account/sessions/end-others", "end_others", quiet=True)
        if len(found) > 1
        else ""
    )
    return (
        f'<h2>{look.say("sessions")}</h2><p class="hint">{look.say("sessions_lead")}</p>'
        f'<ul class="rows">{rows}</ul>{others}'
    )


def _draw_session(look: Look, one: StaffSession, current: UUID | None) -> str:
    when = f"{one.seen_at:%Y-%m-%d %H:%M} UTC"
    told = f'{isolated(one.device)}<span class="when">{look.say("last_used", when=when)}</span>'
    if one.id == current:
        act = f'<span class="tag">{look.say("this_one")}</span>'
    else:
        named = attribute(look, "end_this", device=one.device)
        path = f"/account/sessions/{one.id}/end"
        act = draw_form(look, path, "end_session", quiet=True, named=named)
    return f"<li><span>{told}</span>{act}</li>"


@router.post("/sessions/{session_id}/end")
async def end(
    session_id: UUID, look: FormLookDep, session: SignedInDep, services: ServicesDep
) -> Response:
    """Ends one of somebody's own sessions."""
    mine = session.principal
    async with services.db.tenant(mine.client_id) as tx:
        await StaffSession.end(tx, mine.staff_id, session_id)
    return see(f"/account?done=ended&lang={look.language}")


@router.post("/sessions/end-others")
async def end_others(look: FormLookDep, session: SignedInDep, services: ServicesDep) -> Response:
    """Ends all of somebody's sessions but this one."""
    mine = session.principal
    async with services.db.tenant(mine.client_id) as tx:
        await StaffSession.end(tx, mine.staff_id, spared=mine.session_id)
    return see(f"/account?done=ended_others&lang={look.language}")
