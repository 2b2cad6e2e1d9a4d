"""The one way to a URL that a person gave: a page to learn, a hook to call, a picture to look at.

Such a URL may lead anywhere, so nothing is believed of it. It is read by the parser that will also connect. Its host
is resolved once, every address must be public, and the connection goes to just those; a name that means something
else a moment later changes nothing. The socket checks again, as the last one that can. No cookies, no proxies of the
environment, no credentials, no compression, no redirects unless asked for, and then each hop is a new URL.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from app.core.errors import InvalidInput, UpstreamRefused, UpstreamUnavailable
from app.core.given_urls import UNWRITTEN, Allowed, literal, read_url
from app.core.public_addresses import Address

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Finds the addresses of a host name."""

_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_NEVER: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is sent. Redirects are followed for GET and HEAD alone."""

    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back, of whatever status.

    Attributes:
        url: Where it came from in the end.
        status: HTTP status.
        headers: By lower-case name.
        body: All of it.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """What the body is said to be, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


async def system_resolver(host: str) -> Sequence[str]:
    """Finds addresses as this machine does."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def safe_fetch(
    url: str,
    asked: Asked | None = None,
    *,
    allow: Allowed | None = None,
    resolve: Resolve = system_resolver,
    tls: ssl.SSLContext | None = None,
) -> Fetched:
    """Fetches a URL that a person gave.

    Args:
        url: Absolute.
        asked: What is sent; a plain GET when absent.
        allow: How far it may go.
        resolve: Finds addresses.
        tls: Which certificates are believed; the system's when absent.

    Raises:
        InvalidInput: The URL, or one it redirects to, isn't one we go to.
        UpstreamRefused: The answer is none we take: too large, compressed, redirecting.
        UpstreamUnavailable: Nobody answers, or not in time.
    """
    fetch = _Fetch(asked or Asked(), allow or Allowed(), resolve, tls)
    fetch.refuse_credentials()
    try:
        async with asyncio.timeout(fetch.allow.seconds):
            return await fetch.run(url)
    except TimeoutError as error:
        raise UpstreamUnavailable("The address doesn't answer in time.") from error
    except aiohttp.ClientPayloadError as error:
        raise UpstreamRefused("The answer broke off.") from error
    except (aiohttp.ClientConnectionError, OSError) as error:
        raise UpstreamUnavailable("The address can't be reached.") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise UpstreamRefused("The address doesn't answer as a web server does.") from error


@dataclass(frozen=True, slots=True)
class _Fetch:
    """One fetch, with all its hops."""

    asked: Asked
    allow: Allowed
    resolve: Resolve
    tls: ssl.SSLContext | None

    async def run(self, text: str) -> Fetched:
        """Goes from hop to hop."""
        url = read_url(text, self.allow)
        headers = dict(self.asked.headers)
        for _ in range(self.allow.redirects + 1):
            found = await self._hop(url, headers)
            if isinstance(found, Fetched):
                return found
            if found.origin() != url.origin():
                headers = {}  # They were meant for somebody else.
            url = found
        raise UpstreamRefused("The address redirects to another one. Give the last one itself.")

    def refuse_credentials(self) -> None:
        """Credentials go to hosts that somebody listed, and nobody rewrites what the connection itself says.

        Raises:
            ValueError: The caller wants otherwise.
        """
        names = {name.lower() for name in self.asked.headers}
        if names & _NEVER or (names & _CREDENTIALS and self.allow.hosts is None):
            raise ValueError("These headers aren't sent to hosts that nobody listed.")

    async def _hop(self, url: URL, headers: Mapping[str, str]) -> Fetched | URL:
        """One request: what came back, or where to go on."""
        addresses = await self._addresses(url.raw_host or "")
        async with (
            _session(url.raw_host or "", addresses) as session,
            session.request(
                self.asked.method,
                url,
                headers=headers,
                data=self.asked.body,
                allow_redirects=False,
                ssl=self.tls or True,
            ) as response,
        ):
            target = response.headers.get("location")
            if response.status in (301, 302, 303, 307, 308) and target is not None:
                return self._next(url, target)
            body = await self._body(response)
            told = {name.lower(): value for name, value in response.headers.items()}
            return Fetched(str(url), response.status, told, body)

    async def _addresses(self, host: str) -> tuple[Address, ...]:
        """The addresses of a host, if all of them may be connected to."""
        texts = [host] if literal(host) else await self.resolve(host)
        found = tuple(dict.fromkeys(ip_address(text) for text in texts))
        if not found:
            raise UpstreamUnavailable("The address can't be found.")
        if not all(self.allow.admits(address) for address in found):
            raise InvalidInput("This is no address of a public web server.")
        return found

    def _next(self, url: URL, target: str) -> URL:
        if not self.allow.redirects or self.asked.method not in ("GET", "HEAD"):
            raise UpstreamRefused("The address redirects to another one. Give the last one itself.")
        if UNWRITTEN.search(target):
            raise InvalidInput("This is no web address.")
        following = read_url(str(url.join(URL(target, encoded=True))), self.allow)
        if url.scheme == "https" and following.scheme != "https":
            raise InvalidInput("Only addresses that begin with https:// are fetched.")
        return following

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise UpstreamRefused("The answer is compressed, though none was asked for.")
        if (response.content_length or 0) > self.allow.most_bytes:
            raise UpstreamRefused("The answer is too large.")
        body = bytearray()
        async for chunk in response.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > self.allow.most_bytes:
                raise UpstreamRefused("The answer is too large.")
        return bytes(body)


def _session(host: str, addresses: tuple[Address, ...]) -> aiohttp.ClientSession:
    """A session that can connect to these addresses and nowhere else, and that remembers nothing."""
    connector = aiohttp.TCPConnector(
        resolver=_Pinned(host, addresses),
        socket_factory=_guarded(frozenset(addresses)),
        use_dns_cache=False,
        force_close=True,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        headers={"accept-encoding": "identity", "user-agent": "wafaa"},
    )


class _Pinned(AbstractResolver):
    """Knows one host, by the addresses that were checked."""

    def __init__(self, host: str, addresses: Sequence[Address]) -> None:
        self._host = host
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The checked addresses."""
        if host != self._host:
            raise OSError("Another host than the one that was checked.")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Holds nothing."""


def _guarded(addresses: frozenset[Address]) -> Callable[[Any], socket.socket]:
    """Makes sockets for these addresses only: the last look before a connection."""

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, target = info
        if ip_address(target[0]) not in addresses:
            raise OSError("Another address than those that were checked.")
        return socket.socket(family, kind, protocol)

    return make
