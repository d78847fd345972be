"""What goes in and out of the ledger routes."""

from collections.abc import Iterable

from marshmallow import fields, validate

from service.core.amounts import credits_number, credits_of
from service.core.clock import iso
from service.core.days import DAY
from service.ledger.entities import EXAMPLE_JOB, Wallet, WalletStatus
from service.ledger.history import HistoryPage
from service.ledger.history_lines import HistoryLine, TransactionType
from service.ledger.limits import in_flight
from service.ledger.lots import Lot, LotKind, remaining
from service.web.csv_responses import Row
from service.web.days import DaysSchema
from service.web.schemas import StrictSchema, Text, WholeNumber, credits_field

EXPIRING_SOON = 7 * DAY
MAX_LINES_A_PAGE = 100
LINES_A_PAGE = 50
CSV_COLUMNS = (
    *("createdAt", "type", "amount", "balanceAfter", "description", "provider", "operation"),
    *("jobId", "requestId", "source", "grantId", "adminId", "reason", "debt", "entryId"),
)

_EXAMPLE_TIME = "2026-11-21T09:00:00.000Z"
# What a user or somebody for them has paid money for.
PAID_KINDS = (LotKind.PAID, LotKind.SUBSCRIPTION)


class LotSchema(StrictSchema):
    """A batch of granted credits. Lots are spent in the order of their kinds: free first."""

    lot_id = fields.String(
        required=True,
        data_key="lotId",
        metadata={"description": "Names the lot.", "example": "lot_00000000000100"},
    )
    kind = fields.Enum(
        LotKind,
        by_value=True,
        required=True,
        metadata={"description": "What the credits came from.", "example": "free"},
    )
    credits = credits_field("What is left of it.", example=3)
    expires_at = fields.DateTime(
        required=True,
        data_key="expiresAt",
        allow_none=True,
        metadata={"description": "When the rest expires (UTC); null: never.", "example": None},
    )
    restriction = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Names the operations that it can be spent on; null: any.",
            "example": None,
        },
    )


class ExpiringSchema(StrictSchema):
    """What is lost soon if it is not spent."""

    credits = credits_field("What expires before that moment.", example=0)
    before = fields.DateTime(
        required=True,
        metadata={
            "description": "Seven days from now (UTC).",
            "example": "2026-11-28T09:00:00.000Z",
        },
    )


class CreditsSchema(StrictSchema):
    credits = credits_field("What can be spent now.", example=3)
    balance = credits_field("The same as `credits`.", example=3)
    free_credits = credits_field(
        "The part of it that no one paid for: lots of kind `free` and `promo`.",
        example=3,
        data_key="freeCredits",
    )
    paid_credits = credits_field(
        "The part of it that was bought: lots of kind `paid` and `subscription`.",
        example=0,
        data_key="paidCredits",
    )
    total_spent = credits_field(
        "Charged for delivered work since the account exists.", example=0, data_key="totalSpent"
    )
    held = credits_field("Set aside for open jobs.", example=0)
    jobs_in_flight = fields.Integer(
        required=True,
        data_key="jobsInFlight",
        metadata={
            "description": "Jobs that have not ended and are not past their hard limit.",
            "example": 0,
            "minimum": 0,
        },
    )
    lots = fields.List(
        fields.Nested(LotSchema),
        required=True,
        metadata={"description": "Where the credits came from. Their sum is `credits`."},
    )
    expiring_soon = fields.Nested(
        ExpiringSchema,
        required=True,
        data_key="expiringSoon",
        metadata={"description": "What expires within seven days."},
    )
    registered = fields.Boolean(
        required=True,
        metadata={
            "description": "False until the first request has made an account.",
            "example": True,
        },
    )


def credits_body(wallet: Wallet | None, now: int) -> dict[str, object]:
    """A wallet as its owner sees it; zeros for someone who has none."""
    registered = wallet is not None and wallet.status is not WalletStatus.CLOSED
    shown = wallet if wallet is not None and registered else Wallet("")
    lots = [lot for lot in shown.lots if lot.spendable(now)]
    paid = [lot for lot in lots if lot.kind in PAID_KINDS]
    spendable = remaining(lots)
    return {
        "credits": credits_number(spendable),
        "balance": credits_number(spendable),
        "freeCredits": credits_number(spendable - remaining(paid)),
        "paidCredits": credits_number(remaining(paid)),
        "totalSpent": credits_number(shown.captured),
        "held": credits_number(shown.held),
        "jobsInFlight": sum(in_flight(shown, now).values()),
        "lots": [_lot_body(lot) for lot in lots],
        "expiringSoon": _expiring_body(lots, now + EXPIRING_SOON),
        "registered": registered,
    }


