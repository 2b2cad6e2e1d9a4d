"""Which network address a request comes from, when proxies stand in between.

``X-Forwarded-For`` is whatever the caller wrote, followed by what each proxy added. So it is read from the right, and
only as far as it was written by proxies that the installation names (WAFAA_TRUSTED_PROXIES).
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from app.core.errors import Misconfigured

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HEADER = "x-forwarded-for"
UNKNOWN = "unknown"
"""The address of a caller whose connection has none, such as one over a Unix socket."""
_MOST_HOPS = 20


class Proxies:
    """The proxies that are believed."""

    def __init__(self, trusted: str = "") -> None:
        """Reads the setting.

        Args:
            trusted: Networks or addresses, by comma; ``unix`` for whoever may open our Unix socket.

        Raises:
            Misconfigured: One can't be read.
        """
        names = [name.strip() for name in trusted.split(",") if name.strip()]
        self._unix = "unix" in names
        self._networks = tuple(_network(name) for name in names if name != "unix")
        self._plain = lru_cache(4096)(self._untrusted)

    def caller(self, scope: Scope) -> str:
        """The address of the first that isn't one of ours, counted from us."""
        client = scope.get("client")
        peer = client[0] if client else None
        return self._plain(peer) or self._forwarded(scope, _parse(peer) if peer else None)

    def _untrusted(self, peer: str | None) -> str | None:
        """The address of a connection that no proxy of ours has opened; None for one that was."""
        address = _parse(peer) if peer else None
        trusted = self._trusts(address) if address else self._unix
        return None if trusted else str(address or UNKNOWN)

    def _forwarded(self, scope: Scope, nearest: Address | None) -> str:
        for name in _from_the_right(Headers(scope=scope).getlist(HEADER)):
            hop = _parse(name)
            if hop is None:
                break  # Our proxy wouldn't write this: whoever stands before it did.
            nearest = hop
            if not self._trusts(hop):
                break
        return str(nearest or UNKNOWN)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


@lru_cache(4096)
def group_of(address: str) -> str:
    """Whom an address is counted as. A household has 2^64 of IPv6, so its network counts as one."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return address


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise Misconfigured(f"WAFAA_TRUSTED_PROXIES: {text!r} is no network.") from error


def _from_the_right(lines: Sequence[str]) -> list[str]:
    return ",".join(lines).rsplit(",", _MOST_HOPS)[::-1][:_MOST_HOPS]


@lru_cache(4096)
def _parse(text: str) -> Address | None:
    """An address, with or without a port; IPv4 written as IPv6 is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
