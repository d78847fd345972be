"""What a server does once it has received a request: it applies it or refuses it, or neither, and
what comes back is wrong in some way."""

import gzip
import time
import zlib
from collections.abc import Callable, Mapping

from tests.faults.connections.server import HANG_SECONDS, JSON, Disturb, Request, response

# What the client of these tests takes at most. A multiple of 16,384, and small.
MAX_RECEIVED_BYTES = 256 * 1024
PAUSE_SECONDS = 0.02
PAGE = b"<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
# The response to some other request, of someone else even.
OTHER = response({"Attributes": {"id": {"S": "another request"}}})

Change = Callable[[Request, bytes], bytes]


def _acted(request: Request) -> bytes:
    """Applies the request or refuses it, by chance; the response."""
    request.receive()
    return request.apply() if request.truth.random.random() < 0.6 else request.refuse()


def _applied(change: Change, *, close: bool = False) -> Disturb:
    def disturb(request: Request) -> None:
        request.receive()
        request.connection.write(change(request, request.apply()))
        if close:
            request.connection.close()

    return disturb


def _instead(text: bytes, *, close: bool = False) -> Disturb:
    """Applies it or not, and responds with that."""

    def disturb(request: Request) -> None:
        _acted(request)
        request.connection.write(text)
        if close:
            request.connection.close()

    return disturb


def _changed(change: Change, *, reset: bool = False, close: bool = True) -> Disturb:
    """Applies it or not; the response is changed, and the connection ends."""

    def disturb(request: Request) -> None:
        text = change(request, _acted(request))
        if text:
            request.connection.write(text)
        if reset:
            request.connection.reset()
        elif close:
            request.connection.close()

    return disturb


def _head(text: bytes) -> bytes:
    return text[: text.index(b"\r\n\r\n") + 4]


def _body(text: bytes) -> bytes:
    return text[text.index(b"\r\n\r\n") + 4 :]


def _with(text: bytes, **headers: str) -> bytes:
    """The same response with other headers."""
    first, _, rest = _head(text).partition(b"\r\n")
    names = {name.lower().replace("_", "-").encode() for name in headers}
    kept = [line for line in rest.split(b"\r\n") if line.partition(b":")[0].lower() not in names]
    added = [f"{k.replace('_', '-')}: {v}".encode() for k, v in headers.items() if v]
    lines = [first, *added, *(line for line in kept if line)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + _body(text)


def _chunked(text: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    body = _body(text)
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]))
    return _head(_with(text, Content_Length="", Transfer_Encoding="chunked")) + chunks + end


def _length(text: bytes, more: int) -> bytes:
    return _with(text, Content_Length=str(len(_body(text)) + more))


def _cut(text: bytes, request: Request, part: bytes, offset: int = 0) -> bytes:
    """Ends somewhere in that part of the response."""
    return text[: offset + request.truth.random.randrange(1, len(part))]


def _refuse(change: Change) -> Disturb:
    def disturb(request: Request) -> None:
        request.receive()
        request.connection.write(change(request, request.refuse()))

    return disturb


def _twice(pause: float) -> Disturb:
    """A second response, of another request, in a TLS record of its own."""

    def disturb(request: Request) -> None:
        request.receive()
        # Both at once, so that the client's one receive can take both.
        request.connection.write_together(request.apply(), OTHER, pause)

    return disturb


def _in_pieces(pieces: tuple[int, ...]) -> Disturb:
    def disturb(request: Request) -> None:
        request.receive()
        text = request.apply()
        for start, end in zip((0, *pieces), (*pieces, len(text)), strict=True):
            request.connection.write(text[start:end])
            time.sleep(PAUSE_SECONDS / 4)

    return disturb


def _then_reset(request: Request) -> None:
    request.receive()
    request.connection.write(request.apply())
    request.connection.reset()


def _late(change: Change) -> Disturb:
    """After the client's limit. What it then does on the connection is served like any request."""

    def disturb(request: Request) -> None:
        text = change(request, _acted(request))
        if request.truth.random.random() < 0.5:
            request.truth.over.set()
        time.sleep(request.truth.limit_seconds + 0.05)
        request.connection.write(text)

    return disturb


