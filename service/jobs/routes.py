"""The job routes: load, call one operation, dump."""

from collections.abc import Callable

from flask import Blueprint, Response, request
from marshmallow import Schema

from service.catalog.entities import PriceNotFound, PricesUnavailable
from service.core.principal import Principal
from service.core.rate_limits import Window
from service.core.scopes import SessionScope
from service.entitlements.entities import SubscriptionRequired
from service.jobs.entities import CallbackDeferred, CallbackRefused, Job, JobNotFound
from service.jobs.event_schemas import job_events
from service.jobs.operations import CALLBACKS_PATH, Jobs, WaitedJob
from service.jobs.schemas import (
    PageSchema,
    QuoteQuerySchema,
    QuoteSchema,
    WaitSchema,
    cancelled_schema,
    job_body,
    job_page_schema,
    job_schema,
    quote_body,
    quote_request_schema,
    whole_job_body,
)
from service.jobs.work import OperationNotFound, Operations
from service.ledger.entities import (
    AccountClosing,
    OutcomeUnknown,
    WalletBusy,
    WalletFrozen,
)
from service.sessions.ceilings import SessionEnded
from service.storage.cursor import PageTokenInvalid
from service.storage.data_keys import DataUnreadable
from service.storage.secrets import SecretUnavailable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.web.body import read_body, read_query, read_raw
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.event_streams import KEEP_ALIVE_SECONDS, event_stream
from service.web.request_errors import PayloadTooLarge, UploadsBusy
from service.web.responses import success

_UNREADABLE = (StorageUnavailable, DataKeyUnavailable, DataUnreadable)
_GET_JOB = (
    "With `wait`, responds when the job ends or the time is up. When too many requests wait "
    "already, of this user or of all, it responds at once with the job as it stands and a "
    "`Retry-After`; so does a process that is being replaced. Another user's job returns 404."
)


def jobs_blueprint(
    jobs: Jobs, operations: Operations, callbacks: Window, is_draining: Callable[[], bool]
) -> Blueprint:
    """`operations` must be complete by now. `callbacks` bounds how often one job's callbacks may
    make us query the provider. What waits for a job ends while `is_draining`."""
    blueprint = Blueprint("jobs", __name__)
    schema = job_schema(operations)
    wait_schema = WaitSchema()

    @blueprint.get("/jobs/<job_id>")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get a job",
            operation_id="getJob",
            scope=SessionScope.READ_JOBS,
            description=_GET_JOB,
            query=WaitSchema,
            response=schema,
            errors=(JobNotFound, *_UNREADABLE),
        )
    )
    def get_job(principal: Principal, job_id: str) -> Response:
        wait = read_query(wait_schema)["wait"]
        waited = jobs.wait_for(principal.subject, job_id, wait, is_draining)
        return success(whole_job_body(waited.job, operations), headers=_retry_header(waited))

    _add_list(blueprint, jobs, operations, schema)
    _add_stream(blueprint, jobs, operations, is_draining)
    _add_cancel(blueprint, jobs, operations, schema)
    for provider in operations.providers():
        _add_callback(blueprint, provider, jobs, callbacks)
    return blueprint


def _add_list(blueprint: Blueprint, jobs: Jobs, operations: Operations, job: type[Schema]) -> None:
    page_schema = PageSchema()

    @blueprint.get("/jobs")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="List your jobs, newest first",
            operation_id="listJobs",
            scope=SessionScope.READ_JOBS,
            description="Pages through the jobs of the signed-in user.",
            query=PageSchema,
            response=job_page_schema(job),
            errors=(PageTokenInvalid, StorageUnavailable),
        )
    )
    def get_jobs(principal: Principal) -> Response:
        query = read_query(page_schema)
        page = jobs.page(principal.subject, query["limit"], query["next_token"])
        return success(
            {
                "jobs": [job_body(job, operations) for job in page.jobs],
                "nextToken": page.next_token,
            }
        )


