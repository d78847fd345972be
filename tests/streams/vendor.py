"""The simulated OpenAI, books and all, behind the real adapter but without sockets: its connection
hands over the bytes that the simulator writes, on the clock of the world."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Flask

from devstack.simulators.app import build
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.wire import Hangup
from service.core.metrics import NoMetrics
from service.core.settings import Secret
from service.providers.api_key import ApiKey
from service.providers.openai.client import ResponsesApi
from service.providers.streams import ByteStream, Waits
from tests.doubles.clock import FakeClock

STALL_SECONDS = 5.0
_KEY = "openai-local-api-key"
_CONTEXTS = Flask(__name__)
_HEAD = "HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n"
_DELTAS = ("response.output_text.delta", "response.refusal.delta")


class Delivery:
    """What arrived of one call: its text and the type of its last event. `meet` is called before
    each piece is handed over, and may end the call or its process."""

    def __init__(self, meet: Callable[[int], None]) -> None:
        self.text = ""
        self.last = ""
        self.pieces = 0
        self._meet = meet

    def next(self) -> None:
        self._meet(self.pieces)
        self.pieces += 1

    def arrived(self, piece: bytes) -> None:
        for line in piece.decode().splitlines():
            if line.startswith("data: {"):
                content = json.loads(line.removeprefix("data: "))
                self.last = content["type"]
                self.text += content["delta"] if self.last in _DELTAS else ""


class SimulatedOpenAi:
    """The vendor, its control and its books."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        settings = SimulatorSettings(openai_api_key=_KEY)
        self._simulators = build(settings, clock, logging.getLogger(__name__))
        self.delivery = Delivery(lambda _: None)

    def script(self, **script: Any) -> None:
        with _CONTEXTS.test_request_context("/__script", method="POST", json=script):
            self._simulators.openai.script()

    def forget_plans(self) -> None:
        with _CONTEXTS.test_request_context("/__faults", method="DELETE"):
            self._simulators.control.disarm()
            self._simulators.openai.unscript()

    def arm(self, fault: str, **more: Any) -> None:
        order = {"service": "openai", "operation": "responses", "fault": fault, **more}
        with _CONTEXTS.test_request_context("/__faults", method="POST", json=order):
            self._simulators.control.arm()

    def books(self) -> dict[str, dict[str, Any]]:
        """The vendor's entry of each job. Raises `ValueError` where it has two of one."""
        with _CONTEXTS.test_request_context("/__calls"):
            calls = json.loads(self._simulators.openai.calls().get_data())["calls"]
        found = {call["job_id"]: call for call in calls}
        if len(found) != len(calls):
            raise ValueError("a job was sent twice")
        return found

    def responded(self, headers: Mapping[str, str], body: bytes) -> Iterator[bytes]:
        """The response as it comes. Raises `ConnectionResetError` where the vendor hangs up."""
        with _CONTEXTS.test_request_context(
            "/v1/responses", method="POST", headers=dict(headers), data=body
        ):
            response = self._simulators.openai.responses()
        if isinstance(response, Hangup):
            raise ConnectionResetError
        head = _HEAD.format(status=response.status_code, kind=response.content_type)
        yield head.encode()
        yield from response.response  # type: ignore[misc]

    def adapter(self) -> ResponsesApi:
        return ResponsesApi(
            name="openai",
            base_url="https://openai.example.com/v1",
            key=ApiKey(lambda: Secret(_KEY), self.clock),
            streams=_Streams(self),  # type: ignore[arg-type]
            http=None,  # type: ignore[arg-type]
            waits=Waits(30.0, STALL_SECONDS),
            count_seconds=2.0,
            clock=self.clock,
            metrics=NoMetrics(),
        )


class _Streams:
    """Stands in for `service.providers.streams.Streams`."""

    def __init__(self, vendor: SimulatedOpenAi) -> None:
        self._vendor = vendor

    def prepare(self, url: str, waits: Waits, until: float) -> ByteStream:
        return ByteStream(_Connection(self._vendor), url, self._vendor.clock, waits, until)


class _Connection:
    """A connection and its socket in one."""

    def __init__(self, vendor: SimulatedOpenAi) -> None:
        self._vendor = vendor
        self._pieces: Iterator[bytes] = iter(())
        self._is_interrupted = False
        self.sock: Any = None
        self.timeout = 0.0

    def connect(self) -> None:
        self.sock = self

    def request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        self._pieces = self._vendor.responded(headers, body)

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds

    def recv(self, maximum: int) -> bytes:
        clock, delivery = self._vendor.clock, self._vendor.delivery
        delivery.next()
        began_at = clock.monotonic()
        piece = next(self._pieces, b"")
        if clock.monotonic() - began_at > self.timeout:
            raise TimeoutError
        if not self._is_interrupted:
            delivery.arrived(piece)
        return piece

    def interrupt(self) -> None:
        self._is_interrupted = True

    def close(self) -> None:
        self.sock = None
        # As the server does when its client has gone: the vendor writes no further.
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
