"""Signing in at a business's own identity provider: away, and back."""

from datetime import timedelta
from html import escape
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from yarl import URL

from app.api.cookies import SESSION
from app.api.deps import CookiesDep, ServicesDep
from app.api.devices import device_of
from app.api.signing.asking import FormLookDep, Kept, LookDep, Text, see, told
from app.api.signing.page import Field, Look, draw_form, draw_link, draw_problem, respond
from app.api.signing.paths import local_path
from app.core.errors import UpstreamRefused, UpstreamUnavailable, WafaaError
from app.services.identity.oidc import CALLBACK, LONGEST_SIGN_IN

router = APIRouter(include_in_schema=False)

PENDING = "wafaa_sso"
PAGE = "/signin/sso"
_ANSWER = ("code", "state", "iss", "error")


@router.get(PAGE)
async def ask(
    look: LookDep, return_to: Annotated[str | None, Query(max_length=4000)] = None
) -> HTMLResponse:
    """Asks where somebody works."""
    return _page(look, local_path(return_to))


@router.post(PAGE)
async def leave(
    look: FormLookDep,
    services: ServicesDep,
    cookies: CookiesDep,
    business: Text = "",
    return_to: Kept = "",
) -> Response:
    """Names the provider, and leads there. A link, not a redirect: nobody is led to a stranger's page unawares."""
    wanted = local_path(return_to)
    try:
        away = await services.single_sign_on.leave(business, wanted, language=look.language)
    except WafaaError as error:
        return _page(look, wanted, business, *_said(look, error))
    lead = look.say("sso_leads_to", client=away.client, host=URL(away.url).host or "")
    link = f'<a class="button" href="{escape(away.url)}" rel="noreferrer">{look.say("go_on")}</a>'
    response = respond(Look(look.language, PAGE), "sso", f"<p>{lead}</p>{link}")
    cookies.set(response, PENDING, away.note, timedelta(seconds=LONGEST_SIGN_IN))
    return response


@router.get(CALLBACK)
async def come_back(
    request: Request, look: LookDep, services: ServicesDep, cookies: CookiesDep
) -> Response:
    """Takes what the provider says."""
    look = Look(look.language, PAGE)
    answer = {n: v[:4000] for n in _ANSWER if (v := request.query_params.get(n)) is not None}
    try:
        begun, wanted = await services.single_sign_on.come_back(
            cookies.read(request, PENDING), answer, device=device_of(request.headers.get("user-agent"))
        )  # fmt: skip
    except WafaaError as error:
        response: Response = _page(look, local_path(None), "", *_said(look, error))
    else:
        response = see(local_path(wanted))
        cookies.set(response, SESSION, begun.secret, begun.life)
    cookies.clear(response, PENDING)
    return response


def _said(look: Look, error: WafaaError) -> tuple[str, int]:
    """What a page says; that a provider is down is no fault of ours."""
    if isinstance(error, UpstreamUnavailable | UpstreamRefused):
        return look.say("sso_down"), error.status
    return told(look, error)


def _page(
    look: Look, return_to: str, business: str = "", problem: str = "", status: int = 200
) -> HTMLResponse:
    look = Look(look.language, PAGE, {"return_to": return_to})
    fields = (
        Field("business", "business", "text", "username", business, "business_hint", bool(problem), True),
    )  # fmt: skip
    body = (
        draw_problem(problem)
        + draw_form(look, PAGE, "go_on", fields, hidden={"return_to": return_to})
        + draw_link(f"/signin?lang={look.language}", look.say("by_password"))
    )
    return respond(look, "sso", body, status)
