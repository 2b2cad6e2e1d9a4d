"""The keys that tokens are signed with: each has one algorithm, one issuer, and one header that its tokens begin with.

A token's header is never read: it must be, letter for letter, the one that a key of ours writes. So nothing in it can
name a key, an algorithm, an address or an extension of its own.
"""

import base64
import hashlib
import json
import re
from collections import OrderedDict
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from app.core.errors import Unauthenticated
from app.core.principal import Audience, Principal, Role

LEEWAY_SECONDS = 60
LONGEST_TOKEN: Final = 4096
_MOST_REMEMBERED = 4096
_RSA_BITS = 2048


class Algorithm(StrEnum):
    """How tokens are signed. ``EdDSA`` is the name that others' libraries know Ed25519 by."""

    HS256 = "HS256"
    EDDSA = "EdDSA"
    RS256 = "RS256"

    def fits(self, token: str) -> bool:
        """Three base64url segments; the spare bits of the last are zero, so that a token has one spelling."""
        return _FORMS[self].fullmatch(token) is not None


_FORMS = {
    name: re.compile(rf"[\w-]+\.[\w-]+\.[\w-]{{{letters}}}[{ends}]", re.ASCII)
    for name, letters, ends in (
        (Algorithm.HS256, 42, "AEIMQUYcgkosw048"),
        (Algorithm.EDDSA, 85, "AQgw"),
        (Algorithm.RS256, 341, "AQgw"),
    )
}


class Registry(JWSRegistry):
    """One algorithm and no other."""

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithms=[algorithm])
        self._only = self.algorithms[algorithm]

    def get_alg(self, name: str) -> Any:
        """The one, if it is asked for. Its name isn't warned of: RFC 9864 retires EdDSA before anybody else does."""
        if name != self._only.name:
            raise UnsupportedAlgorithmError
        return self._only


class Claims(BaseModel):
    """An access token's payload (RFC 9068). What isn't named here isn't accepted."""

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
    grant: UUID | None = None

    @field_validator(
        "aud", "role", "client", "contact", "conversation", "account", "sid", "grant", mode="before"
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
            application=None if self.client_id in (*OURS, self.sub) else self.client_id,
            contact_id=self.contact,
            conversation_id=self.conversation,
            account_id=self.account,
            session_id=self.sid,
            issued_at=self.iat,
        )

    def check(self) -> None:
        """Refuses what can't be: the rest was checked by what they were read with.

        Raises:
            ValueError: It lives too long, or doesn't fit its role.
        """
        if self.exp - self.iat > self.aud.longest_life.total_seconds():
            raise ValueError("Lives too long.")
        if Audience.of(self.role) is not self.aud or not self.sub or not self.jti:
            raise ValueError("Doesn't fit its role.")


CONSOLE, WIDGET = OURS = ("wafaa-console", "wafaa-widget")
"""Programs of our own, as tokens name them."""


class TokenKey:
    """Signs and reads one issuer's tokens with one key."""

    def __init__(self, algorithm: Algorithm, key: Key, issuer: str, kid: str | None = None) -> None:
        named = {"kid": kid} if kid else {}
        self.algorithm = algorithm
        self.kid = kid
        self.issuer = issuer
        self._header = {"alg": algorithm.value, **named, "typ": "at+jwt"}
        self._key = key
        self._registry = Registry(algorithm)
        self._read: OrderedDict[bytes, Claims] = OrderedDict()
        raw = json.dumps(self._header, separators=(",", ":")).encode()
        self.head: Final = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        """The first segment of every token of this key."""

    def sign(self, claims: dict[str, Any]) -> str:
        """A token."""
        return jwt.encode(
            self._header, claims, self._key, registry=self._registry, default_type=None
        )

    def public(self) -> dict[str, Any]:
        """What others verify our tokens with, as JWKS has it (RFC 7517)."""
        known = self._key.as_dict(private=False)
        return {**known, "kid": self.kid, "use": "sig", "alg": self.algorithm.value}

    def claims(self, token: str, audience: Audience, now: float) -> Claims:
        """What a token of this key says.

        Raises:
            Unauthenticated: It is forged, expired, for another audience or otherwise not one of ours; the
                reason is not told.
        """
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        known = self._read.get(digest)
        if known is None:
            known = self._verified(token, audience, now)
            self._read[digest] = known
            if len(self._read) > _MOST_REMEMBERED:
                self._read.popitem(last=False)
        if known.aud is not audience or known.exp + LEEWAY_SECONDS <= now:
            raise Unauthenticated
        return known

    def _verified(self, token: str, audience: Audience, now: float) -> Claims:
        """The claims of a token that passes every check; remembered, as a signature costs more than all the rest."""
        try:
            return self._decoded(token, audience, now)
        except (JoseError, ValidationError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated from error

    def _decoded(self, token: str, audience: Audience, now: float) -> Claims:
        if len(token) > LONGEST_TOKEN or not self.algorithm.fits(token):
            raise ValueError("Not a compact token.")
        if head_of(token) != self.head:
            raise ValueError("Not our header.")
        decoded = jwt.decode(token, self._key, registry=self._registry)
        self._expectations(audience, now).validate(decoded.claims)
        claims = Claims.model_validate(decoded.claims)
        claims.check()
        return claims

    def _expectations(self, audience: Audience, now: float) -> JWTClaimsRegistry:
        return JWTClaimsRegistry(
            now=int(now),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": audience.value},
            exp={"essential": True},
            iat={"essential": True},
        )


def head_of(token: str) -> str:
    """The first segment of a token."""
    return token.partition(".")[0]


def new_key(algorithm: Algorithm) -> Key:
    """A fresh private key."""
    if algorithm is Algorithm.RS256:
        return RSAKey.generate_key(_RSA_BITS, private=True)
    return OKPKey.generate_key("Ed25519", private=True)


def import_key(algorithm: Algorithm, private: dict[str, Any]) -> Key:
    """A key that was kept as a JWK."""
    kind = RSAKey if algorithm is Algorithm.RS256 else OKPKey
    return kind.import_key(private)
