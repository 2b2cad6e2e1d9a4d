"""Which network addresses are out there, in public, and which lead back to ourselves or our neighbours.

From IANA's registries of special-purpose addresses, and the few places where clouds hand out credentials. Of IPv6 only
global unicast (2000::/3) is public at all, so what embeds an IPv4 address elsewhere (mapped, compatible, NAT64)
never passes; of what lies inside, 6to4 and Teredo are refused, for they embed one too.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # This network
            "10.0.0.0/8",  # Private
            "100.64.0.0/10",  # Carriers' NAT; 100.100.100.200 is a cloud's metadata service
            "127.0.0.0/8",  # Loopback
            "168.63.129.16/32",  # A cloud's host, seen from its guests
            "169.254.0.0/16",  # Link-local, and most clouds' metadata service
            "172.16.0.0/12",  # Private
            "192.0.0.0/24",  # Protocol assignments
            "192.0.2.0/24",  # Documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # Private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # Benchmarks
            "198.51.100.0/24",  # Documentation
            "203.0.113.0/24",  # Documentation
            "224.0.0.0/3",  # Multicast, reserved, broadcast
        ),
    )
)
_UNICAST_6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Protocol assignments, Teredo among them
            "2001:db8::/32",  # Documentation
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # Documentation
        ),
    )
)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address.scope_id is not None or address not in _UNICAST_6:
        return False
    return not any(address in network for network in _NOT_PUBLIC_6)
