"""Who a visitor is, by the word of the client's own server: a short-lived JWT that its page hands to the chat.

Each web chat knows up to two keys by name, so that one can replace the other. A key is either a secret (HS256) or the
public half of an Ed25519 pair (EdDSA), never both: nothing in a token can choose.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, OctKey, OKPKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.core.errors import Unauthenticated
from app.core.token_keys import LEEWAY_SECONDS, Registry

AUDIENCE: Final = "wafaa-web"
LONGEST_LIFE_SECONDS: Final = 3600
LONGEST_TOKEN: Final = 4096
MOST_ATTRIBUTE_BYTES: Final = 2048
MOST_KEYS: Final = 2
SHORTEST_SECRET: Final = 32
PUBLIC: Final = "ed25519:"

_NAMED = re.compile(r"([\w.-]{1,64})=(\S+)", re.ASCII)
_PUBLIC_KEY = re.compile(r"[\w-]{42}[AEIMQUYcgkosw048]", re.ASCII)
_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_HEADER = frozenset({"alg", "kid", "typ"})


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """What one of a client's servers signs with.

    Attributes:
        names: The algorithms that it may be named by: one algorithm, under its old and its new name.
    """

    kid: str
    names: tuple[str, ...]
    key: Key = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a visitor is.

    Attributes:
        subject: The client's own id of them.
        attributes: What else its server said, as far as the chat is set to take it.
    """

    subject: str
    name: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


class _Claims(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    aud: str
    sub: str = Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f]+$")
    iat: int
    exp: int
    nbf: int | None = None
    iss: str | None = None
    tenant: str | None = None
    name: str | None = Field(None, max_length=200, pattern=r"^[^\x00-\x1f]*$")
    attributes: dict[str, str | int | float | bool | None] = Field(default_factory=dict)


def parse_keys(text: str) -> tuple[IdentityKey, ...]:
    """Keys as a chat is set to: ``k1=SECRET k2=ed25519:PUBLIC``.

    Raises:
        ValueError: They can't be read, are too weak, or too many.
    """
    found = [_NAMED.fullmatch(word) for word in text.split()]
    keys = tuple(_key(one[1], one[2]) for one in found if one)
    names = {key.kid for key in keys}
    if None in found or not 0 < len(keys) <= MOST_KEYS or len(names) != len(keys):
        raise ValueError("must look like k1=SECRET, or two of them with a space between")
    return keys


def _key(kid: str, value: str) -> IdentityKey:
    if value.startswith(PUBLIC):
        point = value.removeprefix(PUBLIC)
        if not _PUBLIC_KEY.fullmatch(point):
            raise ValueError(f"{kid} must be ed25519: and 32 bytes in base64url")
        key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": point})
        return IdentityKey(kid, ("EdDSA", "Ed25519"), key)
    if len(value.encode()) < SHORTEST_SECRET:
        raise ValueError(f"{kid} needs a secret of at least {SHORTEST_SECRET} bytes")
    return IdentityKey(kid, ("HS256",), OctKey.import_key(value.encode()))


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """What a chat takes.

    Attributes:
        keys: Whose word counts.
        client: The client's slug; a token may name it, and no other.
        issuer: Who has to have issued tokens; nobody in particular when None.
        attributes: The names that are taken over; what isn't named is left.
    """

    keys: Sequence[IdentityKey]
    client: str
    issuer: str | None = None
    attributes: frozenset[str] = frozenset()

    def read(self, token: str, now: float) -> Identity:
        """Who a token says the visitor is.

        Raises:
            Unauthenticated: It is forged, expired, lives too long or isn't for this chat; the reason is not told.
        """
        try:
            return self._identity(self._claims(token), now)
        except (JoseError, ValidationError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated("The identity token isn't valid. Fetch a fresh one.") from error

    def _claims(self, token: str) -> _Claims:
        if len(token) > LONGEST_TOKEN or not _COMPACT.fullmatch(token):
            raise ValueError("Not a compact token.")
        header = json.loads(_decoded(token.partition(".")[0]), object_pairs_hook=_once)
        if not isinstance(header, dict) or not header.keys() <= _HEADER:
            raise ValueError("A header that says more than it may.")
        if header.get("typ", "JWT") != "JWT":
            raise ValueError("Another kind of token.")
        key = self._named(header.get("kid"))
        if header.get("alg") not in key.names:
            raise ValueError("Not the key's algorithm.")
        registry = Registry(str(header["alg"]))
        decoded = jwt.decode(token, key.key, registry=registry, decoder_cls=_Decoder)
        return _Claims.model_validate(decoded.claims)

    def _named(self, kid: object) -> IdentityKey:
        """The key of that name; without a name the only one."""
        if kid is None and len(self.keys) == 1:
            return self.keys[0]
        found = [key for key in self.keys if key.kid == kid]
        if not found:
            raise ValueError("No key of this chat.")
        return found[0]

    def _identity(self, claims: _Claims, now: float) -> Identity:
        fits = (
            claims.aud == AUDIENCE
            and claims.tenant in (None, self.client)
            and self.issuer in (None, claims.iss)
            and claims.iat <= now + LEEWAY_SECONDS
            and (claims.nbf or 0) <= now + LEEWAY_SECONDS
            and claims.exp > now - LEEWAY_SECONDS
            and 0 < claims.exp - claims.iat <= LONGEST_LIFE_SECONDS
            and len(json.dumps(claims.attributes)) <= MOST_ATTRIBUTE_BYTES
        )
        if not fits:
            raise ValueError("Not for this chat, or not now.")
        kept = {name: value for name, value in claims.attributes.items() if name in self.attributes}
        return Identity(claims.sub, claims.name, kept)


class _Decoder(json.JSONDecoder):
    """Refuses an object that says something twice: readers differ on which one counts."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("Said twice.")
    return found


def _decoded(segment: str) -> bytes:
    return base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
