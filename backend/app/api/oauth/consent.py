"""Where a colleague is asked whether an application may act for them."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from app.api.deps import ServicesDep, SessionDep
from app.api.oauth.asking import MOST_BODY_BYTES, once
from app.api.signing.asking import FormLookDep, LookDep, SignInFirst, see
from app.api.signing.page import Look, draw_form, respond
from app.core.security import RIGHTS, Scope
from app.models.oauth import LivingApplication
from app.services.identity import applications
from app.services.identity.oauth import Asked, Authority, Refused, check_challenge, scopes_for
from app.services.identity.sessions import Session

router = APIRouter(prefix="/oauth", include_in_schema=False)

PATH = "/oauth/authorize"
CARRIED = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)
Pairs = Sequence[tuple[str, object]]


class Lost(Exception):
    """Nobody knows where to send the browser: it is told here, and goes nowhere (RFC 6749 §4.1.2.1)."""


class Back(Exception):
    """What goes back to the application, to an address of its own list."""

    def __init__(self, redirect_uri: str, told: Mapping[str, str | None]) -> None:
        super().__init__(redirect_uri)
        self.redirect_uri = redirect_uri
        self.told = told


async def read(authority: Authority, pairs: Pairs) -> Asked:
    """What an application asks for.

    Raises:
        Lost: The application or the address isn't known.
        Back: Something else is wrong.
    """
    application, redirect_uri = await _whither(authority, pairs)
    state = _only(pairs, "state")
    try:
        scopes, challenge = _understood(once(pairs), application)
    except Refused as refused:
        told = {"error": refused.error, "error_description": refused.description, "state": state}
        raise Back(redirect_uri, told) from refused
    return Asked(application, redirect_uri, state, scopes, challenge)


def _understood(
    given: Mapping[str, str], application: LivingApplication
) -> tuple[frozenset[Scope], str]:
    """The rights that are asked for, and the challenge that the code will be bound to."""
    if given.get("response_type") != "code":
        raise Refused("unsupported_response_type", "Only response_type=code is there.")
    if {"request", "request_uri"} & given.keys():
        raise Refused("request_not_supported", "Ask with plain parameters.")
    challenge = check_challenge(given.get("code_challenge"), given.get("code_challenge_method"))
    return scopes_for(application, given.get("scope"), application.scopes), challenge


async def _whither(authority: Authority, pairs: Pairs) -> tuple[LivingApplication, str]:
    """Who asks, and where the answer goes: known before anything else is looked at."""
    client_id, redirect_uri = _only(pairs, "client_id"), _only(pairs, "redirect_uri")
    application = await authority.application(client_id) if client_id else None
    if application is None or redirect_uri is None:
        raise Lost
    if not applications.is_listed(application, redirect_uri):
        raise Lost
    return application, redirect_uri


def _only(pairs: Pairs, name: str) -> str | None:
    """A parameter that is there once."""
    found = [value for key, value in pairs if key == name]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else None


@router.get("/authorize")
async def ask(
    request: Request, look: LookDep, session: SessionDep, services: ServicesDep
) -> Response:
    """Asks whoever is signed in."""
    pairs = request.query_params.multi_items()
    try:
        asked = await read(services.authority, pairs)
        if session is None:
            raise SignInFirst(f"{PATH}?{urlencode(_carried(pairs))}")
        asked = _within(asked, session)
        name = asked.application.name(await services.db.cipher(asked.application.client_id))
        return _page(look, asked, name, session, _carried(pairs))
    except Lost:
        return _lost(look)
    except Back as back:
        whither = _whither_back(services.authority, back)
        return see(whither) if session is None else _leading_on(look, whither)


async def pairs_of(request: Request) -> Pairs:
    """The form's parameters, as often as each is there."""
    async with request.form(max_fields=20, max_files=0) as given:
        return given.multi_items()


