"""A receiver of the service's own webhooks, under `/webhooks`, and a mailbox to read them in.

It does not verify them: it does not know the secrets. Headers and body are kept as they came."""

import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import ClassVar

from flask import Blueprint
from werkzeug.wrappers import Response

from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Operations
from devstack.simulators.journal import shown_body
from devstack.simulators.wire import Call, Endpoint, current_call, json_response
from service.core.clock import Clock

MAX_KEPT = 500
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True)
class Received:
    """One webhook that was accepted. `headers` has those that the signature is about, `raw` is the
    body that it covers, `body` the same as JSON."""

    at: int
    headers: dict[str, str]
    body: object
    raw: str


class Webhooks:
    """Accepts every webhook, unless a fault is armed. Keeps the last 500. Thread-safe."""

    name = "webhooks"
    faults: ClassVar[Operations] = {"receive": RESPONSE_FAULTS}

    def __init__(self, injector: FaultInjector, clock: Clock) -> None:
        self._injector = injector
        self._clock = clock
        self._lock = threading.Lock()
        self._received: deque[Received] = deque(maxlen=MAX_KEPT)

    def blueprint(self) -> Blueprint:
        """All routes, without the `/webhooks` prefix."""
        routes = Blueprint("webhooks", __name__)
        routes.post("")(self.receive)
        routes.get("/__mailbox")(self.mailbox)
        routes.delete("/__mailbox")(self.empty)
        return routes

    def receive(self) -> Response:
        call = current_call()
        endpoint = Endpoint(self.name, "receive", _error_response)
        return self._injector.call(endpoint, call, lambda _: self._accepted(call))

    def mailbox(self) -> Response:
        """What was accepted, oldest first."""
        with self._lock:
            return json_response({"webhooks": [asdict(each) for each in self._received]})

    def empty(self) -> Response:
        with self._lock:
            self._received.clear()
        return json_response({"webhooks": []})

    def _accepted(self, call: Call) -> Response:
        headers = {name.lower(): text for name, text in call.headers.items()}
        signed = {name: headers[name] for name in SIGNED if name in headers}
        raw = call.body.decode("utf-8", "replace")
        received = Received(self._clock.now(), signed, shown_body(call.body), raw)
        with self._lock:
            self._received.append(received)
        return json_response({"received": True})


def _error_response(status: int, code: str | None) -> Response:
    return json_response({"error": code or "simulated"}, status)
