"""The pages behind links in e-mails: an invitation, and a new password; and the page that asks for the latter."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import TypeAdapter, ValidationError

from app.api.deps import ServicesDep
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
from app.api.signing.password import new_password_field
from app.bootstrap import Services
from app.core.errors import WafaaError
from app.models.staff_ticket import Kind
from app.schemas.common import Email
from app.services.identity import tickets
from app.services.identity.mails import PATHS

router = APIRouter(include_in_schema=False)

ANSWER_SECONDS = 0.4
"""How long asking for a new password takes, whether there is such a colleague or not."""
TITLES = {Kind.INVITATION: "welcome", Kind.RESET: "choose_password"}
Token = Annotated[str, Query(max_length=200)]
_email = TypeAdapter(Email)


@router.get("/reset")
async def ask(look: LookDep) -> HTMLResponse:
    """Asks whose password was forgotten."""
    return _reset_page(look)


@router.post("/reset")
async def answer(look: FormLookDep, services: ServicesDep, email: Text = "") -> HTMLResponse:
    """Sends a mail if there is such a colleague, and says the same if there is none."""
    began = time.monotonic()
    try:
        address = _email.validate_python(email)
        await tickets.ask_for_reset(services.db, services.sign_in.attempts, address)
    except ValidationError:
        return _reset_page(look, look.say("no_address"), 422)
    except WafaaError as error:
        return _reset_page(look, *told(look, error))
    await asyncio.sleep(max(0.0, began + ANSWER_SECONDS - time.monotonic()))
    back = draw_link(f"/signin?lang={look.language}", look.say("sign_in"))
    return respond(look, "forgot", draw_notice(look.say("mail_sent")) + back)


def _reset_page(look: Look, problem: str = "", status: int = 200) -> HTMLResponse:
    fields = (Field("email", "email", "email", "username", wrong=bool(problem), focus=True),)
    body = (
        f'<p class="lead">{look.say("forgot_lead")}</p>{draw_problem(problem)}'
        + draw_form(look, "/reset", "send_mail", fields)
        + draw_link(f"/signin?lang={look.language}", look.say("sign_in"))
    )
    return respond(look, "forgot", body, status)


@router.get(PATHS[Kind.INVITATION])
async def invited(look: LookDep, services: ServicesDep, token: Token = "") -> HTMLResponse:
    """Welcomes a colleague, who chooses a password. Looking at it uses nothing up."""
    return await _ticket_page(look, services, Kind.INVITATION, token)


@router.post(PATHS[Kind.INVITATION])
async def join(
    look: FormLookDep, services: ServicesDep, token: Kept = "", new_password: Text = ""
) -> Response:
    """Takes the password."""
    return await _redeem(look, services, Kind.INVITATION, token, new_password)


@router.get(PATHS[Kind.RESET])
async def forgotten(look: LookDep, services: ServicesDep, token: Token = "") -> HTMLResponse:
    """Asks for a new password."""
    return await _ticket_page(look, services, Kind.RESET, token)


@router.post(PATHS[Kind.RESET])
async def choose(
    look: FormLookDep, services: ServicesDep, token: Kept = "", new_password: Text = ""
) -> Response:
    """Takes the new password; every session ends."""
    return await _redeem(look, services, Kind.RESET, token, new_password)


async def _redeem(
    look: Look, services: Services, kind: Kind, token: str, password: str
) -> Response:
    try:
        done = await tickets.redeem(services.db, token, kind, password)
    except WafaaError as error:
        return await _ticket_page(look, services, kind, token, *told(look, error))
    if not done:
        return _gone_page(look)
    return see(f"/signin?lang={look.language}&done=password_chosen")


async def _ticket_page(
    look: Look, services: Services, kind: Kind, token: str, problem: str = "", status: int = 200
) -> HTMLResponse:
    found = await tickets.read(services.db, token, kind)
    if found is None:
        return _gone_page(look)
    look = Look(look.language, PATHS[kind], {"token": token})
    lead = look.say(f"{kind}_lead", name=found.name, client=found.client, email=found.email)
    form = draw_form(
        look,
        PATHS[kind],
        "choose_password",
        [new_password_field(wrong=bool(problem), focus=True)],
        hidden={"token": token},
    )
    return respond(look, TITLES[kind], f"<p>{lead}</p>{draw_problem(problem)}{form}", status)


def _gone_page(look: Look) -> HTMLResponse:
    """For a link that was used, is too old, or never was one: nobody is told which."""
    again = draw_link(f"/reset?lang={look.language}", look.say("forgot"))
    return respond(look, "link_gone", f"<p>{look.say('link_gone_lead')}</p>{again}", 410)