@router.post("/authorize", max_body_size=MOST_BODY_BYTES)
async def decide(
    look: FormLookDep,
    pairs: Annotated[Pairs, Depends(pairs_of)],
    session: SessionDep,
    services: ServicesDep,
) -> Response:
    """Takes the decision, and leads back to the application with it."""
    carried = [pair for pair in pairs if pair[0] in CARRIED]
    try:
        asked = await read(services.authority, carried)
        if session is None:
            raise SignInFirst(f"{PATH}?{urlencode(_carried(carried))}")
        asked = _within(asked, session)
        if _only(pairs, "decision") != "allow":
            raise _back(asked, error="access_denied")
        code = await services.authority.allow(asked, session.principal)
        raise _back(asked, code=code)
    except Lost:
        return _lost(look)
    except Back as back:
        return _leading_on(look, _whither_back(services.authority, back))


def _within(asked: Asked, session: Session) -> Asked:
    """What this colleague can give of what is asked for.

    Raises:
        Lost: The application is another business's.
        Back: They have none of these rights themselves.
    """
    if session.principal.client_id != asked.application.client_id:
        raise Lost
    scopes = asked.scopes & RIGHTS[session.principal.role]
    if not scopes:
        raise _back(asked, error="access_denied")
    return Asked(asked.application, asked.redirect_uri, asked.state, scopes, asked.challenge)


def _back(asked: Asked, **told: str) -> Back:
    return Back(asked.redirect_uri, {**told, "state": asked.state})


def _whither_back(authority: Authority, back: Back) -> str:
    """To the application, with our name against mix-ups (RFC 9207)."""
    told = {name: value for name, value in back.told.items() if value is not None}
    joint = "&" if "?" in back.redirect_uri else "?"
    return f"{back.redirect_uri}{joint}{urlencode(told | {'iss': authority.issuer})}"


def _leading_on(look: Look, whither: str) -> HTMLResponse:
    """A page of ours that goes on to the application at once (RFC 6749 §1.7).

    A browser holds whatever follows a form against its page's ``form-action``: the sign-in page's or this one's, and
    through every redirect that the application adds. Such a source can't be an IPv6 address, either.
    """
    lead = look.say("leading_on_lead", place=_place(whither))
    link = f'<a class="button" href="{escape(whither)}" rel="noreferrer">{look.say("go_on")}</a>'
    page = respond(Look(look.language, "/account"), "leading_on", f"<p>{lead}</p>{link}")
    page.headers["refresh"] = f"0;url={whither}"
    return page


def _carried(pairs: Pairs) -> dict[str, str]:
    return {name: str(value) for name, value in pairs if name in CARRIED and value}


def _page(
    look: Look, asked: Asked, name: str, session: Session, carried: Mapping[str, str]
) -> HTMLResponse:
    look = Look(look.language, PATH, carried)
    lead = look.say("consent_lead", application=name, client=asked.application.client_name)
    who = look.say("signed_in_as", name=session.name)
    where = look.say("consent_where", place=_place(asked.redirect_uri))
    body = (
        f'<p class="lead">{lead}</p><ul class="rows">{_rights(look, asked.scopes)}</ul>'
        f'<p class="hint">{who} {where}</p>'
        f"{draw_form(look, PATH, 'consent_allow', hidden={**carried, 'decision': 'allow'})}"
        f"{draw_form(look, PATH, 'consent_deny', hidden={**carried, 'decision': 'deny'}, quiet=True)}"
    )
    return respond(look, "consent", body)


def _rights(look: Look, scopes: Iterable[Scope]) -> str:
    keys = (f"right_{scope.replace(':', '_')}" for scope in Scope if scope in scopes)
    return "".join(f"<li>{look.say(key)}</li>" for key in keys)


def _place(redirect_uri: str) -> str:
    """Whose an address is."""
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def _lost(look: Look) -> HTMLResponse:
    look = Look(look.language, "/account")
    return respond(look, "consent_lost", f"<p>{look.say('consent_lost_lead')}</p>", 400)