def _add_stream(
    blueprint: Blueprint, jobs: Jobs, operations: Operations, is_draining: Callable[[], bool]
) -> None:
    @blueprint.get("/jobs/<job_id>/stream")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Wait for a job as a stream",
            operation_id="streamJob",
            scope=SessionScope.READ_JOBS,
            description="Server-Sent Events: comments keep the connection alive while the job is "
            "open, then `delta` brings its text, whole, `usage` what was used, and "
            "`done` the job, or `error` why it failed. When too many requests wait already, it "
            "takes too long, or the process is replaced, `waiting` ends the stream with the job as "
            "it stands: request it again.",
            events=True,
            errors=(JobNotFound, *_UNREADABLE),
        )
    )
    def stream_job(principal: Principal, job_id: str) -> Response:
        job = jobs.get(principal.subject, job_id)
        waits = jobs.waits(principal.subject, job, KEEP_ALIVE_SECONDS, is_draining)

        def body(job: Job) -> dict[str, object]:
            return whole_job_body(job, operations)

        return event_stream(job_events(waits, body), {"Location": job.location})


def _add_cancel(
    blueprint: Blueprint, jobs: Jobs, operations: Operations, job_fields: type[Schema]
) -> None:
    @blueprint.post("/jobs/<job_id>/cancel")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Cancel a job",
            operation_id="cancelJob",
            scope=SessionScope.CREATE_JOBS,
            description="Ends a job that is being worked on, where its provider can be stopped: "
            "what was delivered until then is charged, and nothing else. Again without effect. "
            "What is stored apart from the job, such as a text, is returned to whoever may read "
            "jobs.",
            response=cancelled_schema(job_fields),
            errors=(JobNotFound, *_UNREADABLE),
        )
    )
    def cancel_job(principal: Principal, job_id: str) -> Response:
        cancelled = jobs.cancel(principal.subject, job_id)
        body = whole_job_body if principal.may(SessionScope.READ_JOBS) else job_body
        shown = body(cancelled.job, operations)
        return success({"cancellation": cancelled.outcome.value, "job": shown})


def _retry_header(waited: WaitedJob) -> dict[str, str]:
    seconds = waited.retry_after_seconds
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _add_callback(blueprint: Blueprint, provider: str, jobs: Jobs, callbacks: Window) -> None:
    vendor = provider.capitalize()

    @endpoint(
        Endpoint(
            access=Access.CALLBACK_TOKEN,
            summary=f"Receive a callback from {vendor}",
            operation_id=f"handle{vendor}Callback",
            internal=True,
            description=f"{vendor} calls this when a task changes. "
            "It triggers a status query; its body is never trusted.",
            errors=(
                CallbackRefused,
                PayloadTooLarge,
                UploadsBusy,
                WalletBusy,
                OutcomeUnknown,
                CallbackDeferred,
                SecretUnavailable,
                StorageUnavailable,
            ),
        )
    )
    def post_callback(token: str) -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        jobs.handle_callback(provider, token, headers, read_raw(), callbacks.allows)
        return success(None)

    rule = f"{CALLBACKS_PATH}/{provider}/<token>"
    blueprint.add_url_rule(rule, f"post_callback_{provider}", post_callback, methods=["POST"])


def quote_blueprint(jobs: Jobs, operations: Operations) -> Blueprint:
    """`operations` must be complete by now."""
    blueprint = Blueprint("quote", __name__)
    forms = {work.operation: work.form for work in operations}
    bodies = {operation: form.schema() for operation, form in forms.items()}
    refusals = dict.fromkeys(error for form in forms.values() for error in form.errors)
    query_schema = QuoteQuerySchema()

    @blueprint.post("/credits/quote")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Quote what a request would cost",
            operation_id="quoteCost",
            scope=SessionScope.CREATE_JOBS,
            description="Takes the body of the operation's own route, and checks it as that does. "
            "Returns the most that it can cost and what of that you can afford. Holds nothing, and "
            "calls no provider.",
            query=QuoteQuerySchema,
            body=quote_request_schema(operations),
            response=QuoteSchema,
            checks_account=True,
            errors=(
                OperationNotFound,
                *refusals,
                SubscriptionRequired,
                SessionEnded,
                WalletFrozen,
                WalletBusy,
                AccountClosing,
                PriceNotFound,
                PricesUnavailable,
                StorageUnavailable,
            ),
            example=next(iter(forms.values())).example if forms else None,
            max_body_bytes=max((form.max_body_bytes for form in forms.values()), default=1),
        )
    )
    def post_quote(principal: Principal) -> Response:
        operation = read_query(query_schema)["operation"]
        form = operations.known(operation).form
        body = form.read(principal, read_body(bodies[operation]))
        return success(quote_body(jobs.quote(principal, operation, body)))

    return blueprint
