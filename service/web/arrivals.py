"""What a slow client may cost: how long it is waited for, and by how many threads. Knows sockets,
nothing of any server."""

import errno
import re
import socket
import threading
from dataclasses import dataclass

from service.core.clock import Clock
from service.web.endpoint import SMALL_BODY_BYTES
from service.web.request_errors import BodyTimeout, UploadsBusy

MAX_HEAD_BYTES = 64 * 1024
BYTES_A_SECOND = 1024 * 1024

_RECEIVE_BYTES = 64 * 1024
_HEAD_END = b"\r\n\r\n"
_FIRST_LINE = re.compile(rb"(?:\r\n)?[^\r\n]* HTTP/1\.[01]\r\n")
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_ASKED_FOR = re.compile(rb"\r\n(?:expect|transfer-encoding)[ \t]*:", re.IGNORECASE)


@dataclass(frozen=True)
class Patience:
    """A request may take `seconds` to come in whole, and a second more for each megabyte that came;
    its answer `seconds` to be taken. At most `max_waiting` threads wait for clients at once."""

    seconds: float
    max_waiting: int


class PatientSocket(socket.socket):
    """A client's connection. `recv` and `sendall` hold a thread no longer than the patience allows,
    whatever its time-out.

    Takes over the given socket. `begin` starts the time of one request, `rest` ends it and gives a
    waiting place back."""

    def __init__(
        self, taken: socket.socket, patience: Patience, places: threading.Semaphore, clock: Clock
    ) -> None:
        super().__init__(fileno=taken.detach())
        self._wait_limit_seconds = patience
        self._places = places
        self._clock = clock
        self._has_place = False
        self._until = 0.0

    def begin(self) -> float:
        """The moment (monotonic seconds) at which the request that begins now must be in."""
        self._until = self._clock.monotonic() + self._wait_limit_seconds.seconds
        return self._until

    def hurry(self) -> None:
        """From now on nothing is waited for."""
        self._until = self._clock.monotonic()

    def rest(self) -> None:
        if self._has_place:
            self._has_place = False
            self._places.release()

    def receive_now(self) -> bytes | None:
        """What has come, at most 64 KB; empty when the client has ended its side or is gone, None
        when nothing is there."""
        try:
            return super().recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Raises `BodyTimeout` once the request's time is over, `UploadsBusy` when it had to wait
        and too many others do."""
        if self._clock.monotonic() >= self._until:
            raise BodyTimeout
        try:
            received = super().recv(bufsize, flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            received = self._wait_for_bytes(bufsize, flags)
        self._until += len(received) / BYTES_A_SECOND
        return received

    def _wait_for_bytes(self, bufsize: int, flags: int) -> bytes:
        if not self._takes_place():
            raise UploadsBusy
        self.settimeout(max(self._until - self._clock.monotonic(), 0.001))
        try:
            return super().recv(bufsize, flags)
        except TimeoutError:
            raise BodyTimeout from None
        finally:
            self.settimeout(None)

    def send(self, data: bytes, flags: int = 0) -> int:  # type: ignore[override]
        self.sendall(data, flags)
        return len(data)

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        """Raises `ConnectionResetError` for a client that does not take its answer in time."""
        try:
            sent = super().send(data, flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._wait_for_reader(memoryview(data)[sent:], flags)

    def _wait_for_reader(self, rest: memoryview, flags: int) -> None:
        too_slow = ConnectionResetError(errno.ECONNRESET, "the client does not take its answer")
        if not self._takes_place():
            raise too_slow
        self.settimeout(self._wait_limit_seconds.seconds)
        try:
            super().sendall(rest, flags)
        except TimeoutError:
            raise too_slow from None
        finally:
            self.settimeout(None)

    def _takes_place(self) -> bool:
        self._has_place = self._has_place or self._places.acquire(blocking=False)
        return self._has_place


class Arrival:
    """What has come of a request so far, held back from the threads while there is nothing to do
    for one.

    A guess about when to begin, never about what the request says: whoever reads it judges for
    itself."""

    def __init__(self) -> None:
        self.received = bytearray()
        self._whole: int | None = None

    def add(self, data: bytes) -> None:
        searched = max(0, len(self.received) - len(_HEAD_END))
        self.received += data
        if self._whole is None:
            end = self.received.find(_HEAD_END, searched)
            if end >= 0:
                head = bytes(self.received[: end + len(_HEAD_END)])
                self._whole = len(head) + _body_bytes(head)

    def take(self) -> bytes:
        """All that has come; what comes from here on is of another request."""
        taken = bytes(self.received)
        self.received.clear()
        self._whole = None
        return taken

    @property
    def is_in(self) -> bool:
        """Whether a thread would find all it needs, or something to refuse."""
        if self._whole is not None:
            return len(self.received) >= self._whole
        return len(self.received) > MAX_HEAD_BYTES or self._is_hopeless()

    def _is_hopeless(self) -> bool:
        if _BARE_LINE_FEED.search(self.received):
            return True
        return self.received.find(b"\r\n", 2) >= 0 and not _FIRST_LINE.match(self.received)


def _body_bytes(head: bytes) -> int:
    """How much of a body to wait for: nothing of one that is large, of unknown length or sent only
    when asked for."""
    length = _LENGTH.search(head)
    if length is None or _ASKED_FOR.search(head) or int(length[1]) > SMALL_BODY_BYTES:
        return 0
    return int(length[1])
