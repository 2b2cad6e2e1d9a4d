"""Access tokens: signed notes that say who is calling, for which client, and in which role (RFC 9068).

One key, one algorithm: HS256 with ``JWT_SECRET_KEY``. A token's header must be exactly the one we write,
so nothing in it can name a key, an algorithm or an extension. The audience keeps staff and visitors apart:
a visitor's token opens nothing of the console, and the other way round.
"""

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from app.core.errors import Misconfigured, Unauthenticated
from app.core.principal import LONGEST_LIFE, Audience, Principal, Role

ALGORITHM = "HS256"
HEADER = {"alg": ALGORITHM, "typ": "at+jwt"}
LEEWAY_SECONDS = 60
SHORTEST_SECRET = 32
CONSOLE, WIDGET = _OURS = ("wafaa-console", "wafaa-widget")
"""Programs of our own, as tokens name them."""
LONGEST_TOKEN = 4096

_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]{42}[AEIMQUYcgkosw048]", re.ASCII)
"""Three base64url segments; the last is 32 bytes with its two spare bits zero, so that a token has one spelling."""


class _Claims(BaseModel):
    """A token's payload. What isn't named here isn't accepted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    iss: str
    aud: Audience
    sub: str
    client_id: str
    client: UUID
    role: Role
    scope: str | None = None
    iat: int
    exp: int
    nbf: int | None = None
    jti: str
    contact: UUID | None = None
    conversation: UUID | None = None
    account: UUID | None = None
    sid: UUID | None = None

    @field_validator(
        "aud", "role", "client", "contact", "conversation", "account", "sid", mode="before"
    )
    @classmethod
    def _from_text(cls, value: object, info: Any) -> object:
        """Strict models take no text for these, and JSON has nothing else."""
        kinds = {"aud": Audience, "role": Role}
        return kinds.get(info.field_name, UUID)(value) if isinstance(value, str) else value

    def principal(self) -> Principal:
        """Who these claims speak of."""
        return Principal(
            subject=self.sub,
            client_id=self.client,
            role=self.role,
            scopes=None if self.scope is None else frozenset(self.scope.split()),
            application=None if self.client_id in (*_OURS, self.sub) else self.client_id,
            contact_id=self.contact,
            conversation_id=self.conversation,
            account_id=self.account,
            session_id=self.sid,
            issued_at=self.iat,
        )


class Tokens:
    """Issues and verifies access tokens."""

    def __init__(self, secret: str, issuer: str, clock: Callable[[], float] = time.time) -> None:
        """Takes the key.

        Raises:
            Misconfigured: The secret is shorter than HS256 needs.
        """
        if len(secret.encode()) < SHORTEST_SECRET:
            raise Misconfigured(f"JWT_SECRET_KEY needs at least {SHORTEST_SECRET} bytes.")
        self._key = OctKey.import_key(secret.encode())
        self._registry = JWSRegistry(algorithms=[ALGORITHM])
        self._issuer = issuer
        self._clock = clock

    def issue(self, principal: Principal, ttl: timedelta = LONGEST_LIFE) -> str:
        """A signed token for a principal.

        Raises:
            ValueError: It would live longer than tokens of its audience may.
        """
        if not timedelta() < ttl <= principal.audience.longest_life:
            raise ValueError(f"This token lives at most {principal.audience.longest_life}.")
        now = int(self._clock())
        claims = {
            "iss": self._issuer,
            "aud": principal.audience,
            "sub": principal.subject,
            "client_id": _application(principal),
            "client": str(principal.client_id),
            "role": principal.role,
            "iat": now,
            "exp": now + int(ttl.total_seconds()),
            "jti": uuid4().hex,
        } | _narrower_claims(principal)
        return jwt.encode(HEADER, claims, self._key, registry=self._registry)

    def verify(self, token: str, audience: Audience = Audience.API) -> Principal:
        """The principal that a token speaks of.

        Raises:
            Unauthenticated: It is forged, expired, for another audience or otherwise not one of ours; the
                reason is not told.
        """
        try:
            return self._read(token, audience).principal()
        except (JoseError, ValidationError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated from error

    def _read(self, token: str, audience: Audience) -> _Claims:
        """The claims of a token that passes every check."""
        if len(token) > LONGEST_TOKEN or not _COMPACT.fullmatch(token):
            raise ValueError("Not a compact token.")
        decoded = jwt.decode(token, self._key, registry=self._registry)
        if decoded.header != HEADER:
            raise ValueError("Not our header.")
        self._expectations(audience).validate(decoded.claims)
        claims = _Claims.model_validate(decoded.claims)
        if claims.exp - claims.iat > audience.longest_life.total_seconds():
            raise ValueError("Lives too long.")
        if Audience.of(claims.role) is not claims.aud or not claims.sub or not claims.jti:
            raise ValueError("Doesn't fit its role.")
        return claims

    def _expectations(self, audience: Audience) -> JWTClaimsRegistry:
        return JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": audience.value},
            exp={"essential": True},
            iat={"essential": True},
        )


def _application(principal: Principal) -> str:
    """RFC 9068's ``client_id``: the program that the token was issued to, which is not our client."""
    if principal.application is not None:
        return principal.application
    match principal.role:
        case Role.VISITOR:
            return WIDGET
        case Role.SERVICE:
            return principal.subject
        case _:
            return CONSOLE


def _narrower_claims(principal: Principal) -> dict[str, str]:
    scopes = principal.scopes
    claims = {
        "scope": None if scopes is None else " ".join(sorted(scopes)),
        "contact": principal.contact_id,
        "conversation": principal.conversation_id,
        "account": principal.account_id,
        "sid": principal.session_id,
    }
    return {name: str(value) for name, value in claims.items() if value is not None}
