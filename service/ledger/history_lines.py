"""What one entry of the ledger says to its owner: at most one line of history. Pure.

The amounts of all lines add up to the balance: there is exactly one line for every entry that
changes what can be spent or what is owed. A hold is the line of what was used; the capture of all
of it changes nothing more and has no line, so that a job is one line and not three. What is held
further while a job goes on is a line of its own.

In a file of its own because a ledger is complete without them."""

from dataclasses import dataclass
from enum import StrEnum

from service.core.amounts import Amount, credits_text
from service.ledger.entities import Entry, EntryKind, deltas
from service.ledger.lots import LotKind

_BOUGHT = (LotKind.PAID, LotKind.SUBSCRIPTION)
_BOUGHT_SOURCES = ("purchase", "invoice")
_OF_PAYMENTS = (EntryKind.CLAWBACK, EntryKind.RESTORE)
_OF_JOBS = (EntryKind.HOLD, EntryKind.EXTEND, EntryKind.CAPTURE, EntryKind.RELEASE)
_WELCOME_SOURCE = "signup_bonus"
_BY_OPERATOR = "Admin adjustment"


class TransactionType(StrEnum):
    """What a line of history is about."""

    INITIAL = "INITIAL"
    PURCHASE = "PURCHASE"
    BONUS = "BONUS"
    USAGE = "USAGE"
    RELEASE = "RELEASE"
    EXPIRY = "EXPIRY"
    ADJUSTMENT = "ADJUSTMENT"
    CLAWBACK = "CLAWBACK"
    RESTORATION = "RESTORATION"


_TYPES = {
    EntryKind.INITIAL: TransactionType.INITIAL,
    EntryKind.HOLD: TransactionType.USAGE,
    EntryKind.EXTEND: TransactionType.USAGE,
    EntryKind.CAPTURE: TransactionType.RELEASE,
    EntryKind.RELEASE: TransactionType.RELEASE,
    EntryKind.EXPIRE: TransactionType.EXPIRY,
    EntryKind.CLOSE: TransactionType.EXPIRY,
    EntryKind.CLAWBACK: TransactionType.CLAWBACK,
    EntryKind.RESTORE: TransactionType.RESTORATION,
}
_PREFIXES = {EntryKind.CAPTURE: "Unused part returned: ", EntryKind.RELEASE: "Returned: "}
_WORDS = {
    TransactionType.PURCHASE: "Credits purchased",
    TransactionType.EXPIRY: "Credits expired",
    TransactionType.CLAWBACK: "Credits of a payment that was returned",
    TransactionType.RESTORATION: "Credits of a payment that stands again",
}


@dataclass(frozen=True)
class HistoryLine:
    """`amount` is what the entry adds to the balance (negative: takes from it), `debt` what it adds
    to what the user owes; `balance_after` is the balance after it. `source` and `grant_id` say
    where granted credits came from, `operator_id` and `reason` who moved them by hand, and why."""

    version: int
    type: TransactionType
    amount: Amount
    balance_after: Amount
    debt: Amount
    description: str
    at: int
    provider: str | None = None
    operation: str | None = None
    job_id: str | None = None
    request_id: str | None = None
    source: str | None = None
    grant_id: str | None = None
    operator_id: str | None = None
    reason: str | None = None

    @property
    def entry_id(self) -> str:
        return f"ent_{self.version:012d}"


def line_of(entry: Entry) -> HistoryLine | None:
    """The line of an entry, from the entry alone; None if neither balance nor debt change."""
    change = deltas(entry)
    if not change.credits and not change.debt:
        return None
    details = entry.details
    provider, _, operation = details.get("operation", "").partition(":")
    kind = type_of(entry)
    return HistoryLine(
        version=entry.version,
        type=kind,
        amount=change.credits,
        balance_after=entry.credits,
        debt=change.debt,
        description=_description(entry, kind),
        at=entry.at,
        provider=provider or None,
        operation=operation or None,
        job_id=entry.ref if entry.kind in _OF_JOBS else None,
        request_id=details.get("requestId"),
        source=_source(entry),
        grant_id=_grant_id(entry),
        operator_id=details.get("operatorId"),
        reason=details.get("reason"),
    )


def type_of(entry: Entry) -> TransactionType:
    """The type of an entry's line. A grant is a purchase if its source or, where none is recorded,
    its lot was paid for; what an operator adds is a bonus, what one takes an adjustment."""
    if entry.kind is EntryKind.GRANT and _is_bought(entry):
        return TransactionType.PURCHASE
    is_up = deltas(entry).granted > 0
    other = TransactionType.BONUS if is_up else TransactionType.ADJUSTMENT
    return _TYPES.get(entry.kind, other)


def _is_bought(entry: Entry) -> bool:
    source = entry.details.get("grantSource")
    if source is not None:
        return source in _BOUGHT_SOURCES
    return any(portion.kind in _BOUGHT for portion in entry.allocation)


def _source(entry: Entry) -> str | None:
    if entry.kind is EntryKind.INITIAL:
        return _WELCOME_SOURCE
    if entry.kind in _OF_PAYMENTS:
        return entry.ref.partition(":")[0]
    return entry.details.get("grantSource")


def _grant_id(entry: Entry) -> str | None:
    """Of a claw-back and of what it returned, the grant that the payment had brought."""
    if entry.kind in _OF_PAYMENTS:
        return entry.ref.partition(":")[2]
    return entry.details.get("grantId")


def _description(entry: Entry, kind: TransactionType) -> str:
    """One short sentence for people; programs read the other fields."""
    if entry.kind is EntryKind.INITIAL:
        return f"Welcome bonus - {credits_text(entry.amount)} free credits"
    if entry.kind in _OF_JOBS:
        return _PREFIXES.get(entry.kind, "") + _work(entry)
    if entry.kind is EntryKind.CLOSE:
        return "Credits given up with the account"
    is_granted = entry.kind is EntryKind.GRANT
    what = _WORDS.get(kind, _BY_OPERATOR)
    what = "Bonus credits" if is_granted and kind is TransactionType.BONUS else what
    reason = entry.details.get("reason")
    return f"{what}: {reason}" if reason else what


def _work(entry: Entry) -> str:
    """What a job did, as in `image2video via kling`."""
    provider, _, operation = entry.details.get("operation", "").partition(":")
    return f"{operation} via {provider}" if operation else "Paid request"
