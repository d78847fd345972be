"""What goes in and out of the job routes."""

from marshmallow import fields, validate

from service.core.clock import iso
from service.jobs.entities import Job
from service.jobs.work import Operations
from service.ledger.entities import EXAMPLE_JOB
from service.web.schemas import StrictSchema, Text, WholeNumber

MAX_WAIT_SECONDS = 25
MAX_JOBS_A_PAGE = 50
JOBS_A_PAGE = 20


class WaitSchema(StrictSchema):
    wait = WholeNumber(
        load_default=0,
        validate=validate.Range(0, MAX_WAIT_SECONDS),
        metadata={
            "description": "Seconds to wait for the job to end before responding (long poll).",
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


class JobErrorFields(StrictSchema):
    code = fields.String(
        metadata={"description": "A word for programs.", "example": "GENERATION_FAILED"}
    )
    message = fields.String(metadata={"description": "The same for people."})


class JobFields(StrictSchema):
    """What every job has, whatever its kind. A kind of work adds its own fields, and `error` with
    its own codes."""

    job_id = fields.String(
        data_key="jobId",
        metadata={
            "description": "The job's id; ids sort by time.",
            "example": EXAMPLE_JOB["jobId"],
        },
    )
    status = fields.String(
        metadata={
            "description": "SUBMITTING, SUBMITTED, SUCCEEDED or FAILED.",
            "example": "SUCCEEDED",
        }
    )
    created_at = fields.String(
        data_key="createdAt",
        metadata={
            "description": "When it was placed (UTC).",
            "example": "2026-11-21T09:00:00.000Z",
        },
    )
    credits = fields.Nested(JobCreditsSchema, metadata={"description": "What became of its price."})


def job_schema(operations: Operations) -> type[StrictSchema]:
    """The shape of any job: with the fields of every kind of work that is offered."""
    schemas = tuple(dict.fromkeys(work.schema for work in operations))
    return schemas[0] if len(schemas) == 1 else type("AnyJobSchema", (*schemas, JobFields), {})


def job_page_schema(job: type[StrictSchema]) -> type[StrictSchema]:
    page = {
        "jobs": fields.List(fields.Nested(job)),
        "next_token": fields.String(
            data_key="nextToken",
            allow_none=True,
            metadata={"description": "Pass it as `nextToken` for the next page; null: no more."},
        ),
    }
    return type("JobPageSchema", (StrictSchema,), page)


def job_body(job: Job, operations: Operations, remaining: int | None = None) -> dict[str, object]:
    """A job as JSON: what every job has, and its kind's own fields. Its credits are held while it
    is open, and captured or released when it has ended. A job whose operation is not offered (a
    release that knew it was rolled back) has the common fields alone."""
    account: dict[str, int] = {
        "held": job.held if job.is_open else 0,
        "captured": job.captured,
        "released": job.returned,
    }
    if remaining is not None:
        account["remaining"] = remaining
    error = {"code": str(job.failure), "message": operations.message(job)} if job.failure else None
    return {
        "jobId": job.job_id,
        "status": job.status.value,
        "createdAt": iso(job.created_at),
        "credits": account,
        **operations.render(job),
        "error": error,
    }
