"""Addresses that are not the public internet, by IANA's special-purpose registries.

``ipaddress.is_global`` is not asked: on Python 3.11 it calls NAT64, 6to4, multicast and a dozen
more global, and through some of them lies a cloud's metadata service.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

_SPECIAL_4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier NAT, and the metadata service of Alibaba
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # wire server of Azure, inside a public range
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, and the metadata service of Oracle
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast relays
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Everything that IANA has given out so far; what is outside has no business being dialled.
_UNICAST_6: Final = IPv6Network("2000::/3")
_SPECIAL_6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")
_LOWEST_COMPATIBLE: Final = 2


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether ``address`` is ordinary unicast of the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    return address in _UNICAST_6 and not any(address in network for network in _SPECIAL_6)


def inner_address(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address to which a gateway may carry packets for ``address``."""
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    compatible = address in _COMPATIBLE and int(address) >= _LOWEST_COMPATIBLE
    if compatible or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def plain_address(address: str) -> str:
    """Return ``address`` as everyone writes it: an IPv4 address mapped into IPv6 as itself."""
    if not address.startswith("::ffff:"):
        return address
    mapped = IPv6Address(address).ipv4_mapped
    return address if mapped is None else str(mapped)
