"""Stripe without sockets: the simulated account, and stripe-python clients that reach it in
process."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

import stripe

from devstack.simulators.faults import FaultBoard
from devstack.simulators.stripe.errors import usual_error
from devstack.simulators.stripe.operations import operation_of
from devstack.simulators.stripe.routes import StripeRoutes
from devstack.simulators.stripe.seeds import read_plans, seed
from devstack.simulators.stripe.simulator import LOCAL_KEY, LOCAL_WEBHOOK_SECRET, StripeSimulator
from devstack.simulators.stripe.webhooks import Endpoint, Message, signature_headers
from devstack.simulators.stripe.wire import API_VERSION, Reply, Request
from service.core.clock import Clock

WEBHOOK_URL = "http://127.0.0.1:8080/stripe/webhook"


class InProcess(stripe.HTTPClient):
    """Passes stripe-python's requests to the simulator. `lost` counts down: so many of the next
    requests are done, and their response is lost."""

    name = "in-process"
    # Called with every request of every account.
    watchers: ClassVar[list[Callable[[Request], object]]] = []

    def __init__(self, simulator: StripeSimulator) -> None:
        super().__init__()
        self._simulator = simulator
        self._faults = FaultBoard({"stripe": StripeRoutes.faults})
        self.requests: list[Request] = []
        self.lost = 0

    def arm(self, operation: str, fault: str, count: int = 1) -> None:
        """The next `count` requests of that operation (`create_session`, …) meet the fault:
        `status:<status>`, `html:<status>`, `reset`, `lost-answer` or `stored-error`."""
        self._faults.arm("stripe", operation, fault, count)

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        request = Request(
            method.upper(),
            parts.path.removeprefix("/stripe"),
            parts.query,
            post_data or "",
            {name.lower(): value for name, value in (headers or {}).items()},
        )
        self.requests.append(request)
        for watcher in self.watchers:
            watcher(request)
        reply = self._reply(request)
        if self.lost:
            self.lost -= 1
            raise _lost()
        return reply.body, reply.status, dict(reply.headers)

    def _reply(self, request: Request) -> Reply:
        operation = operation_of(request.method, request.path)
        fault = self._faults.take("stripe", operation[0].name) if operation else None
        match fault.kind if fault else "":
            case "status" | "html":
                assert fault is not None
                error = usual_error(fault.status, fault.code).reply()
                return error if fault.kind == "status" else Reply(fault.status, text="<html>")
            case "reset":
                raise _lost()
            case "stored-error":
                return self._stored_error(request)
            case "lost-answer":
                self._simulator.handle(request)
                raise _lost()
            case _:
                return self._simulator.handle(request)

    def _stored_error(self, request: Request) -> Reply:
        api = self._simulator.api
        return api.begin(request) or api.end(request, api.internal_error())

    def close(self) -> None:
        return

    def _sleep_time_seconds(self, num_retries: int, response: Any = None) -> float:
        return 0.0


def _lost() -> stripe.APIConnectionError:
    return stripe.APIConnectionError("there was no response", should_retry=True)


class StripeAccount:
    """The simulated account of a test, with the prices of the plans. Events are only sent when the
    test does so: `signed` makes the request that Stripe would send."""

    def __init__(self, clock: Clock, secrets: tuple[str, ...] = (LOCAL_WEBHOOK_SECRET,)) -> None:
        self._clock = clock
        self.sent: list[Message] = []
        self.simulator = StripeSimulator(
            clock,
            endpoints=(Endpoint(WEBHOOK_URL, secrets),),
            post=self.sent.append,
            seed=partial(seed, plans=read_plans(), prices={}),
        )
        self.http = InProcess(self.simulator)

    @property
    def controls(self) -> Any:
        return self.simulator.controls

    def client(self, key: str = LOCAL_KEY, retries: int = 0) -> stripe.StripeClient:
        """A client of stripe-python on this account."""
        return stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": "http://127.0.0.1:8090/stripe"},
            http_client=self.http,
            max_network_retries=retries,
        )

    def events(self, *types: str) -> list[dict[str, Any]]:
        """Every event so far, oldest first; of those types alone if any are named."""
        self.simulator.catch_up()
        return list(self.simulator.account.events.all(*types))

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]

    def signed(
        self,
        event: Mapping[str, Any],
        secrets: Iterable[str] = (LOCAL_WEBHOOK_SECRET,),
        at: int | None = None,
    ) -> tuple[bytes, Mapping[str, str]]:
        """Body and headers of the webhook for that event."""
        body = json.dumps(event).encode()
        seconds = self._clock.now() // 1000 if at is None else at
        return body, {
            **signature_headers(tuple(secrets), seconds, body),
            "Content-Type": "application/json",
        }
