"""OpenAI over HTTP, under `/openai`; its API is under `/openai/v1`."""

import hmac
import itertools
from collections.abc import Callable, Iterator
from typing import ClassVar

from flask import Blueprint
from werkzeug.wrappers import Response

from devstack.simulators.control import control_body
from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Fault, Operations
from devstack.simulators.language.books import Books, Entry
from devstack.simulators.language.model import count_tokens, plan
from devstack.simulators.language.scripts import Script, ScriptBoard
from devstack.simulators.language.streaming import (
    STREAM_FAULTS,
    Pace,
    billed,
    tokens,
)
from devstack.simulators.openai.chat import chat_usage, chunks, completion
from devstack.simulators.openai.errors import OpenAiError, error_response, event_error
from devstack.simulators.openai.requests import (
    MODELS,
    TextRequest,
    parse_chat_request,
    parse_count_request,
    parse_response_request,
)
from devstack.simulators.openai.responses import Job, events, reported, whole
from devstack.simulators.wire import Call, Endpoint, current_call, json_response
from service.core.clock import Clock

_GENERATE_FAULTS = RESPONSE_FAULTS | STREAM_FAULTS
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PREFIX = "Bearer "


class OpenAi:
    """The endpoints of one account, at OpenAI or at another vendor that speaks its API."""

    faults: ClassVar[Operations] = {
        "responses": _GENERATE_FAULTS,
        "chat": _GENERATE_FAULTS,
        "count": RESPONSE_FAULTS,
        "models": RESPONSE_FAULTS,
    }

    def __init__(
        self,
        injector: FaultInjector,
        pace: Pace,
        clock: Clock,
        key: str,
        usual: Script,
        name: str = "openai",
    ) -> None:
        self.name = name
        self._injector = injector
        self._pace = pace
        self._clock = clock
        self._key = key
        self._scripts = ScriptBoard(usual)
        self._books = Books()
        self._numbers = itertools.count(1)

    def blueprint(self) -> Blueprint:
        """All routes, without their prefix."""
        routes = Blueprint(self.name, __name__)
        routes.post("/v1/responses")(self.responses)
        routes.post("/v1/responses/input_tokens")(self.count)
        routes.post("/v1/chat/completions")(self.chat)
        routes.get("/v1/models")(self.models)
        routes.get("/v1/models/<name>")(self.model)
        routes.get("/__calls")(self.calls)
        routes.delete("/__calls")(self.forget)
        routes.post("/__script")(self.script)
        routes.delete("/__script")(self.unscript)
        routes.add_url_rule("/<path:anything>", "unknown", self.unknown, methods=_METHODS)
        return routes

    def responses(self) -> Response:
        call = current_call()

        def act(fault: Fault | None) -> Response:
            job = self._job(parse_response_request(call.body))
            entry = self._entry(job, "responses")
            if job.request.streamed:
                return self._stream(job, entry, fault, events)
            self._write_whole(job, entry, fault)
            self._books.close(entry, job.state, reported(job))
            return json_response(whole(job, job.state, job.plan.text))

        return self._call("responses", call, act)

    def chat(self) -> Response:
        call = current_call()

        def act(fault: Fault | None) -> Response:
            job = self._job(parse_chat_request(call.body))
            entry = self._entry(job, "chat")
            if job.request.streamed:
                return self._stream(job, entry, fault, chunks)
            self._write_whole(job, entry, fault)
            self._books.close(entry, job.state, chat_usage(job))
            if job.script.failure:
                raise event_error(job.script.failure)
            return json_response(completion(job))

        return self._call("chat", call, act)

    def count(self) -> Response:
        call = current_call()

        def act(_: Fault | None) -> Response:
            counted = count_tokens(parse_count_request(call.body))
            return json_response({"object": "response.input_tokens", "input_tokens": counted})

        return self._call("count", call, act)

    def models(self) -> Response:
        content = {"object": "list", "data": [self._model(name) for name in MODELS]}
        return self._call("models", current_call(), lambda _: json_response(content))

    def model(self, name: str) -> Response:
        def act(_: Fault | None) -> Response:
            if name not in MODELS:
                raise OpenAiError("model_not_found", param="model")
            return json_response(self._model(name))

        return self._call("models", current_call(), act)

    def unknown(self, anything: str) -> Response:
        """Any other path. The journal shows it."""

        def act(_: Fault | None) -> Response:
            raise OpenAiError(None, f"Invalid URL (/{anything[:64]})", status=404)

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
        def checked(fault: Fault | None) -> Response:
            try:
                self._check_key(call.headers.get("Authorization", ""))
                return act(fault)
            except OpenAiError as error:
                return error.response()

        endpoint = Endpoint(self.name, operation, error_response)
        response = self._injector.call(endpoint, call, checked)
        response.headers["x-request-id"] = f"req_{next(self._numbers):032x}"
        return response

    def _check_key(self, authorization: str) -> None:
        if not authorization.startswith(_PREFIX):
            raise OpenAiError(None, "You didn't provide an API key.", status=401)
        given = authorization.removeprefix(_PREFIX).encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._key.encode()):
            raise OpenAiError("invalid_api_key")

    def _job(self, request: TextRequest) -> Job:
        script = self._scripts.take()
        number = f"resp_{self._clock.now():013x}{next(self._numbers):019x}"
        planned = plan(script, request.texts, request.max_tokens)
        return Job(number, self._clock.now() // 1000, request, script, planned)

    def _entry(self, job: Job, operation: str) -> Entry:
        entry = Entry(job.id, self._clock.now(), operation, job.request.model, job.request.job_id)
        self._books.open(entry)
        return entry

    def _write_whole(self, job: Job, entry: Entry, fault: Fault | None) -> None:
        """Raises `OpenAiError` where a stream would have an error as its first event."""
        if fault and fault.kind.startswith("error-event"):
            self._books.close(entry, "failed")
            raise event_error(fault.code)
        self._books.begin(entry, job.plan)
        self._pace.wait(job.script.seconds_per_token * job.plan.output_tokens)
        self._books.wrote(entry, len(job.plan.pieces))

    def _stream(
        self,
        job: Job,
        entry: Entry,
        fault: Fault | None,
        form: Callable[[Job, Iterator[str], str | None, bool], Iterator[bytes]],
    ) -> Response:
        is_error = fault is not None and fault.kind.startswith("error-event")
        error = ((fault.code if fault else None) or "server_error") if is_error else None
        late = fault is not None and fault.kind == "error-event-late"

        def written() -> Iterator[str]:
            self._books.begin(entry, job.plan)
            for token in tokens(job.plan, job.script.seconds_per_token, fault, self._pace):
                self._books.wrote(entry)
                yield token
            if not is_error:
                self._books.close(entry, job.state, reported(job))

        def body() -> Iterator[bytes]:
            yield from form(job, written(), error, late)
            self._books.close(entry, "failed")

        return Response(
            billed(body, self._books, entry, fault), content_type="text/event-stream; charset=utf-8"
        )

    def _model(self, name: str) -> dict[str, object]:
        return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "openai"}
