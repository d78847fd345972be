"""Users who speak into live sessions. One that is closed with 1012, or cut by the balancer, goes on
with a new ticket, as docs/transcription.md says."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.drain.user import User

RATE = 8000
FRAME_SECONDS = 0.1
FRAME = b"\x01\x02" * round(RATE * FRAME_SECONDS)
SPEECH_FRAMES = 120
# Too short a rest is free, and says nothing.
MIN_FRAMES = 15
WAIT_SECONDS = 60.0
FINISHED, BROKEN, RESTART = 1000, 1006, 1012
RESUMABLE = (BROKEN, RESTART)
PAUSE_SECONDS = 1.0


class Talker(User):
    """Speaks for some seconds, in as many sessions as it takes."""

    def __init__(self, port: int, subject: str, token: str) -> None:
        super().__init__(port, subject, token)
        self.closes: Counter[int] = Counter()
        self.resumed = 0
        self.talks = 0

    def play(self) -> None:
        left, is_resumed = SPEECH_FRAMES, False
        while left > 0:
            with self._opened() as socket:
                if socket is None:
                    return
                self.resumed += is_resumed
                left -= self._speak(socket, left)
                code = self._code(socket) if left > 0 else self._finished(socket)
            self.closes[code] += 1
            if code == FINISHED and left <= 0:
                break
            if code not in RESUMABLE:
                self.failures.append(f"{self.subject}: the relay closed with {code}")
                return
            time.sleep(PAUSE_SECONDS)
            is_resumed, left = True, max(left, MIN_FRAMES)
        self.talks += 1

    @contextmanager
    def _opened(self) -> Iterator[ClientConnection | None]:
        """A session that has begun. None after a failure, which is recorded."""
        body = {"Fingerprint": f"device-of-{self.subject}", "sampleRate": RATE}
        issued = self.request("POST", "/transcriptions/stream", body)
        if issued is None:
            yield None
            return
        self.requests += 1
        connecting = connect(
            issued["url"],
            subprotocols=[
                Subprotocol(issued["protocol"]),
                Subprotocol(f"ticket.{issued['ticket']}"),
            ],
            compression=None,
            proxy=None,
            open_timeout=WAIT_SECONDS,
        )
        with ExitStack() as stack:
            try:
                socket = stack.enter_context(connecting)
            except (OSError, InvalidHandshake) as error:
                self.failures.append(f"{self.subject} cannot connect: {error!r}")
                yield None
                return
            yield socket if self._has_begun(socket) else None

    def _has_begun(self, socket: ClientConnection) -> bool:
        try:
            message = _read(socket, WAIT_SECONDS)
        except (ConnectionClosed, TimeoutError) as error:
            self.failures.append(f"{self.subject}: the session does not begin: {error!r}")
            return False
        if message["type"] == "ready":
            self.jobs.append(message["jobId"])
            return True
        self.failures.append(f"{self.subject}: the session does not begin: {message}")
        return False

    def _speak(self, socket: ClientConnection, frames: int) -> int:
        """Returns how many of them were sent before the session ended."""
        sent = 0
        with suppress(ConnectionClosed):
            while sent < frames:
                socket.send(FRAME)
                sent += 1
                with suppress(TimeoutError):
                    while _read(socket, FRAME_SECONDS)["type"] != "done":
                        pass
        return sent

    def _finished(self, socket: ClientConnection) -> int:
        with suppress(ConnectionClosed):
            socket.send('{"type": "finish"}')
        return self._code(socket)

    def _code(self, socket: ClientConnection) -> int:
        """What the session is closed with, at last."""
        try:
            while True:
                _read(socket, WAIT_SECONDS)
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd else BROKEN
        except TimeoutError:
            return 0


def _read(socket: ClientConnection, seconds: float) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.recv(timeout=seconds))
    return message
