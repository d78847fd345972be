"""Addresses in the one form in which they are checked and used."""

import re

_SCHEME_AND_AUTHORITY = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)")


def in_lower_case(url: str) -> str:
    """Returns the address with its scheme and host in lower case, which changes nothing about what
    it means (RFC 3986, 6.2.2.1); path, query and user information stay as they are. A host that is
    not ASCII, and text that is no address, are returned unchanged."""
    found = _SCHEME_AND_AUTHORITY.match(url)
    if found is None:
        return url
    user, at, host = found["authority"].rpartition("@")
    host = host.lower() if host.isascii() else host
    return f"{found['scheme'].lower()}://{user}{at}{host}{url[found.end() :]}"
