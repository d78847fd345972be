"""The routes of text: load, call one operation, dump."""

from collections.abc import Mapping

from flask import Blueprint, Response

from service.core.clock import Clock
from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.jobs.entities import ContentRejected, Job
from service.jobs.event_schemas import job_events
from service.jobs.operations import Submission
from service.jobs.paid_routes import PAID_ERRORS, PAID_HEADERS, naming, paid_headers
from service.jobs.schemas import job_body, whole_job_body
from service.jobs.work import Operations
from service.storage.cursor import PageTokenInvalid
from service.storage.data_keys import DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.text.entities import (
    NewText,
    NoResponse,
    ProviderBrokeOff,
    TextNotFound,
    TextSaturated,
    TooManyTexts,
)
from service.text.event_schemas import has_begun, run_events
from service.text.history import History
from service.text.operations import RETRY_SECONDS, Text
from service.text.schemas import (
    TextHistoryQuerySchema,
    TextHistorySchema,
    TextJobSchema,
    TextRequestSchema,
    history_body,
)
from service.text.work import text_form
from service.web.body import read_body, read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.event_streams import event_stream
from service.web.idempotency_key import (
    read_idempotency_key,
)
from service.web.request_log import current_request_id
from service.web.responses import success

_FORM = text_form()
POST_TEXT = Endpoint(
    access=Access.USER,
    summary="Write a text",
    operation_id="generateText",
    scope=SessionScope.CREATE_JOBS,
    description="Holds the most that the text can cost, has it written, and captures what it did "
    "cost. With `stream` the response is `text/event-stream`: `start` with the job's id, any "
    "number of `delta` with `text`, then `usage` and `done` with the job, or `error`; comments "
    "keep the connection alive. A client that leaves ends nothing: `GET /jobs/{id}` has the text. "
    "Without `stream`, a text that takes longer than a connection may be silent is returned as the "
    "job it is, still open, with `Retry-After`. "
    "A repeated `Idempotency-Key` returns the same job; while that is open, a stream of it is "
    "`waiting` alone, with the job as it stands.",
    body=TextRequestSchema,
    response=TextJobSchema,
    events=True,
    checks_account=True,
    errors=(
        *_FORM.errors,
        ContentRejected,
        TooManyTexts,
        TextSaturated,
        NoResponse,
        ProviderBrokeOff,
        *PAID_ERRORS,
    ),
    example=_FORM.example,
    headers=PAID_HEADERS,
    max_body_bytes=_FORM.max_body_bytes,
)


def text_blueprint(text: Text, history: History, operations: Operations, clock: Clock) -> Blueprint:
    blueprint = Blueprint("text", __name__)
    schema = TextRequestSchema()

    def stored_body(job: Job) -> Mapping[str, object]:
        return whole_job_body(job, operations)

    @blueprint.post("/ai/generate")
    @endpoint(POST_TEXT)
    def post_text(principal: Principal) -> Response:
        given = read_body(schema)
        new = NewText(
            principal,
            given["fingerprint"] or "",
            _FORM.read(principal, given),
            read_idempotency_key(),
            current_request_id(),
        )
        begun = text.generate(new)
        headers = paid_headers(begun.job, replayed=isinstance(begun, Submission))
        if isinstance(begun, Submission):
            job = text.checked(begun.job)
            if given["stream"]:
                return event_stream(job_events(iter((job,)), stored_body), headers)
            with naming(job):
                return _whole(job, operations.content(job), begun.remaining, headers)

        def run_body(job: Job) -> Mapping[str, object]:
            return {**job_body(job, operations), **begun.content}

        if given["stream"] and has_begun(begun):
            return event_stream(run_events(begun, clock, run_body), headers)
        job = text.finished(begun)
        return _whole(job, begun.content, begun.remaining, headers)

    def _whole(
        job: Job, content: Mapping[str, object], remaining: int, headers: Mapping[str, str]
    ) -> Response:
        open_yet = {"Retry-After": str(RETRY_SECONDS)} if job.is_open else {}
        body = {**job_body(job, operations, remaining), **content}
        return success(body, headers={**headers, **open_yet})

    _add_history(blueprint, history)
    return blueprint


def _add_history(blueprint: Blueprint, history: History) -> None:
    query_schema = TextHistoryQuerySchema()

    @blueprint.get("/ai/history")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="List your texts, newest first",
            operation_id="listTexts",
            scope=SessionScope.READ_JOBS,
            description="Pages through the texts that were written for you, with their prompts. "
            "What a failed job delivered in part is with its job alone.",
            query=TextHistoryQuerySchema,
            response=TextHistorySchema,
            errors=(PageTokenInvalid, StorageUnavailable, DataKeyUnavailable),
        )
    )
    def get_history(principal: Principal) -> Response:
        query = read_query(query_schema)
        page = history.page(principal.subject, query["limit"], query["next_token"])
        return success(history_body(page.entries, page.next_token))

    @blueprint.delete("/ai/history/<job_id>")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Delete one of your texts",
            operation_id="deleteText",
            description="Deletes the prompt and the text. What it cost stays with its job.",
            errors=(TextNotFound, StorageUnavailable, DataUnreadable),
        )
    )
    def delete_text(principal: Principal, job_id: str) -> Response:
        history.delete(principal.subject, job_id)
        return success(None)
