"""Bedrock over HTTP, under `/bedrock`. Model ids may hold `:` and `/`, encoded."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import ClassVar

from flask import Blueprint, request
from werkzeug.wrappers import Response

from devstack.simulators.bedrock.access import Keys, check
from devstack.simulators.bedrock.errors import BedrockError, error_response, event_error
from devstack.simulators.bedrock.requests import parse_converse, parse_count
from devstack.simulators.bedrock.responses import Talk, events, talk, usage_of, whole
from devstack.simulators.control import control_body
from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Fault, Operations
from devstack.simulators.language.books import Books, Entry
from devstack.simulators.language.model import count_tokens, plan
from devstack.simulators.language.scripts import Script, ScriptBoard
from devstack.simulators.language.streaming import STREAM_FAULTS, Pace, billed, tokens
from devstack.simulators.wire import Call, Endpoint, current_call, json_response
from service.core.clock import Clock

EVENT_STREAM = "application/vnd.amazon.eventstream"
_GENERATE_FAULTS = RESPONSE_FAULTS | STREAM_FAULTS
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Bedrock:
    """The endpoints of one account in one region."""

    name = "bedrock"
    faults: ClassVar[Operations] = {
        "converse": _GENERATE_FAULTS,
        "converse-stream": _GENERATE_FAULTS,
        "count-tokens": RESPONSE_FAULTS,
    }

    def __init__(
        self, injector: FaultInjector, pace: Pace, clock: Clock, keys: Keys, usual: Script
    ) -> None:
        self._injector = injector
        self._pace = pace
        self._clock = clock
        self._keys = keys
        self._scripts = ScriptBoard(usual)
        self._books = Books()
        self._numbers = itertools.count(1)

    def blueprint(self) -> Blueprint:
        """All routes, without the `/bedrock` prefix."""
        routes = Blueprint("bedrock", __name__)
        routes.post("/model/<path:model>/converse")(self.converse)
        routes.post("/model/<path:model>/converse-stream")(self.converse_stream)
        routes.post("/model/<path:model>/count-tokens")(self.count_tokens)
        routes.get("/__calls")(self.calls)
        routes.delete("/__calls")(self.forget)
        routes.post("/__script")(self.script)
        routes.delete("/__script")(self.unscript)
        routes.add_url_rule("/<path:anything>", "unknown", self.unknown, methods=_METHODS)
        return routes

    def converse(self, model: str) -> Response:
        call = current_call()

        def act(fault: Fault | None) -> Response:
            made, entry = self._begin(model, call, "converse")
            if (fault and fault.kind.startswith("error-event")) or made.state == "failed":
                self._books.close(entry, "failed")
                raise event_error((fault.code if fault else None) or made.script.failure)
            self._books.begin(entry, made.plan)
            self._pace.wait(made.script.seconds_per_token * made.plan.output_tokens)
            self._books.wrote(entry, len(made.plan.pieces))
            self._books.close(entry, made.state, usage_of(made))
            return json_response(whole(made))

        return self._call("converse", call, act)

    def converse_stream(self, model: str) -> Response:
        call = current_call()

        def act(fault: Fault | None) -> Response:
            made, entry = self._begin(model, call, "converse-stream")
            return self._stream(made, entry, fault)

        return self._call("converse-stream", call, act)

    def count_tokens(self, model: str) -> Response:
        call = current_call()

        def act(_: Fault | None) -> Response:
            return json_response({"inputTokens": count_tokens(parse_count(model, call.body))})

        return self._call("count-tokens", call, act)

    def unknown(self, anything: str) -> Response:
        """Any other path. The journal shows it."""
        del anything

        def act(_: Fault | None) -> Response:
            raise BedrockError("UnknownOperationException", "Unknown operation", 404)

        return self._call("unknown", current_call(), act)

    def calls(self) -> Response:
        return json_response({"calls": self._books.listed()})

    def forget(self) -> Response:
        self._books.reset()
        return self.calls()

    def script(self) -> Response:
        self._scripts.add(control_body())
        return json_response({"waiting": self._scripts.waiting()})

    def unscript(self) -> Response:
        self._scripts.reset()
        return json_response({"waiting": 0})

    def _call(
        self, operation: str, call: Call, act: Callable[[Fault | None], Response]
    ) -> Response:
        raw_path = str(request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or "")
        headers = {name.lower(): value for name, value in call.headers.items()}

        def checked(fault: Fault | None) -> Response:
            try:
                check(self._keys, call.method, raw_path, headers, call.body, self._clock.now())
                return act(fault)
            except BedrockError as error:
                return error.response()

        response = self._injector.call(
            Endpoint(self.name, operation, error_response), call, checked
        )
        response.headers["x-amzn-RequestId"] = str(uuid.uuid5(uuid.NAMESPACE_URL, self._next()))
        return response

    def _next(self) -> str:
        return f"{self._clock.now()}-{next(self._numbers)}"

    def _begin(self, model: str, call: Call, operation: str) -> tuple[Talk, Entry]:
        wanted = parse_converse(model, call.body)
        script = self._scripts.take()
        made = talk(wanted, script, plan(script, wanted.texts, wanted.max_tokens))
        entry = Entry(self._next(), self._clock.now(), operation, model, wanted.job_id)
        self._books.open(entry)
        return made, entry

    def _stream(self, made: Talk, entry: Entry, fault: Fault | None) -> Response:
        is_error = fault is not None and fault.kind.startswith("error-event")
        error = (fault.code or "InternalServerException") if fault and is_error else None
        late = fault is not None and fault.kind == "error-event-late"

        def written() -> Iterator[str]:
            self._books.begin(entry, made.plan)
            hidden = made.shown is not made.plan
            if hidden:
                self._books.wrote(entry, len(made.plan.pieces))
            for token in tokens(made.shown, made.script.seconds_per_token, fault, self._pace):
                if not hidden:
                    self._books.wrote(entry)
                yield token
            if not is_error:
                self._books.close(entry, made.state, usage_of(made))

        def body() -> Iterator[bytes]:
            yield from events(made, written(), error, late)
            self._books.close(entry, "failed")

        stream = billed(body, self._books, entry, fault, bills_on=True)
        return Response(stream, content_type=EVENT_STREAM)
