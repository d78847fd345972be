"""The job routes: load, call one operation, dump."""

from flask import Blueprint, Response, request

from service.catalog.entities import UnknownPromptKey
from service.core.principal import Principal
from service.core.public_urls import AddressRefused
from service.core.rate_limits import Window
from service.identity.entities import GoogleIdMismatch
from service.jobs.entities import (
    CallbackRefused,
    ContentRejected,
    IdempotencyKeyMalformed,
    IdempotencyKeyReused,
    ImageRejected,
    ImageTooLarge,
    ImageUnusable,
    JobNotFound,
    ProviderBusy,
    ProviderUnavailable,
)
from service.jobs.holds import JobRequest
from service.jobs.operations import CALLBACK_PATH, Jobs
from service.jobs.schemas import (
    JobPageSchema,
    JobSchema,
    PageSchema,
    VideoSchema,
    WaitSchema,
    job_body,
)
from service.ledger.entities import (
    InsufficientCredits,
    OutcomeUnknown,
    TooManyWaiting,
    WalletBusy,
    WalletFrozen,
)
from service.providers.base import Provider
from service.storage.cursor import PageTokenInvalid
from service.storage.secrets import SecretUnavailable
from service.storage.table import StorageUnavailable
from service.users.entities import DeviceAlreadyUsed, SystemLimitReached
from service.web.body import read_body, read_query, read_raw
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.request_errors import PayloadTooLarge, UploadsBusy
from service.web.responses import success

MAX_VIDEO_BODY_BYTES = 15 * 1024 * 1024
MAX_KEY = 128

IDEMPOTENCY_HEADER = "Idempotency-Key"

POST_VIDEO = Endpoint(
    access=Access.USER,
    summary="Turn an image into a video",
    description="Holds the price, asks Kling once, and answers with the job. Credits are captured only when the video is there; "
    "a failure gives them back. Send an Idempotency-Key and repeat freely: the same key is the same job for ever.",
    body=VideoSchema,
    response=JobSchema,
    errors=(
        UnknownPromptKey,
        AddressRefused,
        ImageUnusable,
        ImageTooLarge,
        ImageRejected,
        ContentRejected,
        IdempotencyKeyMalformed,
        IdempotencyKeyReused,
        GoogleIdMismatch,
        InsufficientCredits,
        SystemLimitReached,
        DeviceAlreadyUsed,
        WalletFrozen,
        TooManyWaiting,
        WalletBusy,
        OutcomeUnknown,
        ProviderBusy,
        ProviderUnavailable,
        StorageUnavailable,
    ),
    example={
        "GoogleID": "110248495921238986420",
        "Fingerprint": "fp-4be1a2c09d",
        "imageUrl": "https://images.example.com/astronaut.jpg",
        "promptKey": "foo_prompt",
    },
    headers={
        IDEMPOTENCY_HEADER: "1 to 128 visible ASCII characters that name this request; a UUID is right.",
        "Location": "The address of the job.",
        "Idempotency-Replayed": "`true` when the job is an earlier request's with the same key.",
    },
    max_body_bytes=MAX_VIDEO_BODY_BYTES,
)


def jobs_blueprint(jobs: Jobs, provider: Provider, callbacks: Window) -> Blueprint:
    """`callbacks` bounds how often one job's callbacks may make us look at the provider."""
    blueprint = Blueprint("jobs", __name__)
    video_schema, wait_schema, page_schema = VideoSchema(), WaitSchema(), PageSchema()

    @blueprint.post("/videos")
    @endpoint(POST_VIDEO)
    def post_video(principal: Principal) -> Response:
        body = read_body(video_schema)
        if body["google_id"] != principal.subject:
            raise GoogleIdMismatch
        placed = jobs.submit(
            JobRequest(
                principal,
                body["fingerprint"],
                body["image"],
                body["prompt_key"],
                _idempotency_key(),
            )
        )
        headers = {"Location": placed.job.location} | (
            {"Idempotency-Replayed": "true"} if placed.replayed else {}
        )
        return success(job_body(placed.job, provider, placed.remaining), headers=headers)

    @blueprint.get("/jobs/<job_id>")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="See what became of a job",
            description="With `wait`, answers when the job has ended or the time is over. Another user's job is not found.",
            query=WaitSchema,
            response=JobSchema,
            errors=(JobNotFound, StorageUnavailable),
        )
    )
    def get_job(principal: Principal, job_id: str) -> Response:
        wait = read_query(wait_schema)["wait"]
        return success(job_body(jobs.wait_for(principal.subject, job_id, wait), provider))

    @blueprint.get("/jobs")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="List your jobs, newest first",
            query=PageSchema,
            response=JobPageSchema,
            errors=(PageTokenInvalid, StorageUnavailable),
        )
    )
    def get_jobs(principal: Principal) -> Response:
        query = read_query(page_schema)
        page = jobs.page(principal.subject, query["limit"], query["next_token"])
        return success(
            {"jobs": [job_body(job, provider) for job in page.jobs], "nextToken": page.next_token}
        )

    @blueprint.post(f"{CALLBACK_PATH}/<token>")
    @endpoint(
        Endpoint(
            access=Access.CALLBACK_TOKEN,
            summary="Hear from Kling",
            description="Kling calls this when a task changes. It is a hint to look, never believed.",
            errors=(
                CallbackRefused,
                PayloadTooLarge,
                UploadsBusy,
                WalletBusy,
                WalletFrozen,
                OutcomeUnknown,
                TooManyWaiting,
                SecretUnavailable,
                StorageUnavailable,
            ),
        )
    )
    def post_callback(token: str) -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        jobs.handle_callback(token, headers, read_raw(), callbacks.allows)
        return success(None)

    return blueprint


def _idempotency_key() -> str | None:
    """Raises `IdempotencyKeyMalformed`."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY or not all("!" <= character <= "~" for character in key):
        raise IdempotencyKeyMalformed
    return key
