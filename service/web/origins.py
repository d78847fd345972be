"""Browser origins as settings write them, in the one form that browsers send (RFC 6454, 6.2)."""

import ipaddress
import re
from typing import Self

import idna

_FORM = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[^\]]*\]|[^:/?#@]*)(?P<rest>.*)"
)
_PORT = re.compile(r":([0-9]{1,5})")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Chrome writes 128 bits of the extension's key in the letters a to p.
_EXTENSION_IDS = {
    "chrome-extension": re.compile(r"[a-p]{32}"),
    "moz-extension": _UUID,
    "safari-web-extension": _UUID,
}
_OPAQUE = frozenset({"about", "blob", "data", "file", "filesystem", "javascript", "ws", "wss"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65535


class Origin(str):
    """An exact origin: scheme and host in lower case, an international name in its ASCII form, no
    default port.

    Raises `ValueError`, with the end of a sentence, for whatever no browser sends as an origin: a
    wildcard, `null`, a path, a query, credentials, several origins in one."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        return super().__new__(cls, _normalised(text))


def _normalised(text: str) -> str:
    shown = repr(text[:100])
    if any(separator in text for separator in "; \t") or text.count("://") > 1:
        raise ValueError(f"must separate origins by commas, not {shown}")
    if "*" in text:
        raise ValueError(
            f"takes exact origins such as https://app.example.com, no wildcards: {shown}"
        )
    form = _FORM.fullmatch(text)
    if form is None or not form["host"]:
        raise ValueError(f"takes origins such as https://app.example.com, not {shown}")
    scheme, host, rest = form["scheme"].lower(), form["host"], form["rest"]
    if "@" in rest:
        raise ValueError(f"must not hold credentials ({form['scheme']}://…@…)")
    port = _PORT.match(rest)
    behind = rest[port.end() :] if port else rest
    if behind:
        raise ValueError(
            f"takes origins, which end after host and port: not {shown}, without {behind[:40]!r}"
        )
    if scheme not in _DEFAULT_PORTS:
        return _of_app(scheme, host.lower(), rest, shown)
    return f"{scheme}://{_host(host, shown)}{_port(port, scheme, shown)}"


def _of_app(scheme: str, host: str, rest: str, shown: str) -> str:
    """Of an extension, by its id in the form of its browser, or of an app by a scheme of its own
    (capacitor://localhost). What has no origin, such as a file, is sent as `null`."""
    if scheme in _EXTENSION_IDS:
        if rest or not _EXTENSION_IDS[scheme].fullmatch(host):
            raise ValueError(f"has a host that is no extension's id: {shown}")
    elif scheme in _OPAQUE or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError(f"takes no origin like {shown}: no browser sends it")
    return f"{scheme}://{host}{rest}"


def _port(port: re.Match[str] | None, scheme: str, shown: str) -> str:
    if port is None:
        return ""
    number = int(port[1])
    if not 0 < number <= _MAX_PORT:
        raise ValueError(f"has a port that cannot be: {shown}")
    return "" if number == _DEFAULT_PORTS[scheme] else f":{number}"


def _host(host: str, shown: str) -> str:
    try:
        if host.startswith("["):
            return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
        ascii_host = host.lower() if host.isascii() else idna.encode(host, uts46=True).decode()
        labels = ascii_host.removesuffix(".").split(".")
        if _NUMERIC.fullmatch(labels[-1]):
            return str(ipaddress.IPv4Address(ascii_host))
    except ValueError:
        raise ValueError(f"has a host that cannot be: {shown}") from None
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"has a host that cannot be: {shown}")
    return ascii_host
