"""Reads the whole response to one request. Pure, over whatever the bytes come from.

`http.client` reads a head with the parser for e-mail, which takes longer than all else that a small
request does. Rules: RFC 9112, "HTTP/1.1"."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException

MAX_HEAD_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024

_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,12}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_BODILESS = (204, 304)
_END = b"\r\n"


class BadResponse(HTTPException):
    """What came back is no whole HTTP/1.1 response."""


@dataclass
class Response:
    """A whole response. Header names are in lower case; values of the same name are joined with
    commas. `kept` says that another request may follow on the connection.

    Not frozen: urllib3's pool sets attributes of its own on it."""

    status: int
    headers: dict[str, str]
    body: bytes
    kept: bool
    # What the pool logs.
    version_string: str = "HTTP/1.1"
    length_remaining: int = 0


def read_response(receive: Callable[[int], bytes]) -> Response:
    """The response to a POST. `receive` takes the most bytes it may return, and returns none at the
    end. Raises `BadResponse`, and what `receive` raises.

    `100 Continue` is skipped. Other interim responses are refused: nothing that we send leads to
    one.

    A body whose length is not announced ends with the connection. Nobody knows whether such a body
    is whole."""
    incoming = _Incoming(receive)
    status = 100
    while status == 100:
        lines = incoming.until(_END + _END).decode("latin-1").split("\r\n")
        version, status = _status(lines[0])
        headers = _headers(lines[1:])
    if status < 200:
        raise BadResponse(f"an interim response, {status}, was not expected")
    body = b"" if status in _BODILESS else _body(incoming, headers)
    closing = version == "0" or "close" in headers.get("connection", "").lower()
    kept = not closing and incoming.may_go_on()
    return Response(status, headers, body, kept)


def _status(line: str) -> tuple[str, int]:
    found = _STATUS.fullmatch(line)
    if found is None:
        raise BadResponse("no status line")
    return found[1], int(found[2])


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise BadResponse("a line of the head is no header")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _body(incoming: "_Incoming", headers: dict[str, str]) -> bytes:
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is None and length is None:
        return incoming.all()
    if coding is None and _LENGTH.fullmatch(length or ""):
        return incoming.exactly(int(length or ""))
    if coding is None or coding.lower() != "chunked" or length is not None:
        raise BadResponse("the length of the body is not clear")
    return _chunks(incoming)


def _chunks(incoming: "_Incoming") -> bytes:
    body = bytearray()
    while True:
        found = _CHUNK.fullmatch(incoming.until(_END))
        if found is None:
            raise BadResponse("no length of a chunk")
        count = int(found[1], 16)
        if not count:
            break
        body += incoming.exactly(count)
        if incoming.exactly(len(_END)) != _END:
            raise BadResponse("a chunk is longer than announced")
    while incoming.until(_END):
        pass  # Trailers say nothing that we read.
    return bytes(body)


class _Incoming:
    """Bytes that came in and are not used yet."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._bytes = bytearray()
        self._ended = False

    def until(self, end: bytes) -> bytes:
        """What comes before `end`, both taken out."""
        start = 0
        while (found := self._bytes.find(end, start)) < 0:
            if len(self._bytes) > MAX_HEAD_BYTES:
                raise BadResponse("a line or a head is too long")
            start = max(0, len(self._bytes) - len(end))
            self._more()
        taken = bytes(self._bytes[:found])
        del self._bytes[: found + len(end)]
        return taken

    def exactly(self, count: int) -> bytes:
        while len(self._bytes) < count:
            self._more()
        taken = bytes(self._bytes[:count])
        del self._bytes[:count]
        return taken

    def all(self) -> bytes:
        """Everything up to the end of the connection."""
        while received := self._receive(PIECE_BYTES):
            self._bytes += received
        self._ended = True
        return self.exactly(len(self._bytes))

    def may_go_on(self) -> bool:
        """Whether the connection still stands and nothing more came than was used."""
        return not self._ended and not self._bytes

    def _more(self) -> None:
        received = self._receive(PIECE_BYTES)
        if not received:
            raise BadResponse("the connection ended before the response did")
        self._bytes += received
