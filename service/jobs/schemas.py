"""What goes in and out of the job routes."""

from collections.abc import Sequence
from copy import copy

from marshmallow import Schema, fields, validate

from service.core.amounts import Amount, credits_number
from service.core.clock import iso
from service.jobs.cancellation import Cancellation
from service.jobs.entities import Job, JobStatus
from service.jobs.work import Operations, Quote
from service.ledger.entities import EXAMPLE_JOB
from service.web.schemas import (
    DeviceFingerprint,
    StrictSchema,
    Text,
    WholeNumber,
    credits_field,
)

MAX_WAIT_SECONDS = 25
MAX_JOBS_A_PAGE = 50
JOBS_A_PAGE = 20
EXAMPLE_OPERATION = "kling:image2video"


def google_id_field() -> Text:
    """The user, where no token says who it is."""
    return Text(
        data_key="GoogleID",
        load_default=None,
        allow_none=False,
        max_length=255,
        metadata={
            "description": "The user's Google id: the `sub` of the ID token. Can be left out "
            "when a token is sent.",
            "example": "110248495921238986420",
        },
    )


def required_fingerprint_field() -> DeviceFingerprint:
    """The device of a request that signs up whoever sends it."""
    return DeviceFingerprint(
        data_key="Fingerprint",
        required=True,
        max_length=512,
        metadata={
            "description": "The device's fingerprint, the same each time. Kept only as an HMAC. "
            "What many devices send alike, such as `undefined`, `n/a` or zeros, is refused.",
            "example": "fp-4be1a2c09d",
        },
    )


def fingerprint_field() -> DeviceFingerprint:
    """The device of a request that may come from one."""
    return DeviceFingerprint(
        data_key="Fingerprint",
        load_default=None,
        allow_none=False,
        max_length=512,
        metadata={
            "description": "The device's fingerprint, the same each time. Kept only as an HMAC. "
            "Welcome credits need one.",
            "example": "fp-4be1a2c09d",
        },
    )


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


class QuoteQuerySchema(StrictSchema):
    operation = Text(
        required=True,
        max_length=100,
        metadata={
            "description": "What would be requested: `provider:operation`. It says what the body "
            "is: that of the operation's own route.",
            "example": EXAMPLE_OPERATION,
        },
    )


class QuoteSchema(StrictSchema):
    """What a request would cost at this moment."""

    operation = fields.String(
        required=True, metadata={"description": "As requested.", "example": EXAMPLE_OPERATION}
    )
    credits = credits_field("The most that the request can cost: what it would hold.", example=1)
    available = credits_field("What you can spend on it now.", example=3)
    affordable = credits_field("How much of the cost that covers.", example=1)
    sufficient = fields.Boolean(
        required=True,
        metadata={"description": "Whether it covers all of it.", "example": True},
    )
    price_version = fields.String(
        required=True,
        data_key="priceVersion",
        metadata={"description": "The price that it was reckoned by.", "example": "4cc84d4d"},
    )
    registered = fields.Boolean(
        required=True,
        metadata={
            "description": "False until the first request has made an account.",
            "example": True,
        },
    )


class JobCreditsSchema(StrictSchema):
    """What became of the price of a job."""

    held = credits_field("Set aside while the job is open.", example=0)
    captured = credits_field("Charged: the result was delivered.", example=1)
    released = credits_field("Returned to the wallet.", example=0)
    remaining = credits_field(
        "What can still be spent. Only in the response to a POST.", required=False
    )


class ReceiptSchema(StrictSchema):
    """What a job cost, and why."""

    quoted = credits_field("The most it could cost, as its price was when it began.", example=1)
    held = credits_field("Set aside when it began.", example=1)
    captured = credits_field("Charged.", example=1)
    released = credits_field("Returned of what was held.", example=0)
    usage = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "What was charged for, by unit.", "example": {"videos": 1}},
    )
    balance_after = fields.Float(
        required=True,
        allow_none=True,
        data_key="balanceAfter",
        metadata={"description": "The balance that its end left; null while open.", "example": 2},
    )


class JobErrorFields(StrictSchema):
    code = fields.String(
        required=True,
        metadata={"description": "A word for programs.", "example": "GENERATION_FAILED"},
    )
    message = fields.String(required=True, metadata={"description": "The same for people."})


class AnyJobErrorSchema(JobErrorFields):
    """Why a job of any kind failed."""


class JobFields(StrictSchema):
    """What every job has, whatever its kind. A kind of work adds its own fields, and `error` with
    its own codes."""

    job_id = fields.String(
        required=True,
        data_key="jobId",
        metadata={
            "description": "The job's id; ids sort by time.",
            "example": EXAMPLE_JOB["jobId"],
        },
    )
    operation = fields.String(
        required=True,
        metadata={
            "description": "What was done: `provider:operation`. There may be new ones.",
            "example": EXAMPLE_OPERATION,
        },
    )
    status = fields.Enum(
        JobStatus,
        by_value=True,
        required=True,
        metadata={
            "description": "`SUBMITTING` and `SUBMITTED` are in progress; `SUCCEEDED` and `FAILED` "
            "are final.",
            "example": "SUCCEEDED",
        },
    )
    created_at = fields.DateTime(
        required=True,
        data_key="createdAt",
        metadata={
            "description": "When it was requested (UTC).",
            "example": "2026-11-21T09:00:00.000Z",
        },
    )
    credits = fields.Nested(
        JobCreditsSchema,
        required=True,
        metadata={"description": "What became of its price."},
    )
    receipt = fields.Nested(
        ReceiptSchema, required=True, metadata={"description": "What it cost, and why."}
    )


