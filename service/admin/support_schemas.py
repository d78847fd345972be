"""What goes in and out of the routes for support: look-ups, one user, one timeline, one job."""

from typing import Any

from marshmallow import fields, validate

from service.admin.lookup import FoundUser, LookupKey, UserRecord
from service.admin.schemas import ActionSchema, OperatorActionSchema, PerformedSchema, record_body
from service.admin.timeline import Event, EventKind, TimelinePage
from service.core.amounts import credits_number
from service.core.clock import iso
from service.jobs.entities import Job, JobStatus
from service.ledger.entities import EXAMPLE_JOB, Entry, EntryKind, Wallet, WalletStatus
from service.ledger.limits import loss_on
from service.ledger.lots import Lot, LotKind
from service.users.directory import OwnedDevice
from service.users.entities import UserDevice
from service.web.schemas import DeviceFingerprint, StrictSchema, Text, WholeNumber, credits_field

EVENTS_A_PAGE = 50
MAX_EVENTS_A_PAGE = 100
_TIME = "2026-11-21T09:00:00.000Z"
_DIGEST = "dU3v0q9vT2mXkP7sYwAb1Q"
_REQUEST = "req_01kb7r3v6q8f2x0m4n5p6q7r8s"


def _text(description: str, example: str | None, *, key: str = "", null: bool = False) -> Any:
    about = {"description": description, "example": example}
    return fields.String(required=True, allow_none=null, data_key=key or None, metadata=about)


def _moment(description: str, *, key: str, null: bool = False) -> Any:
    about = {"description": f"{description} (UTC).", "example": _TIME}
    return fields.DateTime(required=True, allow_none=null, data_key=key, metadata=about)


def _one_of(kind: Any, description: str, example: str) -> Any:
    about = {"description": description, "example": example}
    return fields.Enum(kind, by_value=True, required=True, metadata=about)


def _part(schema: type[StrictSchema], description: str, *, null: bool = False) -> Any:
    return fields.Nested(
        schema, required=True, allow_none=null, metadata={"description": description}
    )


def _list(schema: type[StrictSchema], description: str) -> Any:
    return fields.List(fields.Nested(schema), required=True, metadata={"description": description})


class UserSearchRequestSchema(StrictSchema):
    """In the body, since addresses of requests are kept in logs."""

    by = _one_of(LookupKey, "What `value` is.", "email")
    value = Text(
        required=True,
        max_length=512,
        metadata={
            "description": "A user's id, the e-mail address of the sign-up, a device's "
            "fingerprint, or a job's id.",
            "example": "ann@example.com",
        },
    )


class EmailQuerySchema(StrictSchema):
    show_email = fields.Boolean(
        data_key="showEmail",
        load_default=False,
        metadata={
            "description": "Show the whole e-mail address. Who saw whose is logged.",
            "example": True,
        },
    )


class TimelineQuerySchema(StrictSchema):
    limit = WholeNumber(
        load_default=EVENTS_A_PAGE,
        validate=validate.Range(1, MAX_EVENTS_A_PAGE),
        metadata={"description": "Events on one page.", "example": EVENTS_A_PAGE},
    )
    next_token = Text(
        data_key="nextToken",
        load_default=None,
        max_length=200,
        metadata={"description": "The `nextToken` of the page before."},
    )


class DeviceReleaseRequestSchema(ActionSchema):
    """The fingerprint is needed where more than one pepper is in use."""

    fingerprint = DeviceFingerprint(
        data_key="Fingerprint",
        load_default=None,
        max_length=512,
        metadata={"description": "The device's own.", "example": "fp-4be1a2c09d"},
    )


class AdminLotSchema(StrictSchema):
    """A batch of credits, those that have expired and are not written off yet included."""

    lot_id = _text("Names the lot.", "lot_00000000000100", key="lotId")
    kind = _one_of(LotKind, "What the credits came from.", "free")
    credits = credits_field("What is left of it.", example=3)
    expires_at = _moment("When the rest expires; null: never", key="expiresAt", null=True)
    restriction = _text("What alone it may be spent on; empty: anything.", "")