def _interim_first(pause: bool) -> Disturb:
    """An interim response that is not 100, and the final one at once or when the next request may
    have begun."""

    def disturb(request: Request) -> None:
        text = _acted(request)
        request.connection.write(b"HTTP/1.1 103 Early Hints\r\nLink: </>; rel=preload\r\n\r\n")
        if pause:
            request.truth.over.set()
            time.sleep(PAUSE_SECONDS)
        request.connection.write(text)

    return disturb


def _drip(part: Callable[[bytes], bytes]) -> Disturb:
    """A byte at a time, the rest at once."""

    def disturb(request: Request) -> None:
        text = _acted(request)
        slow = part(text)
        request.connection.write(text[: text.index(slow)])
        until = time.monotonic() + HANG_SECONDS
        while time.monotonic() < until:
            request.connection.write(slow[:1])
            slow = slow[1:] or b" "
            time.sleep(PAUSE_SECONDS)

    return disturb


def _endless(text: bytes, start: bytes = b"", pause: float = 0) -> Disturb:
    def disturb(request: Request) -> None:
        _acted(request)
        request.connection.write(start)
        until = time.monotonic() + HANG_SECONDS
        while time.monotonic() < until:
            request.connection.write(text)
            time.sleep(pause)

    return disturb


def _silent(request: Request) -> None:
    _acted(request)
    request.connection.wait_for_client()


def _half_open(request: Request) -> None:
    _acted(request)
    request.truth.returned.wait(HANG_SECONDS)


def _unfinished(request: Request) -> None:
    """Promises more than it sends, and keeps the connection."""
    request.connection.write(_length(_acted(request), 1))
    request.connection.wait_for_client()


