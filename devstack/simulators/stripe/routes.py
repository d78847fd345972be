"""Stripe over HTTP, under `/stripe`."""

import inspect
import secrets
from collections.abc import Callable
from functools import partial
from types import UnionType
from typing import ClassVar, get_args, get_origin

from flask import Blueprint, request
from werkzeug.wrappers import Response

from devstack.simulators.background import Background
from devstack.simulators.control import control_body
from devstack.simulators.delivery import Deliverer, Delivery
from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Fault, FaultBoard, Operations
from devstack.simulators.stripe.errors import StripeError, usual_error
from devstack.simulators.stripe.operations import OPERATIONS, operation_of
from devstack.simulators.stripe.pages import StripePages
from devstack.simulators.stripe.simulator import StripeSimulator
from devstack.simulators.stripe.webhooks import Message, signature_headers
from devstack.simulators.stripe.wire import Reply, Request, Wire
from devstack.simulators.wire import Endpoint, current_call, json_response
from service.core.clock import Clock

CONTROLS = (
    "pay",
    "settle",
    "expire",
    "refund",
    "dispute",
    "warn",
    "fail_next",
    "clock",
    "settings",
    "webhooks",
    "deliver",
)
WEBHOOK_FAULTS = frozenset({"drop", "double", "slow", "unsigned", "forged"})
STORED = "stored-error"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_UNKNOWN = "unknown"
# Stripe tries for three days; a developer has less time.
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)


def _faults() -> Operations:
    faults = {each.name: RESPONSE_FAULTS | {"late"} for each in OPERATIONS}
    changing = {each.name for each in OPERATIONS if each.method == "POST"}
    faults |= {name: faults[name] | {STORED} for name in changing}
    return faults | {"webhook": WEBHOOK_FAULTS}


class StripeRoutes:
    """The API, the controls and the sending of webhooks of one simulated account."""

    name = "stripe"
    faults: ClassVar[Operations] = _faults()

    def __init__(self, injector: FaultInjector, stripe: StripeSimulator) -> None:
        self._injector = injector
        self._stripe = stripe

    def blueprint(self) -> Blueprint:
        """All routes, without the `/stripe` prefix."""
        routes = Blueprint(
            "stripe",
            __name__,
            static_folder="static",
            static_url_path="/static",
            template_folder="templates",
        )
        StripePages(self._stripe).add_to(routes)
        routes.add_url_rule("/v1/<path:rest>", "api", self.api, methods=_METHODS)
        for name in CONTROLS:
            routes.add_url_rule(
                f"/__{name}", f"control_{name}", self._control(name), methods=("POST",)
            )
        routes.get("/__books")(self.books)
        routes.delete("/__books")(self.forget)
        routes.get("/__events")(self.events)
        return routes

    def api(self, rest: str) -> Response:
        """Any request to the API."""
        call = current_call()
        wanted = Request(
            call.method,
            f"/v1/{rest}",
            request.query_string.decode("ascii", "replace"),
            call.body.decode("utf-8", "replace"),
            {name.lower(): value for name, value in call.headers.items()},
        )
        found = operation_of(wanted.method, wanted.path)
        endpoint = Endpoint(self.name, found[0].name if found else _UNKNOWN, _error_response)
        finish: list[Callable[[], object]] = []
        try:
            return self._injector.call(
                endpoint, call, lambda fault: self._performed(wanted, fault, finish)
            )
        finally:
            for each in finish:
                each()

    def _performed(
        self, wanted: Request, fault: Fault | None, finish: list[Callable[[], object]]
    ) -> Response:
        """Does the request. A slow one keeps its idempotency key in use until it is over."""
        api = self._stripe.api
        stored = api.begin(wanted)
        if stored is not None:
            return _response(stored)
        kind = fault.kind if fault else ""
        reply = api.internal_error() if kind == STORED else api.perform(wanted)
        if kind == "slow":
            finish.append(lambda: api.end(wanted, reply))
        else:
            api.end(wanted, reply)
        return _response(reply)

    def _control(self, name: str) -> Callable[[], Response]:
        def call() -> Response:
            try:
                method = getattr(self._stripe.controls, name)
                return json_response(method(**_arguments(method, dict(control_body()))))
            except StripeError as error:
                return _response(error.reply())

        return call

    def books(self) -> Response:
        return json_response(self._stripe.controls.books())

    def forget(self) -> Response:
        self._stripe.reset()
        return self.books()

    def events(self) -> Response:
        types = request.args.getlist("type")
        with self._stripe.api.lock:
            return json_response({"events": list(self._stripe.account.events.all(*types))})


def _arguments(method: Callable[..., Wire], body: Wire) -> Wire:
    """The body's values, if they are what the method takes. Raises `StripeError`."""
    signature = inspect.signature(method)
    for name, value in body.items():
        parameter = signature.parameters.get(name)
        if parameter is None:
            raise StripeError(f"Received unknown parameter: {name}", "parameter_unknown", name)
        if not _fits(parameter.annotation, value):
            raise StripeError(f"{name} must be {parameter.annotation}.", param=name)
    for name, parameter in signature.parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in body:
            raise StripeError(f"Missing required param: {name}.", "parameter_missing", name)
    return body


def _fits(annotation: object, value: object) -> bool:
    """Whether a JSON value has the type of a control's parameter."""
    options = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    kinds = tuple(get_origin(option) or option for option in options)
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, int) and float in kinds:
        return True
    return isinstance(value, kinds)


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers), content_type="application/json")


def _error_response(status: int, code: str | None) -> Response:
    return _response(usual_error(status, code).reply())


class WebhookSender:
    """Posts signed events in the background, with the armed fault if there is one."""

    def __init__(
        self,
        faults: FaultBoard,
        deliverer: Deliverer,
        background: Background,
        address: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._faults = faults
        self._deliverer = deliverer
        self._background = background
        self._address = address
        self._clock = clock

    def post(self, message: Message) -> None:
        """Queues the message and returns at once."""
        fault = self._faults.take("stripe", "webhook")
        kind = fault.kind if fault else ""
        delivery = self._delivery(message, fault)
        if kind == "drop":
            self._deliverer.record_undelivered(delivery)
            return
        delay = fault.seconds if fault and kind == "slow" else message.delay_seconds
        for _ in range(2 if kind == "double" else 1):
            if delay:
                self._background.later(delay, lambda: self._deliverer.send(delivery))
            else:
                self._deliverer.send(delivery)

    def _delivery(self, message: Message, fault: Fault | None) -> Delivery:
        headers = message.headers
        if fault and fault.kind == "unsigned":
            headers = dict
        elif fault and fault.kind == "forged":
            unknown, at = f"whsec_{secrets.token_hex(16)}", self._clock.now() // 1000
            headers = partial(signature_headers, (unknown,), at, message.body)
        return Delivery(
            service="stripe",
            subject=message.endpoint.url,
            url=self._address(message.endpoint.url),
            body=message.body,
            headers=headers,
            fault=fault.text if fault else None,
            operation="webhook",
            retry_seconds=RETRY_SECONDS,
        )
