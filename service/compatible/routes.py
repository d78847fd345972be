"""OpenAI's routes: load, call one operation, dump."""

import errno
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import Schema

from service.compatible.entities import TextFailed, TextWish, Written
from service.compatible.error_schemas import SHOULD_RETRY
from service.compatible.event_schemas import chat_events, response_events
from service.compatible.operations import Compatible, Writing
from service.compatible.response_schemas import (
    EXAMPLE as RESPONSE_EXAMPLE,
)
from service.compatible.response_schemas import (
    ResponseObjectSchema,
    ResponseRequestSchema,
    response_body,
    response_text,
)
from service.compatible.schemas import (
    EXAMPLE as CHAT_EXAMPLE,
)
from service.compatible.schemas import (
    ChatCompletionSchema,
    ChatRequestSchema,
    chat_body,
    chat_text,
)
from service.core.errors import FareboxError
from service.core.principal import Principal
from service.core.scopes import KeyScope, SessionScope
from service.jobs.entities import ContentRejected
from service.jobs.paid_routes import PAID_ERRORS, PAID_HEADERS, paid_headers
from service.sessions.entities import ExternalUserRequired
from service.text.entities import (
    MaxTokensTooLow,
    NoResponse,
    PromptTooLong,
    PromptUnusable,
    ProviderBrokeOff,
    SamplingNotSupported,
    TextBody,
    TextNotFound,
    TextSaturated,
    TooManyTexts,
    UnknownModel,
)
from service.text.event_schemas import Live
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.event_streams import event_stream
from service.web.idempotency_key import read_idempotency_key
from service.web.request_log import current_request_id
from service.web.responses import json_response

MAX_BODY_BYTES = 512 * 1024
# A back end has few addresses, and a guess at its key costs no read.
ADDRESS_LIMIT = 0
KEY_LIMIT = 6000
RETRY_COUNT_HEADER = "X-Stainless-Retry-Count"
# Of waiting for a text that takes long: its call ends long before.
MAX_STEPS = 60

_ERRORS: tuple[type[FareboxError], ...] = (
    UnknownModel,
    PromptUnusable,
    PromptTooLong,
    MaxTokensTooLow,
    SamplingNotSupported,
    ExternalUserRequired,
    ContentRejected,
    TooManyTexts,
    TextSaturated,
    NoResponse,
    ProviderBrokeOff,
    TextFailed,
    TextNotFound,
    *PAID_ERRORS,
)

Given = Mapping[str, Any]


@dataclass(frozen=True)
class _Form:
    """What is particular to one of the two routes. `params` are its names for what a text can be
    refused for."""

    route: str
    schema: Schema
    read: Callable[[Given], TextBody]
    params: Mapping[type[FareboxError], str]
    body: Callable[[Given, Written], Mapping[str, object]]
    events: Callable[[Writing, Live, Given], Iterator[str]]


def _endpoint(summary: str, operation_id: str, kinds: str, **others: Any) -> Endpoint:
    return Endpoint(
        access=Access.USER_OR_SERVER,
        summary=summary,
        operation_id=operation_id,
        scope=SessionScope.CREATE_JOBS,
        key_scope=KeyScope.SESSIONS,
        description=f"For OpenAI's client libraries: the same as `POST /ai/generate`, in {kinds} "
        "words. A server key acts for the user in `user`. A request without an `Idempotency-Key` "
        f"that comes again with `{RETRY_COUNT_HEADER}`, as these libraries repeat it, finds the "
        "job of the first. Errors have OpenAI's shape; too few credits are a 402.",
        bare=True,
        events=True,
        checks_account=True,
        errors=_ERRORS,
        headers={
            **PAID_HEADERS,
            RETRY_COUNT_HEADER: "How often the client's library has sent the request before.",
        },
        max_body_bytes=MAX_BODY_BYTES,
        address_limit=ADDRESS_LIMIT,
        key_limit=KEY_LIMIT,
        **others,
    )


