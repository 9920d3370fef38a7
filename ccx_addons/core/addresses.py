"""Which IP addresses belong to the internet at large, whatever they are wrapped in.

Sources: IANA's special-purpose address registries, RFC 4291 (mapped and compatible), RFC 3056 (6to4), RFC 4380
(Teredo), RFC 6052 and 8215 (NAT64), RFC 7915 (translated), RFC 5214 (ISATAP), Azure's documentation (168.63.129.16).
"""

import ipaddress
from typing import Final

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given to anybody (RFC 4291 section 2.4); what wraps an IPv4 address stands elsewhere, too."""
TUNNELS: Final = tuple(map(ipaddress.ip_network, ("2001::/32", "2002::/16")))
"""Teredo and 6to4, which nobody needs any more."""
ENDS_WITH_IPV4: Final = tuple(map(ipaddress.ip_network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
ISATAP: Final = frozenset({b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe"})
NEVER: Final = tuple(
    map(ipaddress.ip_network, ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20"))
)
"""Azure's service for virtual machines stands on a public address; of the registries what Python 3.12 does not know yet
(its releases before 3.12.4), or takes apart further than anybody needs."""


def is_public(address: Address) -> bool:
    """Addresses that wrap an IPv4 one are as public as that."""
    if any(address in network for network in NEVER):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    if any(address in network for network in ENDS_WITH_IPV4):
        return is_public(ipaddress.IPv4Address(address.packed[12:]))
    if address not in GLOBAL_UNICAST or any(address in network for network in TUNNELS) or not address.is_global:
        return False
    return address.packed[8:12] not in ISATAP or is_public(ipaddress.IPv4Address(address.packed[12:]))
