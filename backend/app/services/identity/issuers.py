"""OpenID Connect issuers, as they describe themselves: their addresses, and the keys that they sign with.

Everything is fetched by ``safe_fetch``. What was read is kept for a while, and for longer while an issuer can't be
reached: people then still sign in with what it signed. A key that nobody has seen makes the keys be read anew, but not
more often than once in a while, whoever asks.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Generic, TypeVar

import orjson
from joserfc import jwk
from joserfc.errors import JoseError
from joserfc.jwk import Key
from yarl import URL

from app.core.errors import InvalidInput, UpstreamRefused, UpstreamUnavailable
from app.core.given_urls import Allowed, literal, read_url
from app.core.public_addresses import Network
from app.core.safe_fetch import Asked, Fetched, safe_fetch

FRESH_SECONDS = 600.0
STALE_SECONDS = 24 * 3600.0
PAUSE_SECONDS = 30.0
"""Between two looks for a key that nobody has seen."""
MOST_ISSUERS = 1000
_ANSWER_BYTES = 256 * 1024
_USUAL_PORTS = frozenset({8443})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Metadata:
    """An issuer, as it describes itself.

    Attributes:
        issuer: Its name.
        authorization: Where people sign in.
        token: Where we ask who they are.
        jwks: Where its keys are.
        names_itself: Whether it says with every answer that it is the one who answers (RFC 9207).
        posts_secret: Whether it wants our secret in the body, not in a header.
    """

    issuer: str
    authorization: str
    token: str
    jwks: str
    names_itself: bool
    posts_secret: bool


@dataclass(slots=True)
class _Kept(Generic[T]):
    value: T
    at: float


class Issuers:
    """Reads issuers, and remembers them."""

    def __init__(self, networks: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """Sets how far it goes.

        Args:
            networks: Where issuers may be although it isn't public, by comma; there without TLS and on any port.
            clock: Seconds.
        """
        names = (name.strip() for name in networks.split(","))
        self._networks: tuple[Network, ...] = tuple(ip_network(name) for name in names if name)
        self._clock = clock
        self._metadata: dict[str, _Kept[Metadata]] = {}
        self._keys: dict[str, _Kept[dict[str, Key]]] = {}

    async def metadata(self, issuer: str) -> Metadata:
        """An issuer's description.

        Raises:
            InvalidInput: Its address isn't one we go to.
            UpstreamRefused: What it says isn't a description of it.
            UpstreamUnavailable: It can't be reached, and hasn't been of late.
        """
        kept = self._metadata.get(issuer)
        if kept and self._clock() - kept.at < FRESH_SECONDS:
            return kept.value
        try:
            found = await self._discover(issuer)
        except (UpstreamUnavailable, UpstreamRefused):
            if kept is None or self._clock() - kept.at > STALE_SECONDS:
                raise
            return kept.value
        self._keep(self._metadata, issuer, found)
        return found

    async def key(self, metadata: Metadata, kid: str | None) -> Key:
        """The key of that name; without a name the only one.

        Raises:
            UpstreamRefused: There is none.
            UpstreamUnavailable: Its keys can't be read, and haven't been of late.
        """
        kept = self._keys.get(metadata.jwks)
        age = self._clock() - kept.at if kept else STALE_SECONDS + 1
        found = _choose(kept.value, kid) if kept else None
        if age > (FRESH_SECONDS if found else PAUSE_SECONDS):
            try:
                kept = self._keep(self._keys, metadata.jwks, await self._read_keys(metadata.jwks))
            except (UpstreamUnavailable, UpstreamRefused):
                if found is None or age > STALE_SECONDS:
                    raise
            found = _choose(kept.value, kid) if kept else None
        if found is None:
            raise UpstreamRefused("The identity provider signed with a key that it doesn't show.")
        return found

    async def post(self, url: str, form: bytes, headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Sends a form; gives the JSON that comes back, whatever the status.

        Raises:
            UpstreamRefused: It isn't JSON.
            UpstreamUnavailable: Nobody answers.
        """
        sent = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        asked = Asked("POST", sent | dict(headers), form)
        hosts = frozenset({URL(url).raw_host or ""})
        return _json(await safe_fetch(url, asked, allow=self._allowed(url, hosts)))

    async def _discover(self, issuer: str) -> Metadata:
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        fetched = await safe_fetch(url, allow=self._allowed(url))
        told = _json(fetched) if fetched.status == 200 else {}
        places = [told.get(f"{name}_endpoint") for name in ("authorization", "token")]
        places.append(told.get("jwks_uri"))
        if told.get("issuer") != issuer or not all(isinstance(place, str) for place in places):
            raise UpstreamRefused(
                "This address doesn't describe an identity provider of that name."
            )
        for place in places:
            read_url(str(place), self._allowed(str(place)))
        ways = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        authorization, token, jwks = map(str, places)
        return Metadata(
            issuer,
            authorization,
            token,
            jwks,
            names_itself=told.get("authorization_response_iss_parameter_supported") is True,
            posts_secret="client_secret_basic" not in ways and "client_secret_post" in ways,
        )

    async def _read_keys(self, url: str) -> dict[str, Key]:
        fetched = await safe_fetch(url, allow=self._allowed(url))
        listed = _json(fetched).get("keys") if fetched.status == 200 else None
        if not isinstance(listed, list):
            raise UpstreamRefused("The identity provider doesn't show its keys.")
        keys = [_key(one) for one in listed[:100]]
        return {str(key.kid or ""): key for key in keys if key is not None}

    def _allowed(self, url: str, hosts: frozenset[str] | None = None) -> Allowed:
        """How far a fetch may go: to the public web over TLS, and into the networks that were named."""
        try:
            host, port = URL(url).raw_host or "", URL(url).explicit_port
        except ValueError as error:
            raise InvalidInput("This is no web address.") from error
        address = literal(host)
        inside = address is not None and any(address in network for network in self._networks)
        return Allowed(
            http=inside,
            ports=_USUAL_PORTS | ({port} if port and self._networks else frozenset()),
            hosts=hosts,
            networks=self._networks,
            most_bytes=_ANSWER_BYTES,
        )

    def _keep(self, where: dict[str, _Kept[T]], name: str, value: T) -> _Kept[T]:
        where.pop(name, None)
        where[name] = kept = _Kept(value, self._clock())
        if len(where) > MOST_ISSUERS:
            del where[next(iter(where))]
        return kept


def _json(fetched: Fetched) -> Mapping[str, Any]:
    try:
        read = orjson.loads(fetched.body)
    except orjson.JSONDecodeError as error:
        raise UpstreamRefused("The identity provider doesn't answer as one does.") from error
    if not isinstance(read, dict):
        raise UpstreamRefused("The identity provider doesn't answer as one does.")
    return read


def _key(listed: Any) -> Key | None:
    """A key to check signatures with; None for keys of other uses, or of kinds that we don't know."""
    if (
        not isinstance(listed, dict)
        or listed.get("use", "sig") != "sig"
        or listed.get("kty") == "oct"
    ):
        return None
    try:
        return jwk.import_key(listed)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _choose(keys: Mapping[str, Key], kid: str | None) -> Key | None:
    if kid is not None:
        return keys.get(kid)
    return next(iter(keys.values())) if len(keys) == 1 else None
