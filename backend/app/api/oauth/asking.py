"""How OAuth's requests are read: forms in which nothing is said twice, and applications that prove who they are."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated
from urllib.parse import unquote_plus, urlsplit

from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response

from app.api.deps import ServicesDep
from app.models.oauth import LivingApplication
from app.schemas.common import unkeepable
from app.services.identity.oauth import Refused

FORM = "application/x-www-form-urlencoded"
LONGEST_VALUE = 4096
MOST_BODY_BYTES = 64 * 1024
_STATUS = {"invalid_client": 401}


class TokenRefused(Exception):
    """A refusal that is told to a program."""

    def __init__(
        self, refused: Refused, *, by_basic: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(refused.error)
        self.refused = refused
        self.by_basic = by_basic
        self.headers = headers or {}


async def tell(_request: Request, error: TokenRefused) -> Response:
    """Answers in OAuth's own words (RFC 6749 §5.2)."""
    refused = error.refused
    headers = {"pragma": "no-cache", **error.headers}
    status = _STATUS.get(refused.error, 400)
    if status == 401 and error.by_basic:
        headers["www-authenticate"] = 'Basic realm="wafaa"'
    body = {"error": refused.error, "error_description": refused.description}
    return JSONResponse(body, status, headers)


def once(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Parameters by name.

    Raises:
        Refused: One is there twice, isn't text, or is longer than anything of ours.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if (
            name in found
            or not isinstance(value, str)
            or len(value) > LONGEST_VALUE
            or unkeepable(value)
        ):
            raise Refused("invalid_request", "Say each parameter once, as text of bearable length.")
        if value:  # One without a value counts as left out (RFC 6749 §3.1).
            found[name] = value
    return found


async def form(request: Request) -> Mapping[str, str]:
    """The parameters in a request's body.

    Raises:
        TokenRefused: They can't be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise TokenRefused(Refused("invalid_request", f"Send a form: Content-Type: {FORM}."))
    try:
        async with request.form(max_fields=20, max_files=0) as given:
            return once(given.multi_items())
    except Refused as refused:
        raise TokenRefused(refused) from refused


FormDep = Annotated[Mapping[str, str], Depends(form)]


async def application(request: Request, given: FormDep, services: ServicesDep) -> LivingApplication:
    """The application that is calling, by Basic or by the form, not by both.

    Raises:
        TokenRefused: It doesn't prove who it is.
    """
    shown = request.headers.getlist("authorization")
    try:
        name, secret = _proof(shown, given)
        return await services.authority.authenticate(name, secret)
    except Refused as refused:
        raise TokenRefused(refused, by_basic=bool(shown)) from refused


ApplicationDep = Annotated[LivingApplication, Depends(application)]


async def readers(request: Request, application: ApplicationDep) -> Mapping[str, str]:
    """Which pages may read the answer: those of the origins that the application's codes go to, letter by letter.

    A form needs no preflight, so an application that shows its name in the form alone is all that is let in.
    """
    shown = request.headers.getlist("origin")
    listed = {"://".join(urlsplit(uri)[:2]) for uri in application.redirect_uris}
    if len(shown) != 1 or shown[0] not in listed:
        return {"vary": "Origin"}
    return {"vary": "Origin", "access-control-allow-origin": shown[0]}


ReadersDep = Annotated[Mapping[str, str], Depends(readers)]


def _proof(shown: Sequence[str], given: Mapping[str, str]) -> tuple[str, str | None]:
    """Who is calling, and by which secret."""
    if len(shown) > 1 or (shown and "client_secret" in given):
        raise Refused("invalid_request", "Show the secret in one way.")
    name, secret = (
        _basic(shown[0]) if shown else (given.get("client_id"), given.get("client_secret"))
    )
    if name is None or given.get("client_id", name) != name:
        raise Refused("invalid_client", "Say which application is calling.")
    return name, secret


def _basic(header: str) -> tuple[str | None, str | None]:
    """Name and secret of Basic, each of them a form's text inside (RFC 6749 §2.3.1)."""
    kind, _, encoded = header.partition(" ")
    try:
        raw = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raw = ""
    name, colon, secret = raw.partition(":")
    if kind.lower() != "basic" or not colon or unkeepable(raw):
        raise Refused("invalid_client", "This isn't how an application proves who it is.")
    return unquote_plus(name), unquote_plus(secret)
