"""Reads the whole response to one request, by llhttp's rules (httptools).

`http.client` reads a head with the parser for e-mail, which takes longer than all else that a small
request does."""

from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024

_LENGTHS = {"content-length", "transfer-encoding"}


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

    A body whose length is not announced ends with the connection. Whether it is whole is not
    known."""
    incoming = Incoming()
    while not incoming.complete:
        received = receive(PIECE_BYTES)
        if received:
            incoming.feed(received)
        else:
            incoming.end()
    body = b"".join(incoming.pieces)
    return Response(incoming.status, incoming.headers, body, incoming.kept)


class Incoming:
    """What has come in of one response. The parser calls the methods that begin with `on`, and goes
    on to whatever follows the response."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.complete = False
        self.kept = False
        self._parser = HttpResponseParser(self)
        # Everything but the body.
        self._head_bytes = 0

    def feed(self, received: bytes) -> None:
        self._head_bytes += len(received)
        try:
            self._parser.feed_data(received)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.kept = False
            if not self.complete:
                raise BadResponse(str(error)) from error
        if self._head_bytes > MAX_HEAD_BYTES and not self.complete:
            raise BadResponse("a line or a head is too long")

    def end(self) -> None:
        """The connection has ended."""
        if not self.status or _LENGTHS & self.headers.keys():
            raise BadResponse("the connection ended before the response did")
        self.complete = True

    def take(self) -> bytes:
        """The pieces of the body that have come in since the last call. What is between them counts
        against the limit of a head anew."""
        body = b"".join(self.pieces)
        self.pieces.clear()
        self._head_bytes = 0
        return body

    def on_message_begin(self) -> None:
        self.kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
            known = self.headers.get(key)
            self.headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self.complete:
            return
        if status == 100:
            self.headers = {}
        elif status < 200:
            raise BadResponse(f"an interim response, {status}, was not expected")
        elif self.headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise BadResponse("the length of the body is not clear")
        else:
            self.status = status

    def on_body(self, piece: bytes) -> None:
        self._head_bytes -= len(piece)
        if not self.complete:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        if self.status and not self.complete:
            self.complete = True
            self.kept = self._parser.should_keep_alive()