def _raw_garbage(request: Request) -> None:
    """Bytes below TLS that are no record of it."""
    text = _acted(request)
    request.connection.write(text[: len(text) // 2])
    request.connection.write_unencrypted(b"\xff" * 64)
    request.connection.wait_for_client()


def _page(status: int, **headers: str) -> bytes:
    more = {"Content_Type": "text/html", "Server": "balancer"} | headers
    return _with(response({}, status), **more)


def _html(status: int) -> bytes:
    head = f"HTTP/1.1 {status} Reason\r\nServer: balancer\r\nContent-Type: text/html\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE


def _gzipped(request: Request, text: bytes) -> bytes:
    packed = gzip.compress(_body(text))
    more = {"Content_Encoding": "gzip", "Content_Length": str(len(packed))}
    return _head(_with(text, x_amz_crc32=str(zlib.crc32(packed)), **more)) + packed


def _http_1_0(request: Request, text: bytes) -> bytes:
    return _with(text, Content_Length="").replace(b"HTTP/1.1", b"HTTP/1.0", 1)


def _continued(request: Request, text: bytes) -> bytes:
    return b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + text


APPLIED: Mapping[str, Disturb] = {
    "nothing wrong": _applied(lambda request, text: text),
    "a connection that drains": _applied(
        lambda request, text: _with(text, Connection="close"), close=True
    ),
    "drains, and stays open": _applied(lambda request, text: _with(text, Connection="close")),
    "closes after the response without a word": _applied(lambda request, text: text, close=True),
    "in chunks": _applied(lambda request, text: _chunked(text)),
    "HTTP/1.0, to the end": _applied(_http_1_0, close=True),
    "100 Continue first": _applied(_continued),
    "in small pieces": _in_pieces((1, 9, 20, 150)),
    "two responses at once": _twice(0),
    "two responses, one after the other": _twice(0.005),
    "a response, and another in one piece": _applied(lambda request, text: text + OTHER),
    "a response, and a line feed": _applied(lambda request, text: text + b"\r\n"),
    "a response, and half of another": _applied(lambda request, text: text + OTHER[:80]),
    "a response, and a lot of garbage": _applied(lambda request, text: text + b"x" * 70_000),
}
REFUSED: Mapping[str, Disturb] = {
    "refused": _refuse(lambda request, text: text),
    "refused without a CRC": _refuse(lambda request, text: _with(text, x_amz_crc32="")),
    "refused in chunks": _refuse(lambda request, text: _chunked(text)),
    "refused, and the response of another": _refuse(lambda request, text: text + OTHER),
}
HASTY: Mapping[str, Disturb] = {"reset after the response": _then_reset}
BROKEN: Mapping[str, Disturb] = {
    "closed before the response": _changed(lambda request, text: b""),
    "reset before the response": _changed(lambda request, text: b"", reset=True),
    "closed in the head of the response": _changed(
        lambda request, text: _cut(text, request, _head(text)[:-2])
    ),
    "closed after the head of the response": _changed(lambda request, text: _head(text)),
    "closed in the body": _changed(
        lambda request, text: _cut(text, request, _body(text), len(_head(text)))
    ),
    "reset in the body": _changed(lambda request, text: text[:-3], reset=True),
    "closed in the head without a length": _changed(
        lambda request, text: _head(_with(text, Content_Length=""))[:-10]
    ),
    "closed in a body without a length": _changed(
        lambda request, text: _with(text, Content_Length="")[:-2]
    ),
    "a length that is too long": _changed(lambda request, text: _length(text, 7)),
    "a length that is too short": _changed(lambda request, text: _length(text, -5), close=False),
    "a length of nothing": _changed(lambda request, text: _with(text, Content_Length="0")),
    "two lengths": _changed(
        lambda request, text: text.replace(b"\r\n", b"\r\nContent-Length: 2\r\n", 1)
    ),
    "a negative length": _changed(
        lambda request, text: _with(text[:-4], Content_Length="-1"), close=True
    ),
    "chunks that are cut": _changed(lambda request, text: _chunked(text)[:-20]),
    "chunks without an end": _changed(lambda request, text: _chunked(text, b"")),
    "a chunk of no size": _changed(lambda request, text: _chunked(text, b"xyz\r\n\r\n")),
    "gzip that no one wants": _changed(_gzipped, close=False),
    "a wrong CRC": _changed(lambda request, text: _with(text, x_amz_crc32="7"), close=False),
    "a page of 502": _instead(_html(502)),
    "a page of 503, and the end": _instead(_html(503), close=True),
    "a page of 504": _instead(_html(504)),
    "a page of 403": _instead(_html(403)),
    "a page of 200": _instead(_html(200)),
    "DynamoDB's own 500": _instead(response({"__type": "x#InternalServerError"}, 500)),
    "DynamoDB's own 503": _instead(response({"__type": "x#ServiceUnavailable"}, 503)),
    "redirected": _instead(_page(307, Location="/")),
    "moved for good": _instead(_page(301, Location=f"http://dynamodb.example.com/{JSON}")),
    "204 and nothing": _instead(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "another protocol": _instead(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
    "no status line": _instead(b"{}\r\n\r\n", close=True),
    "HTTP/2": _instead(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18, close=True),
    "a status that is no number": _instead(b"HTTP/1.1 OK OK\r\n\r\n", close=True),
    "endless headers": _endless(b"X-More: " + b"a" * 100 + b"\r\n", b"HTTP/1.1 200 OK\r\n"),
    "an endless header": _endless(b"a" * 1000, b"HTTP/1.1 200 OK\r\nX-Long: "),
    "100 Continue without a pause": _endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 40),
    "more than any response has": _endless(
        b" " * 16_384, _head(_with(response({}), Content_Length=str(8 * MAX_RECEIVED_BYTES)))
    ),
    "chunks for ever": _endless(
        b"4000\r\n" + b" " * 0x4000 + b"\r\n",
        _head(_with(response({}), Content_Length="", Transfer_Encoding="chunked")),
    ),
    "Early Hints, and the response": _interim_first(pause=False),
    "Early Hints, and the response later": _interim_first(pause=True),
}
SLOW: Mapping[str, Disturb] = {
    "no response": _silent,
    "half open": _half_open,
    "a response that comes late": _late(lambda request, text: text),
    "another response that comes late": _late(lambda request, text: OTHER),
    "a head a byte at a time": _drip(_head),
    "a body a byte at a time": _drip(_body),
    "100 Continue for ever": _endless(b"HTTP/1.1 100 Continue\r\n\r\n", pause=PAUSE_SECONDS),
    "a length that is too long, and waiting": _unfinished,
}
ENCRYPTED_ONLY: Mapping[str, Disturb] = {"garbage below TLS": _raw_garbage}
