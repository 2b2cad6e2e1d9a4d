"""What the pages' endpoints ask for: who looks, in which language, and that a form is ours."""

import math
from html import escape
from typing import Annotated

from fastapi import Depends, Form, Query, Request
from fastapi.responses import RedirectResponse
from pydantic import AfterValidator

from app.api.catalogue import PROBLEMS
from app.api.deps import CookiesDep, SessionDep
from app.api.language import LANGUAGES, language_of
from app.api.signing.page import Look
from app.api.signing.paths import HOME, sign_in_path
from app.core import wording
from app.core.errors import RateLimited, WafaaError
from app.schemas.common import keepable
from app.services.identity.sessions import Session

Text = Annotated[str, Form(max_length=2000), AfterValidator(keepable)]
Kept = Annotated[str, Form(max_length=4000), AfterValidator(keepable)]


async def look(request: Request, lang: Annotated[str, Query(max_length=20)] = "") -> Look:
    """Who looks at a page."""
    return _look(request, lang)


async def form_look(request: Request, cookies: CookiesDep, lang: Text = "") -> Look:
    """Who sent a form; it has to be one of our own.

    Raises:
        Forbidden: It came from somebody else's page.
    """
    cookies.refuse_foreign(request)
    return _look(request, lang)


def _look(request: Request, lang: str) -> Look:
    accepted = language_of(request.headers.get("accept-language"))
    return Look(lang if lang in LANGUAGES else accepted, request.scope["path"])


LookDep = Annotated[Look, Depends(look)]
FormLookDep = Annotated[Look, Depends(form_look)]


class SignInFirst(Exception):
    """Somebody has to sign in before they see a page."""

    def __init__(self, return_to: str) -> None:
        super().__init__(return_to)
        self.return_to = return_to


async def lead_to_sign_in(_request: Request, first: SignInFirst) -> RedirectResponse:
    """Sends somebody to the sign-in page, and back afterwards."""
    return see(sign_in_path(first.return_to))


async def signed_in(session: SessionDep, request: Request) -> Session:
    """Who is signed in.

    Raises:
        SignInFirst: Nobody.
    """
    if session is None:
        raise SignInFirst(request.scope["path"] if request.method == "GET" else HOME)
    return session


SignedInDep = Annotated[Session, Depends(signed_in)]


def told(look: Look, error: WafaaError) -> tuple[str, int]:
    """What a page says of an error, ready for HTML, and the status it says it with."""
    if isinstance(error, RateLimited):
        minutes = math.ceil((error.retry_after or 0) / 60)
        return look.say("too_often", minutes=minutes), error.status
    if error.status >= 500:
        raise error
    said = wording.within(error.message, look.language)
    if look.language != "en" and said == error.message:
        said = PROBLEMS[error.code].detail.within(look.language)
    return escape(said), error.status


def see(path: str) -> RedirectResponse:
    """Leads on to another page after a form was taken."""
    return RedirectResponse(path, 303)