POST_CHAT = _endpoint(
    "Write a text, as a chat completion",
    "createChatCompletion",
    "their chat completions'",
    body=ChatRequestSchema,
    response=ChatCompletionSchema,
    example=CHAT_EXAMPLE,
)
POST_RESPONSE = _endpoint(
    "Write a text, as a response",
    "createResponse",
    "their Responses API's",
    body=ResponseRequestSchema,
    response=ResponseObjectSchema,
    example=RESPONSE_EXAMPLE,
)


def compatible_blueprint(compatible: Compatible, live: Live) -> Blueprint:
    """`live` reads the run of a text, at the pace of a stream."""
    blueprint = Blueprint("compatible", __name__)
    chat, response = _chat_form(), _response_form()

    @blueprint.post("/v1/chat/completions")
    @endpoint(POST_CHAT)
    def post_chat_completion(principal: Principal) -> Response:
        return _written(compatible, chat, live, principal)

    @blueprint.post("/v1/responses")
    @endpoint(POST_RESPONSE)
    def post_response(principal: Principal) -> Response:
        return _written(compatible, response, live, principal)

    return blueprint


def _chat_form() -> _Form:
    def events(writing: Writing, live: Live, given: Given) -> Iterator[str]:
        options = given["stream_options"] or {}
        return chat_events(writing, live, with_usage=bool(options.get("include_usage")))

    return _Form(
        "POST /v1/chat/completions",
        ChatRequestSchema(),
        chat_text,
        _params("messages", "max_completion_tokens"),
        lambda _, written: chat_body(written),
        events,
    )


def _response_form() -> _Form:
    return _Form(
        "POST /v1/responses",
        ResponseRequestSchema(),
        response_text,
        _params("input", "max_output_tokens"),
        response_body,
        response_events,
    )


def _params(prompt: str, limit: str) -> Mapping[type[FareboxError], str]:
    return {
        UnknownModel: "model",
        PromptUnusable: prompt,
        PromptTooLong: prompt,
        MaxTokensTooLow: limit,
    }


def _written(compatible: Compatible, form: _Form, live: Live, principal: Principal) -> Response:
    given = read_body(form.schema)
    with _naming(form.params):
        wish = TextWish(
            form.route,
            form.read(given),
            given["user"],
            read_idempotency_key(),
            current_request_id(),
            _is_retry(),
        )
        writing = compatible.begin(principal, wish)
        headers = paid_headers(writing.job, replayed=writing.is_replay) | {SHOULD_RETRY: "false"}
        if given["stream"]:
            if not writing.has_begun(compatible.step_seconds):
                writing.written()
            return event_stream(form.events(writing, live, given), headers)
        body = partial(form.body, given)
        if writing.wait(compatible.silent_seconds):
            return json_response(body(writing.written()), headers=headers)
    return Response(
        _late(writing, body, compatible.step_seconds), headers=headers, mimetype="application/json"
    )


def _late(
    writing: Writing, body: Callable[[Written], Mapping[str, object]], step_seconds: float
) -> Iterator[str]:
    """The body of a text that takes longer than a connection may be silent: blanks, which JSON
    allows before it, and then all of it. What cannot be returned any more, with its status, cuts
    the connection: the client's library then repeats the request, and finds the job as it ended."""
    for _ in range(MAX_STEPS):
        yield " "
        if writing.wait(step_seconds):
            break
    try:
        yield json.dumps(body(writing.written()), allow_nan=False)
    except FareboxError as error:
        raise ConnectionResetError(errno.ECONNRESET, f"too late for {error.code}") from error


@contextmanager
def _naming(params: Mapping[type[FareboxError], str]) -> Iterator[None]:
    """A refusal names the parameter as this route calls it."""
    try:
        yield
    except FareboxError as error:
        for kind, param in params.items():
            if isinstance(error, kind):
                error.details["param"] = param
        raise


def _is_retry() -> bool:
    """By the header of OpenAI's own libraries."""
    count = request.headers.get(RETRY_COUNT_HEADER, "")
    return count.isascii() and count.isdigit() and int(count[:9]) > 0