def _expiring_body(lots: Iterable[Lot], before: int) -> dict[str, object]:
    soon = (lot for lot in lots if lot.expires_at is not None and lot.expires_at < before)
    return {"credits": credits_number(remaining(soon)), "before": iso(before)}


def _lot_body(lot: Lot) -> dict[str, object]:
    expires_at = None if lot.expires_at is None else iso(lot.expires_at)
    return {
        "lotId": lot.lot_id,
        "kind": lot.kind.value,
        "credits": credits_number(lot.remaining),
        "expiresAt": expires_at,
        "restriction": lot.restriction or None,
    }


def _fact(description: str, example: str | None, data_key: str | None = None) -> fields.String:
    about = {"description": description, "example": example}
    return fields.String(required=True, allow_none=True, data_key=data_key, metadata=about)


class HistoryQuerySchema(DaysSchema):
    limit = WholeNumber(
        load_default=LINES_A_PAGE,
        validate=validate.Range(1, MAX_LINES_A_PAGE),
        metadata={"description": "Lines on one page.", "example": LINES_A_PAGE},
    )
    next_token = Text(
        data_key="nextToken",
        load_default=None,
        max_length=200,
        metadata={"description": "The `nextToken` of the page before, with the same filters."},
    )
    type = fields.Enum(
        TransactionType,
        by_value=True,
        load_default=None,
        metadata={"description": "Only lines of this type.", "example": "USAGE"},
    )


class HistoryMetadataSchema(StrictSchema):
    """What is recorded of a line; null where it does not apply, or was not recorded."""

    timestamp = fields.DateTime(
        required=True, metadata={"description": "As `createdAt`.", "example": _EXAMPLE_TIME}
    )
    provider = _fact("Who did the work.", "kling")
    operation = _fact("What was done.", "image2video")
    job_id = _fact("The job that the credits were for.", EXAMPLE_JOB["jobId"], "jobId")
    request_id = _fact("The request that made the job.", "req_01kb7r3v6q", "requestId")
    source = _fact("Where granted credits came from.", None)
    grant_id = _fact("What names the grant at its source.", None, "grantId")
    admin_id = _fact("The operator who moved the credits.", None, "adminId")
    reason = _fact("Why the operator did.", None)
    debt = credits_field("What it adds to your debt; negative: debt that it paid.", example=0)


class TransactionSchema(StrictSchema):
    """One change of the balance."""

    entry_id = fields.String(
        required=True,
        data_key="entryId",
        metadata={"description": "Names the change.", "example": "ent_000000000012"},
    )
    type = fields.Enum(
        TransactionType,
        by_value=True,
        required=True,
        metadata={"description": "What happened.", "example": "USAGE"},
    )
    amount = credits_field("What it adds to the balance; negative: takes from it.", example=-1)
    balance_after = credits_field("The balance after it.", example=2, data_key="balanceAfter")
    description = fields.String(
        required=True,
        metadata={"description": "The same for people.", "example": "image2video via kling"},
    )
    created_at = fields.DateTime(
        required=True,
        data_key="createdAt",
        metadata={"description": "When it happened (UTC).", "example": _EXAMPLE_TIME},
    )
    metadata = fields.Nested(
        HistoryMetadataSchema, required=True, metadata={"description": "What is recorded of it."}
    )


class HistorySchema(StrictSchema):
    transactions = fields.List(
        fields.Nested(TransactionSchema),
        required=True,
        metadata={"description": "Newest first."},
    )
    next_token = fields.String(
        required=True,
        data_key="nextToken",
        allow_none=True,
        metadata={"description": "Pass it as `nextToken` for the next page; null: no more."},
    )


def history_body(page: HistoryPage) -> dict[str, object]:
    return {
        "transactions": [_line_body(line) for line in page.lines],
        "nextToken": page.next_token,
    }


def history_row(line: HistoryLine) -> Row:
    """A line under `CSV_COLUMNS`."""
    return (
        iso(line.at),
        line.type.value,
        credits_of(line.amount),
        credits_of(line.balance_after),
        line.description,
        line.provider,
        line.operation,
        line.job_id,
        line.request_id,
        line.source,
        line.grant_id,
        line.operator_id,
        line.reason,
        credits_of(line.debt),
        line.entry_id,
    )


def _line_body(line: HistoryLine) -> dict[str, object]:
    return {
        "entryId": line.entry_id,
        "type": line.type.value,
        "amount": credits_number(line.amount),
        "balanceAfter": credits_number(line.balance_after),
        "description": line.description,
        "createdAt": iso(line.at),
        "metadata": {
            "timestamp": iso(line.at),
            "provider": line.provider,
            "operation": line.operation,
            "jobId": line.job_id,
            "requestId": line.request_id,
            "source": line.source,
            "grantId": line.grant_id,
            "adminId": line.operator_id,
            "reason": line.reason,
            "debt": credits_number(line.debt),
        },
    }