class AdminWalletSchema(StrictSchema):
    """Balances, and totals over all time."""

    status = _one_of(WalletStatus, "A frozen wallet takes no new jobs.", "open")
    disabled = fields.Boolean(
        required=True,
        metadata={"description": "Whether every request of the user is refused."},
    )
    version = fields.Integer(
        required=True, metadata={"description": "How many entries there are.", "example": 12}
    )
    available = credits_field("What can be spent now.", example=3)
    held = credits_field("Set aside for open jobs.", example=0)
    debt = credits_field("Owed after money went back.", example=0)
    granted = credits_field("Ever granted.", example=3)
    captured = credits_field("Ever charged.", example=0)
    expired = credits_field("Ever expired.", example=0)
    clawed_back = credits_field("Ever clawed back.", example=0, data_key="clawedBack")
    removed = credits_field("Ever taken by operators.", example=0)
    house_loss_today = credits_field(
        "What vendors bill for work of this UTC day that no one pays.",
        example=0,
        data_key="houseLossToday",
    )
    lots = _list(AdminLotSchema, "Where the credits came from.")
    created_at = _moment("When the user signed up", key="createdAt")
    updated_at = _moment("When a credit last moved", key="updatedAt")


class AdminDeviceSchema(StrictSchema):
    device = _text("The digest of the device's fingerprint.", _DIGEST)
    created_at = _moment("When the user came to have it", key="createdAt")
    released_at = _moment(
        "When it was released for others; null: it was not", key="releasedAt", null=True
    )


class OwnedDeviceSchema(AdminDeviceSchema):
    claimed = fields.Boolean(
        required=True,
        metadata={"description": "Whether it belongs to this user.", "example": True},
    )


class AdminJobSchema(StrictSchema):
    """A job, but for its result, which is its user's."""

    job_id = _text("The job's id.", str(EXAMPLE_JOB["jobId"]), key="jobId")
    operation = _text("What was requested.", "kling:image2video")
    status = _one_of(JobStatus, "The last two are final.", "SUCCEEDED")
    failure = _text("Why it failed.", None, null=True)
    delivered = fields.Boolean(
        required=True, metadata={"description": "Whether there is a result.", "example": True}
    )
    held = credits_field("What the job holds, or held while it was open.", example=1)
    captured = credits_field("Charged.", example=1)
    released = credits_field("Returned.", example=0)
    house_loss = credits_field(
        "Delivered after the release, and not charged.", example=0, data_key="houseLoss"
    )
    task_id = _text("The provider's id.", "task-1", key="taskId", null=True)
    request_id = _text("The request that made it.", _REQUEST, key="requestId", null=True)
    created_at = _moment("When it was requested", key="createdAt")
    next_query_at = _moment(
        "When the provider is queried next; null: not any more", key="nextQueryAt", null=True
    )
    hard_limit_at = _moment(
        "From when on an operator can release it; null: it has ended", key="hardLimitAt", null=True
    )


class FoundUserSchema(StrictSchema):
    user_id = _text("The user's id.", "110248495921238986420", key="userId")
    issuer = _text(
        "Who vouches for the user; null: erased.", "https://accounts.google.com", null=True
    )
    email = _text("Masked; null: not known, or erased.", "a***@example.com", null=True)
    wallet = _part(AdminWalletSchema, "The user's credits.")


class FoundUsersSchema(StrictSchema):
    users = _list(FoundUserSchema, "The owner of a device comes first.")


class UserSchema(FoundUserSchema):
    devices = _list(OwnedDeviceSchema, "Newest first.")
    newest_jobs = fields.List(
        fields.Nested(AdminJobSchema),
        required=True,
        data_key="newestJobs",
        metadata={"description": "Newest first, a few; the timeline has all."},
    )


class AdminEntrySchema(StrictSchema):
    """One movement of credits. A hold and its end are one line of the user's history."""

    version = fields.Integer(
        required=True, metadata={"description": "Counts the entries.", "example": 2}
    )
    kind = _one_of(EntryKind, "What moved.", "HOLD")
    amount = credits_field("How much.", example=1)
    returned = credits_field("What a capture returned.", example=0)
    debt_paid = credits_field("The part that paid debt.", example=0, data_key="debtPaid")
    available = credits_field("Available after it.", example=2)
    held = credits_field("Held after it.", example=1)
    ref = _text("What it was for: a job, a grant.", str(EXAMPLE_JOB["jobId"]))
    details = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "The operation, the request, an operator's reason."},
    )


class TimelineEventSchema(StrictSchema):
    """One thing that happened. Of the last four, the one of its type is there."""

    type = _one_of(EventKind, "What happened.", "job")
    at = _moment("When", key="at")
    entry = _part(AdminEntrySchema, "A movement of credits.", null=True)
    job = _part(
        AdminJobSchema, "A job as it stands now; the time is that of the request.", null=True
    )
    device = _part(AdminDeviceSchema, "A device, added or released.", null=True)
    action = _part(OperatorActionSchema, "What an operator did.", null=True)


