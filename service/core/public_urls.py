"""Which addresses may be handed to a provider that will fetch them. Pure: nothing is resolved and
nothing is fetched here.

A name that points to a private address in the DNS cannot be recognised by its letters: the
fetcher must check what it resolves to. Sources: IANA special-purpose registries
(https://www.iana.org/assignments/iana-ipv4-special-registry,
https://www.iana.org/assignments/iana-ipv6-special-registry), special-use names (RFC 6761, 6762,
7686, 8375), the ways browsers read hosts (https://url.spec.whatwg.org/#host-parsing).
`ipaddress.is_global` alone is not enough: in several Python releases it is true for 64:ff9b::/96,
2002::/16, fec0::/10 and multicast."""

import ipaddress
import re

from service.core.errors import InvalidRequest

MAX_URL = 8192
MAX_HOST = 253

_FORM = re.compile(r"https://(?P<authority>[^/?#]*)(?:[/?#].*)?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PLAIN_IPV4 = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}")

_INTERNAL_NAMES = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "home.arpa",
    "lan",
    "onion",
    "test",
    "invalid",
)

_CLOSED_IPV4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's metadata and DNS, an address that looks public
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
# Only 2000::/3 is the public internet: whatever maps, translates or tunnels IPv4 elsewhere is
# closed by not being in it.
_OPEN_IPV6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_IPV6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4, which holds an IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214: the interface id holds an IPv4 address


class AddressRefused(InvalidRequest):
    """The message says what is wrong with the address. Nothing was fetched."""

    code = "IMAGE_URL_REFUSED"
    summary = "The image must be at a public https address."


def check_public_url(url: str) -> None:
    """Raises `AddressRefused` unless the URL is https, at most 8,192 characters, without
    credentials, on port 443, and names a public host: a full domain name in ASCII, or a public IP
    address in its one usual notation."""
    host = _host(_authority(url)).lower()
    if host.startswith("["):
        _check_ipv6(host[1:-1])
    elif _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        _check_ipv4(host)
    else:
        _check_name(host)


def _authority(url: str) -> str:
    if len(url) > MAX_URL:
        raise AddressRefused(f"The image's address is longer than {MAX_URL:,} characters.")
    if not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefused(
            "The image's address holds spaces, backslashes or control characters; encode them."
        )
    form = _FORM.fullmatch(url)
    if form is None:
        raise AddressRefused("The image's address must begin with https://.")
    authority = form["authority"]
    if "@" in authority:
        raise AddressRefused("The image's address must not hold a user name or password.")
    if not authority.isascii() or "%" in authority:
        raise AddressRefused(
            "Write the host of the image's address in plain ASCII (international names as xn--…)."
        )
    return authority


def _host(authority: str) -> str:
    end = authority.rfind("]") + 1 if authority.startswith("[") else authority.find(":")
    host, port = (authority, "") if end < 0 else (authority[:end], authority[end:])
    if not host:
        raise AddressRefused("The image's address names no host.")
    if port not in ("", ":443"):
        raise AddressRefused("The image's address may use only port 443.")
    return host


def _check_name(host: str) -> None:
    labels = host.split(".")
    if len(host) > MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("The host of the image's address is not a domain name.")
    if len(labels) < 2 or any(
        host == name or host.endswith(f".{name}") for name in _INTERNAL_NAMES
    ):
        raise AddressRefused(
            "The image's address names an internal host; the provider reaches public ones only."
        )


def _check_ipv4(host: str) -> None:
    if not _PLAIN_IPV4.fullmatch(host):
        raise AddressRefused("Write an IP address in its usual form, such as 93.184.215.14.")
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        raise AddressRefused("The host of the image's address is not an IP address.") from None
    if any(address in network for network in _CLOSED_IPV4) or not address.is_global:
        raise _not_public()


def _check_ipv6(text: str) -> None:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise AddressRefused("The host of the image's address is not an IP address.") from None
    holds_ipv4 = (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP
    closed = any(address in network for network in _CLOSED_IPV6) or holds_ipv4
    if closed or address not in _OPEN_IPV6 or not address.is_global:
        raise _not_public()


def _not_public() -> AddressRefused:
    return AddressRefused("The image's address is an IP address that is not public.")
