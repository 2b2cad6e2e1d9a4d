"""An application around stand-ins for the database: enough to try the frame, with no server behind it."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, cast
from urllib.parse import unquote
from uuid import UUID

from fastapi import APIRouter, FastAPI
from pydantic import Field, SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

from app.api.app import create_app
from app.api.deps import TenantTxDep, VisitorDep, require
from app.bootstrap import Services
from app.core.config import Settings
from app.core.errors import Forbidden, NotFound, RateLimited
from app.core.limits import LocalLimits
from app.core.multi_tenant import Database
from app.core.observability import Metrics, Part, configure_logging
from app.core.security import Attempts, LocalCounts, Principal, Role, Tokens
from app.core.security import Scope as Right
from app.schemas.common import InModel
from app.services.identity.credentials import Credentials
from app.services.identity.second_factor import SecondFactor
from app.services.identity.sessions import Sessions
from app.services.identity.sign_in import SignIn
from app.services.identity.signing_keys import SigningKeys

SECRET = "a secret of more than thirty-two bytes"
CLIENT = UUID("01890000-0000-7000-8000-000000000001")


configure_logging(strict=True)


class BrokenCommit(Exception):
    """The database lost the transaction at its very end; its words quote data."""


@dataclass
class Ledger:
    """A database that only notes whose transactions began and ended."""

    began: list[UUID] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    commit_fails: bool = False

    @asynccontextmanager
    async def directory(self) -> AsyncIterator["Ledger"]:
        yield self

    async def one(self, _sql: str, *_: object) -> None:
        return None

    async def call(self, _sql: str, *_: object) -> list[dict[str, object]]:
        return []

    async def all(self, _sql: str) -> list[dict[str, object]]:
        return []

    @asynccontextmanager
    async def tenant(self, client_id: UUID) -> AsyncIterator[object]:
        self.began.append(client_id)
        try:
            yield object()
        except BaseException:
            self.ended.append("rolled back")
            raise
        if self.commit_fails:
            raise BrokenCommit("secret-canary in /etc/passwd: INSERT INTO messages")
        self.ended.append("committed")


class Pocket:
    """Keeps keys as they are."""

    async def seal(self, _kid: str, plain: bytes) -> tuple[bytes, str]:
        return plain, ""

    async def open(self, _kid: str, sealed: bytes, _under: str) -> bytes:
        return sealed


LISTED = "https://shop.example"


class ShopOnly:
    """Lists one page."""

    async def allowed(self, origin: str) -> bool:
        return origin == LISTED


class EverybodyServed:
    """No client is suspended."""

    async def require_served(self, client_id: UUID) -> None:
        """Lets all pass."""


class NoDoors:
    """An ingress that nobody has come to."""

    def knows(self, kind: str, slug: str) -> bool:
        """Knows none."""
        return False


@dataclass
class Stage:
    """What the frame sees of ``Services``."""

    settings: Settings
    db: Ledger = field(default_factory=Ledger)
    tokens: Tokens = field(default_factory=lambda: Tokens(SECRET, "wafaa"))
    signing_keys: SigningKeys = field(init=False)
    credentials: Credentials = field(init=False)
    metrics: Metrics = field(default_factory=Metrics)
    limits: LocalLimits = field(default_factory=LocalLimits)
    origins: ShopOnly = field(default_factory=ShopOnly)
    standings: EverybodyServed = field(default_factory=EverybodyServed)
    ingress: Any = field(default_factory=NoDoors)
    parts: Sequence[Part] = ()
    opened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        db = cast(Database, self.db)
        self.sessions = Sessions(db)
        self.signing_keys = SigningKeys(db, Pocket(), "https://wafaa.test")
        self.credentials = Credentials.over(db, self.tokens, self.sessions, self.signing_keys)
        attempts = Attempts(LocalCounts())
        self.sign_in = SignIn(db, attempts, SecondFactor(db, attempts))

    async def open(self, *, serving: bool = False) -> None:
        self.opened.append("open serving" if serving else "open")

    async def close(self) -> None:
        self.opened.append("close")

    def token(self, role: Role = Role.OWNER) -> dict[str, str]:
        """The header of a signed-in principal."""
        return {"authorization": f"Bearer {self.tokens.issue(Principal('s-1', CLIENT, role))}"}


class ThingIn(InModel):
    name: str = Field(max_length=10)
    count: int = Field(1, ge=1, le=5)
    tags: list[str] = Field(default_factory=list)


def things() -> APIRouter:
    """Routes that fail in every way."""
    router = APIRouter(prefix="/v1/things", tags=["things"])

    @router.post("")
    async def make(given: ThingIn, tx: TenantTxDep) -> dict[str, bool]:
        return {"ok": True}

    @router.get("/missing/{id}")
    async def missing(id: UUID, tx: TenantTxDep) -> None:
        raise NotFound("There is no such thing: secret advice for people.")

    @router.get("/crash")
    async def crash() -> None:
        raise RuntimeError("secret-canary at /srv/app/x.py: SELECT * FROM staff")

    @router.get("/busy")
    async def busy() -> None:
        raise RateLimited(retry_after=12.2)

    @router.get("/owners")
    async def owners(
        principal: Annotated[Principal, require(Role.OWNER, scope=Right.ADMIN)],
    ) -> str:
        return principal.role

    @router.get("/forbidden")
    async def forbidden() -> None:
        raise Forbidden

    @router.get("/big")
    async def big() -> str:
        return "x" * 5000

    return router


def visits() -> APIRouter:
    """A route for visitors, under the paths that other origins may use."""
    router = APIRouter(prefix="/web/v1", tags=["chat"])

    @router.get("/try")
    async def try_it(visitor: VisitorDep) -> str:
        return visitor.role

    return router


def stage(
    public_url: str | None = None, *, docs: bool = True, metrics_token: str | None = None
) -> Stage:
    """Services for the frame."""
    settings = Settings.model_validate(
        {
            "JWT_SECRET_KEY": SECRET,
            "WAFAA_PUBLIC_URL": public_url,
            "WAFAA_DOCS": docs,
            "WAFAA_METRICS_TOKEN": SecretStr(metrics_token) if metrics_token else None,
        }
    )
    return Stage(settings)


def app_for(services: Stage) -> FastAPI:
    """The real application with the routes above."""
    app = create_app(cast(Services, services))
    app.include_router(things())
    app.include_router(visits())
    return app


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Headers
    body: bytes
    ended: bool

    def json(self) -> dict[str, Any]:
        """The body, read."""
        return cast("dict[str, Any]", json.loads(self.body))


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: bytes | Sequence[bytes] = b"",
    peer: str = "203.0.113.7",
) -> Answer:
    """Speaks ASGI to an application, as a server would; an exception that reaches the server fails the test."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    chunks = [body] if isinstance(body, bytes) else list(body)
    target, _, query = path.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(target),
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"wafaa.test")]
        + [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
        "client": (peer, 40000),
        "server": ("127.0.0.1", 8000),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        if chunks:
            return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert [m["type"] for m in sent].count("http.response.start") == 1
    content = b"".join(m.get("body", b"") for m in sent[1:])
    ended = not sent[-1].get("more_body", False) and len(sent) > 1
    return Answer(sent[0]["status"], Headers(raw=sent[0]["headers"]), content, ended)


def as_json(value: object) -> dict[str, Any]:
    """A body, as arguments of ``call``."""
    return {"body": json.dumps(value).encode()}
