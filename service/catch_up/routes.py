"""The catch-up's route: load, call one operation, dump."""

from collections.abc import Mapping

from flask import Blueprint, Response

from service.catch_up.entities import (
    BroadcastNotFound,
    CatchUpBrokeOff,
    CatchUpsSaturated,
    NewCatchUp,
    SummaryUnusable,
    TooManyCatchUps,
)
from service.catch_up.operations import RETRY_SECONDS, CatchUps
from service.catch_up.schemas import CatchUpJobSchema, CatchUpRequestSchema
from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.jobs.entities import ContentRejected, Job
from service.jobs.operations import Submission
from service.jobs.paid_routes import PAID_ERRORS, PAID_HEADERS, naming, paid_headers
from service.jobs.schemas import job_body
from service.jobs.work import Operations, RequestForm
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.idempotency_key import read_idempotency_key
from service.web.request_log import current_request_id
from service.web.responses import success


def catch_up_endpoint(form: RequestForm) -> Endpoint:
    return Endpoint(
        access=Access.USER,
        summary="Summarize a broadcast that you have missed",
        operation_id="createCatchUp",
        scope=SessionScope.CREATE_JOBS,
        description="Finds the broadcast at Twitch and has your transcript of it summarized, with "
        "times. One hold covers all steps, and one charge what they did cost, once the whole is "
        "stored; a whole that fails is free. One that takes longer than a connection may be silent "
        "is returned as the job it is, still open, with `Retry-After`: `GET /jobs/{id}` has it. A "
        "repeated `Idempotency-Key` returns the same job.",
        body=CatchUpRequestSchema,
        response=CatchUpJobSchema,
        checks_account=True,
        errors=tuple(
            dict.fromkeys(
                (
                    *form.errors,
                    BroadcastNotFound,
                    ContentRejected,
                    SummaryUnusable,
                    CatchUpBrokeOff,
                    CatchUpsSaturated,
                    TooManyCatchUps,
                    *PAID_ERRORS,
                )
            )
        ),
        example=form.example,
        headers=PAID_HEADERS,
        max_body_bytes=form.max_body_bytes,
    )


def catch_up_blueprint(catch_ups: CatchUps, form: RequestForm, operations: Operations) -> Blueprint:
    blueprint = Blueprint("catch_up", __name__)
    schema = CatchUpRequestSchema()

    @blueprint.post("/transcriptions/catch-up")
    @endpoint(catch_up_endpoint(form))
    def post_catch_up(principal: Principal) -> Response:
        given = read_body(schema)
        new = NewCatchUp(
            principal,
            given["fingerprint"] or "",
            form.read(principal, given),
            read_idempotency_key(),
            current_request_id(),
        )
        begun = catch_ups.begin(new)
        headers = paid_headers(begun.job, replayed=isinstance(begun, Submission))
        if isinstance(begun, Submission):
            job = catch_ups.checked(begun.job)
            with naming(job):
                return _whole(job, operations.content(job), begun.remaining, headers)
        job = catch_ups.finished(begun)
        return _whole(job, begun.content, begun.remaining, headers)

    def _whole(
        job: Job, content: Mapping[str, object], remaining: int, headers: Mapping[str, str]
    ) -> Response:
        open_yet = {"Retry-After": str(RETRY_SECONDS)} if job.is_open else {}
        body = {**job_body(job, operations, remaining), **content}
        return success(body, headers={**headers, **open_yet})

    return blueprint
