"""What goes in and out of the job routes."""

from marshmallow import fields, validate

from service.core.clock import iso
from service.jobs.entities import MESSAGES, Failure, Job
from service.ledger.entities import EXAMPLE_JOB
from service.providers.base import Provider
from service.web.schemas import StrictSchema, Text, WholeNumber

MAX_WAIT_SECONDS = 25
MAX_JOBS_A_PAGE = 50
JOBS_A_PAGE = 20
MAX_IMAGE_CHARACTERS = 15 * 1024 * 1024


class VideoSchema(StrictSchema):
    """The body of brief 000, to the letter."""

    google_id = Text(
        data_key="GoogleID",
        required=True,
        max_length=255,
        metadata={
            "description": "The user's Google id: the `sub` of the ID token.",
            "example": "110248495921238986420",
        },
    )
    fingerprint = Text(
        data_key="Fingerprint",
        required=True,
        max_length=512,
        metadata={
            "description": "The device's fingerprint. Kept only as an HMAC.",
            "example": "fp-4be1a2c09d",
        },
    )
    image = Text(
        data_key="imageUrl",
        required=True,
        max_length=MAX_IMAGE_CHARACTERS,
        metadata={
            "description": "A public https address of a JPEG or PNG, or the image itself as plain base64 (up to 10 MB).",
            "example": "https://images.example.com/astronaut.jpg",
        },
    )
    prompt_key = Text(
        data_key="promptKey",
        required=True,
        max_length=64,
        metadata={
            "description": "One of the keys that GET /prompts lists.",
            "example": "foo_prompt",
        },
    )


class WaitSchema(StrictSchema):
    wait = WholeNumber(
        load_default=0,
        validate=validate.Range(0, MAX_WAIT_SECONDS),
        metadata={
            "description": "Seconds to wait for the job to end before answering (long poll).",
            "example": 20,
        },
    )


class PageSchema(StrictSchema):
    limit = WholeNumber(
        load_default=JOBS_A_PAGE,
        validate=validate.Range(1, MAX_JOBS_A_PAGE),
        metadata={"description": "Jobs on one page.", "example": JOBS_A_PAGE},
    )
    next_token = Text(
        data_key="nextToken",
        load_default=None,
        max_length=200,
        metadata={"description": "The `nextToken` of the page before."},
    )


class JobCreditsSchema(StrictSchema):
    held = fields.Integer(
        metadata={"description": "Set aside while the job is open.", "example": 0}
    )
    captured = fields.Integer(
        metadata={"description": "Charged: the video was delivered.", "example": 1}
    )
    released = fields.Integer(metadata={"description": "Given back: it was not.", "example": 0})
    remaining = fields.Integer(
        metadata={"description": "What can still be spent (only in the answer to a POST)."}
    )


class JobErrorSchema(StrictSchema):
    code = fields.String(
        metadata={"description": ", ".join(Failure), "example": Failure.GENERATION_FAILED.value}
    )
    message = fields.String(
        metadata={
            "description": "The same for people.",
            "example": MESSAGES[Failure.GENERATION_FAILED],
        }
    )


class JobSchema(StrictSchema):
    """A job as its owner sees it."""

    job_id = fields.String(
        data_key="jobId",
        metadata={"description": "Names the job, sorts by time.", "example": EXAMPLE_JOB["jobId"]},
    )
    status = fields.String(
        metadata={
            "description": "SUBMITTING, SUBMITTED, SUCCEEDED or FAILED.",
            "example": "SUCCEEDED",
        }
    )
    prompt_key = fields.String(
        data_key="promptKey",
        metadata={"description": "The prompt that was asked for.", "example": "foo_prompt"},
    )
    created_at = fields.String(
        data_key="createdAt",
        metadata={
            "description": "When it was placed (UTC).",
            "example": "2026-11-21T09:00:00.000Z",
        },
    )
    credits = fields.Nested(JobCreditsSchema, metadata={"description": "What became of its price."})
    provider = fields.Dict(
        allow_none=True,
        metadata={
            "description": "Kling's own data on the task; null until Kling has said that it took the job.",
            "example": {"task_id": "867283741759111202", "task_status": "succeed"},
        },
    )
    video_url = fields.String(
        data_key="videoUrl",
        allow_none=True,
        metadata={
            "description": "Where the video is, once it is there.",
            "example": "https://cdn.example.com/video.mp4",
        },
    )
    video_expires_at = fields.String(
        data_key="videoExpiresAt",
        allow_none=True,
        metadata={
            "description": "Save the video before then.",
            "example": "2026-12-21T09:00:00.000Z",
        },
    )
    error = fields.Nested(
        JobErrorSchema,
        allow_none=True,
        metadata={"description": "Why a FAILED job failed, in our words."},
    )


class JobPageSchema(StrictSchema):
    jobs = fields.List(fields.Nested(JobSchema))
    next_token = fields.String(
        data_key="nextToken",
        allow_none=True,
        metadata={"description": "Pass it as `nextToken` for the next page; null: no more."},
    )


def job_body(job: Job, provider: Provider, remaining: int | None = None) -> dict[str, object]:
    """A job as JSON. Money first: exactly one of held, captured and released is the price."""
    account: dict[str, int] = {
        "held": job.price if job.is_open else 0,
        "captured": job.price if job.status == "SUCCEEDED" else 0,
        "released": job.price if job.status == "FAILED" else 0,
    }
    if remaining is not None:
        account["remaining"] = remaining
    return {
        "jobId": job.job_id,
        "status": job.status.value,
        "promptKey": job.prompt_key,
        "createdAt": iso(job.created_at),
        "credits": account,
        "provider": dict(provider.show(job.facts, job.job_id)) if job.facts else None,
        "videoUrl": job.video_url,
        "videoExpiresAt": iso(job.video_expires_at) if job.video_expires_at else None,
        "error": {"code": job.failure.value, "message": MESSAGES[job.failure]}
        if job.failure
        else None,
    }
