"""``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header-07): a POST may be sent again and is done once.

The key is entered and the answer kept in the very transaction of what the request does: there is no moment at which one
is known without the other. The same request again gets the first one's answer; another request under the same key 422;
one that comes while the first is being worked on waits for it, and gets 409 where that takes too long. A request that
failed did nothing, so its key is free.
"""

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile

from app.bootstrap import Services
from app.core.multi_tenant import TenantTx
from app.core.once import KeyReused, Repeatable, bare
from app.core.security import Principal
from app.models.idempotency import IdempotencyKey, Keys

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
TOLD = ("content-type", "etag", "location")
"""The headers of an answer that are part of it."""

_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "Send the same request with the same key as often as you like within 24 hours: it is done once.",
}
_PIECE = 1 << 20


class OnceRoute(APIRoute):
    """A route whose POST keeps its answer for whoever sends the same again."""

    def __init__(self, *args: Any, **options: Any) -> None:
        if "POST" in (options.get("methods") or ()):
            extra = options.get("openapi_extra") or {}
            options["openapi_extra"] = {
                **extra,
                "parameters": [*extra.get("parameters", ()), _PARAMETER],
            }
        super().__init__(*args, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, with an eye on what it answers while the transaction is open."""
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            if HEADER in request.headers and request.method == "POST":
                bare(request.headers[HEADER])  # Where nothing is entered, too: as it is described.
            try:
                response: Response = await handle(request)
            except _DoneBefore as done:
                return done.response
            entry: _Entry | None = getattr(request.state, "once", None)
            if entry:
                await entry.keep(response)
            return response

        return once


class _DoneBefore(Exception):
    """The request was done before; ``response`` is what it came to."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__()


@dataclass(frozen=True, slots=True)
class _Entry:
    """A request that is being done, and the transaction that does it."""

    tx: TenantTx
    keys: Keys
    request: Repeatable

    async def keep(self, response: Response) -> None:
        told = {name: response.headers[name] for name in TOLD if name in response.headers}
        answer = self.request.seal(orjson.dumps(told) + b"\n" + bytes(response.body))
        await self.keys.keep(self.tx, self.request.name, response.status_code, answer)


async def enter(
    request: Request,
    services: Services,
    tx: TenantTx,
    principal: Principal,
    keys: Keys = IdempotencyKey,
) -> None:
    """Enters a request that has a key; comes back only when it is to be done.

    Raises:
        KeyReused: The key was used for something else.
        KeyInUse: The first request under this key doesn't end.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return
    asked = services.notary.name(
        principal.client_id, principal.subject, key, await _fingerprint(request)
    )
    kept = await keys.claim(tx, asked.name, asked.fingerprint)
    if kept is None:
        request.state.once = _Entry(tx, keys, asked)
        return
    if kept.fingerprint != asked.fingerprint:
        raise KeyReused
    told, _, body = asked.open(kept.answer).partition(b"\n")
    raise _DoneBefore(Response(body, kept.status, {**orjson.loads(told), REPLAYED: "true"}))


async def _fingerprint(request: Request) -> bytes:
    """A hash of all that is asked. A form's boundary is new with every try, so its fields count, not its bytes."""
    asked = hashlib.sha256()
    scope = request.scope
    _add(asked, scope["method"].encode(), scope["path"].encode(), scope["query_string"])
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        for name, value in (await request.form()).multi_items():
            if isinstance(value, UploadFile):
                _add(
                    asked,
                    name.encode(),
                    str(value.filename).encode(),
                    str(value.content_type).encode(),
                )
                await value.seek(0)
                while piece := await value.read(_PIECE):
                    asked.update(piece)
                await value.seek(0)
            else:
                _add(asked, name.encode(), value.encode())
    else:
        asked.update(await request.body())
    return asked.digest()


def _add(asked: "hashlib._Hash", *parts: bytes) -> None:
    for part in parts:
        asked.update(len(part).to_bytes(4, "big") + part)
