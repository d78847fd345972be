"""The door to providers tells "never sent" from "no answer", and sends nothing once its time is over."""

import socket
import threading
from collections.abc import Iterator

import pytest

from service.providers.http import NeverSent, NoAnswer, ProviderHttp


class Stopwatch:
    """A clock whose monotonic time is what the test says: one reading after the other, the last for ever."""

    def __init__(self, *readings: float) -> None:
        self._readings = list(readings)

    def now(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


class Listener:
    """Takes one connection, keeps what comes in, and hangs up without an answer."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.heard = b""
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.settimeout(5)
            self.heard = connection.recv(65536)

    def close(self) -> None:
        self._thread.join(10)
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def test_a_connection_that_stands_too_late_carries_nothing(listener: Listener) -> None:
    with pytest.raises(NeverSent):
        ProviderHttp(Stopwatch(0.0, 9.0)).send_once(listener.url, {}, b"{}", until=8.0)
    listener.close()
    assert listener.heard == b""


def test_a_request_without_an_answer_may_have_arrived(listener: Listener) -> None:
    with pytest.raises(NoAnswer):
        ProviderHttp(Stopwatch(0.0)).send_once(listener.url, {}, b"{}", until=8.0)
    listener.close()
    assert listener.heard.startswith(b"POST / ")
