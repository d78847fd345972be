"""Which addresses a request may go to when somebody else has chosen the name.

`ipaddress.is_global` does not decide it: by several versions of Python, addresses that lead to an
embedded IPv4 address (NAT64, 6to4) and multicast are global."""

import ipaddress
from collections.abc import Sequence

from service.outbound.network import Address, Resolve

# IANA IPv4 and IPv6 Special-Purpose Address Registries; of IPv6 only global unicast (2000::/3) is
# routed at all, so unique local, link-local, mapped and NAT64 addresses lie outside of it.
_RESERVED_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_RESERVED_6 = tuple(
    map(
        ipaddress.IPv6Network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)


class AddressRefused(OSError):
    """A name leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether that IP address is one of the public internet. False for anything else, texts that
    are no address included."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _RESERVED_4)
    return parsed in _UNICAST_6 and not any(parsed in network for network in _RESERVED_6)


def is_address(host: str) -> bool:
    """Whether that host is an IP address, in any form that look-ups understand: names of public
    hosts do not end in a number."""
    last = host.rstrip(".").rpartition(".")[2]
    return ":" in host or last.isdecimal() or last.startswith("0x")


def public_only(resolve: Resolve) -> Resolve:
    """That look-up, which raises `AddressRefused` unless every address it finds is public. A
    `Network` connects to exactly the addresses that its look-up returns, so a name server that
    returns other addresses later changes nothing."""

    def resolved(*arguments: object) -> Sequence[Address]:
        found = resolve(*arguments)
        if not all(is_public(str(address[0])) for *_, address in found):
            raise AddressRefused("the name leads to an address that is not public")
        return found

    return resolved