def job_schema(operations: Operations) -> type[StrictSchema]:
    """The shape of any job: with the fields of every kind of work that is offered. Where there are
    several kinds, a field that one of them lacks is not required."""
    several = _of_all(tuple(work.schema for work in operations), "AnyJobSchema", JobFields)
    if "error" in several._declared_fields and several.__name__ == "AnyJobSchema":
        # Each kind names its own codes.
        several._declared_fields["error"] = fields.Nested(
            AnyJobErrorSchema,
            required=True,
            allow_none=True,
            metadata={"description": "Why a FAILED job failed, in our words."},
        )
    return several


def quote_request_schema(operations: Operations) -> type[StrictSchema]:
    """The body of a quote, for the documentation: the fields of every kind's request. Where there
    are several kinds, a field that one of them lacks is not required."""
    return _of_all(tuple(work.form.schema for work in operations), "AnyRequestSchema", StrictSchema)


def job_page_schema(job: type[Schema]) -> type[StrictSchema]:
    page = {
        "jobs": fields.List(
            fields.Nested(job), required=True, metadata={"description": "Newest first."}
        ),
        "next_token": fields.String(
            required=True,
            data_key="nextToken",
            allow_none=True,
            metadata={"description": "Pass it as `nextToken` for the next page; null: no more."},
        ),
    }
    return type("JobPageSchema", (StrictSchema,), page)


def cancelled_schema(job: type[Schema]) -> type[StrictSchema]:
    """What became of the wish to cancel a job."""
    wish = {
        "cancellation": fields.Enum(
            Cancellation,
            by_value=True,
            required=True,
            metadata={
                "description": "`REQUESTED`: it ends within seconds. `CONFIRMED`: it has ended so. "
                "`NOT_POSSIBLE`: it goes on, or has ended otherwise.",
                "example": "REQUESTED",
            },
        ),
        "job": fields.Nested(job, required=True, metadata={"description": "As it stands."}),
    }
    return type("CancelledJobSchema", (StrictSchema,), wish)


def _of_all(
    schemas: Sequence[type[StrictSchema]], name: str, base: type[StrictSchema]
) -> type[StrictSchema]:
    distinct = tuple(dict.fromkeys(schemas))
    if len(distinct) == 1:
        return distinct[0]
    fields_of_all = {
        each: copy(field) for schema in distinct for each, field in schema._declared_fields.items()
    }
    for each, field in fields_of_all.items():
        field.required = all(each in schema._declared_fields for schema in distinct)
    return type(name, (base,), fields_of_all)


def quote_body(quote: Quote) -> dict[str, object]:
    """A quote as JSON."""
    return {
        "operation": quote.operation,
        "credits": credits_number(quote.estimate.amount),
        "available": credits_number(quote.available),
        "affordable": credits_number(quote.affordable),
        "sufficient": quote.is_sufficient,
        "priceVersion": quote.estimate.price_version,
        "registered": quote.registered,
    }


def job_body(
    job: Job, operations: Operations, remaining: Amount | None = None
) -> dict[str, object]:
    """A job as JSON: what every job has, and its kind's own fields. Its credits are held while it
    is open, and captured or released when it has ended. A job whose operation is not offered (a
    release that knew it was rolled back) has the common fields alone."""
    account = {
        "held": credits_number(job.held if job.is_open else 0),
        "captured": credits_number(job.captured),
        "released": credits_number(job.returned),
    }
    if remaining is not None:
        account["remaining"] = credits_number(remaining)
    error = {"code": str(job.failure), "message": operations.message(job)} if job.failure else None
    return {
        "jobId": job.job_id,
        "operation": job.operation,
        "status": job.status.value,
        "createdAt": iso(job.created_at),
        "credits": account,
        "receipt": _receipt_body(job),
        **operations.render(job),
        "error": error,
    }


def whole_job_body(
    job: Job, operations: Operations, remaining: Amount | None = None
) -> dict[str, object]:
    """As `job_body`, with what its kind of work stores apart from it. Raises what that raises."""
    return {**job_body(job, operations, remaining), **operations.content(job)}


def _receipt_body(job: Job) -> dict[str, object]:
    left = job.balance_after
    return {
        "quoted": credits_number(job.held),
        "held": credits_number(job.held),
        "captured": credits_number(job.captured),
        "released": credits_number(job.returned),
        "usage": dict(job.usage),
        "balanceAfter": None if left is None else credits_number(left),
    }