class TimelineSchema(StrictSchema):
    events = _list(TimelineEventSchema, "Newest first.")
    next_token = _text(
        "Pass it as `nextToken` for the next page; null: no more.", None, key="nextToken", null=True
    )


class SettledJobSchema(PerformedSchema):
    job = _part(AdminJobSchema, "The job as it stands now.")


def masked(email: str) -> str:
    """Enough of an address to compare it with the one that a user names."""
    name, at, domain = email.rpartition("@")
    return f"{name[:1]}***{at}{domain}"


def found_body(user: FoundUser, *, show_email: bool = False) -> dict[str, object]:
    profile = user.profile
    email = profile.email if profile else None
    return {
        "userId": user.wallet.user_id,
        "issuer": profile.issuer if profile else None,
        "email": email if email is None or show_email else masked(email),
        "wallet": _wallet_body(user.wallet, user.now),
    }


def user_body(record: UserRecord, *, show_email: bool) -> dict[str, object]:
    return {
        **found_body(record.user, show_email=show_email),
        "devices": [_owned_body(owned) for owned in record.devices],
        "newestJobs": [job_body(job) for job in record.newest_jobs],
    }


def job_body(job: Job) -> dict[str, object]:
    return {
        "jobId": job.job_id,
        "operation": job.operation,
        "status": job.status.value,
        "failure": job.failure,
        "delivered": job.result is not None,
        "held": credits_number(job.held),
        "captured": credits_number(job.captured),
        "released": credits_number(job.returned),
        "houseLoss": credits_number(job.house_loss or 0),
        "taskId": job.task_id,
        "requestId": job.request_id or None,
        "createdAt": iso(job.created_at),
        "nextQueryAt": _iso(job.due_at),
        "hardLimitAt": _iso(job.hard_at) if job.is_open else None,
    }


def timeline_body(page: TimelinePage) -> dict[str, object]:
    return {"events": [_event_body(event) for event in page.events], "nextToken": page.next_token}


def _event_body(event: Event) -> dict[str, object]:
    return {
        "type": event.kind.value,
        "at": iso(event.at),
        "entry": _entry_body(event.entry) if event.entry else None,
        "job": job_body(event.job) if event.job else None,
        "device": _device_body(event.device) if event.device else None,
        "action": record_body(event.action) if event.action else None,
    }


def _entry_body(entry: Entry) -> dict[str, object]:
    return {
        "version": entry.version,
        "kind": entry.kind.value,
        "amount": credits_number(entry.amount),
        "returned": credits_number(entry.returned),
        "debtPaid": credits_number(entry.debt_paid),
        "available": credits_number(entry.credits),
        "held": credits_number(entry.held),
        "ref": entry.ref,
        "details": dict(entry.details),
    }


def _wallet_body(wallet: Wallet, now: int) -> dict[str, object]:
    return {
        "status": wallet.status.value,
        "disabled": wallet.disabled,
        "version": wallet.version,
        "available": credits_number(wallet.spendable(now)),
        "held": credits_number(wallet.held),
        "debt": credits_number(wallet.debt),
        "granted": credits_number(wallet.granted),
        "captured": credits_number(wallet.captured),
        "expired": credits_number(wallet.expired),
        "clawedBack": credits_number(wallet.clawed_back),
        "removed": credits_number(wallet.removed),
        "houseLossToday": credits_number(loss_on(wallet, now)),
        "lots": [_lot_body(lot) for lot in wallet.lots],
        "createdAt": iso(wallet.created_at),
        "updatedAt": iso(wallet.updated_at),
    }


def _lot_body(lot: Lot) -> dict[str, object]:
    return {
        "lotId": lot.lot_id,
        "kind": lot.kind.value,
        "credits": credits_number(lot.remaining),
        "expiresAt": _iso(lot.expires_at),
        "restriction": lot.restriction,
    }


def _device_body(device: UserDevice) -> dict[str, object]:
    return {
        "device": device.digest,
        "createdAt": iso(device.created_at),
        "releasedAt": _iso(device.released_at),
    }


def _owned_body(owned: OwnedDevice) -> dict[str, object]:
    return {**_device_body(owned.device), "claimed": owned.claimed}


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)
