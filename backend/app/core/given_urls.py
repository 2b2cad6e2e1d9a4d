"""Reads the URLs that people give: only those of public web servers, in a spelling that has one meaning."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from yarl import URL

from app.core.errors import InvalidInput
from app.core.public_addresses import Address, Network, is_public

MOST_REDIRECTS: Final = 3
LONGEST_URL: Final = 2048

_PORTS: Final = {"https": 443, "http": 80}
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?",
    re.ASCII,
)
"""A host name whose last label begins with a letter: one that begins with a digit would be some spelling of an IPv4
address, of which only the usual one is read."""
_OURS: Final = ("localhost", "local", "internal", "home.arpa")
UNWRITTEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ufeff]")


@dataclass(frozen=True, slots=True)
class Allowed:
    """How far a fetch may go.

    Attributes:
        http: Also without encryption.
        ports: Other ports than the scheme's own.
        hosts: Only these; credentials may be sent to no others.
        networks: These, although they aren't public: an operator's own, or the tests'.
        redirects: How many are followed.
        seconds: For everything together.
        most_bytes: Of the answer's body.
    """

    http: bool = False
    ports: frozenset[int] = frozenset()
    hosts: frozenset[str] | None = None
    networks: tuple[Network, ...] = ()
    redirects: int = 0
    seconds: float = 5.0
    most_bytes: int = 10 * 1024 * 1024

    def __post_init__(self) -> None:
        if not 0 <= self.redirects <= MOST_REDIRECTS:
            raise ValueError(f"At most {MOST_REDIRECTS} redirects.")

    def admits(self, address: Address) -> bool:
        """Whether an address may be connected to."""
        return is_public(address) or any(address in network for network in self.networks)


def read_url(text: str, allow: Allowed) -> URL:
    """Reads a URL, and refuses every spelling that two parsers could read differently.

    Raises:
        InvalidInput: It isn't one we go to.
    """
    if len(text) > LONGEST_URL or UNWRITTEN.search(text):
        raise InvalidInput("This is no web address.")
    try:
        url = URL(text)
        port = url.explicit_port
    except (ValueError, UnicodeError) as error:
        raise InvalidInput("This is no web address.") from error
    if url.scheme not in (("https", "http") if allow.http else ("https",)):
        raise InvalidInput("Only addresses that begin with https:// are fetched.")
    if "@" in url.raw_authority or not url.raw_host or not _readable(url.raw_host, allow):
        raise InvalidInput("This is no address of a public web server.")
    if port is not None and port != _PORTS[url.scheme] and port not in allow.ports:
        raise InvalidInput("This address names an unusual port.")
    if allow.hosts is not None and url.raw_host not in allow.hosts:
        raise InvalidInput("This address isn't on the list of those that may be fetched.")
    return url.with_fragment(None)


def _readable(host: str, allow: Allowed) -> bool:
    """Whether a host is a plain name or an address in its usual spelling."""
    if (address := literal(host)) is not None:
        return str(address) == host
    labels = host.split(".")
    ours = len(labels) == 1 or host.endswith(tuple(f".{name}" for name in _OURS))
    return bool(_NAME.fullmatch(host)) and not (ours and not allow.networks)


def literal(host: str) -> Address | None:
    """The address that a host is, if it is one."""
    try:
        return ip_address(host)
    except ValueError:
        return None
