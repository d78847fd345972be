"""Bulk grants, the parts that the worker makes them in, and the pure rules of both."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from service.core.amounts import Amount, credits_number
from service.core.errors import Conflict, InvalidRequest, NotFound
from service.core.principal import is_subject
from service.ledger.entities import Wallet
from service.ledger.grant_terms import GrantTerms
from service.ledger.grants import Grant, GrantSource
from service.users.entities import is_open

# A JSON body has at most 10,000 values, and one transaction at most 4 MB and 100 items.
MAX_LISTED_USERS = 5_000
USERS_PER_PART = 250
SEGMENTS = 8
MAX_LEASE = 100
MAX_NAME = 100
MAX_NAME_BYTES = 180
# Other user ids are digested in the grant's id, which an entry must have room for.
_PLAIN_USER_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class UnknownBulkGrant(NotFound):
    code = "BULK_GRANT_NOT_FOUND"
    summary = "There is no bulk grant with this id."


class BulkGrantInvalid(InvalidRequest):
    code = "BULK_GRANT_INVALID"
    summary = "A bulk grant cannot be made like this; the message says why."


class BudgetTooSmall(Conflict):
    code = "BULK_GRANT_BUDGET"
    summary = "The budget does not pay for every user on the list. Nothing was granted."
    details_example: ClassVar[Mapping[str, object]] = {"required": 500, "budget": 400}


class BulkGrantEnded(Conflict):
    code = "BULK_GRANT_ENDED"
    summary = "This bulk grant has ended already."


class Audience(StrEnum):
    """Whom the credits are for: a list of user ids, or everyone who has an open account when the
    bulk grant is made."""

    LIST = "list"
    ALL = "all"


class PartState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    OUT_OF_BUDGET = "out_of_budget"
    CANCELLED = "cancelled"
    DAMAGED = "damaged"


class BulkStatus(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    OUT_OF_BUDGET = "out_of_budget"
    CANCELLED = "cancelled"
    DAMAGED = "damaged"


class FailureReason(StrEnum):
    """Why a user was granted nothing, besides the codes of other errors."""

    USER_UNKNOWN = "USER_UNKNOWN"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    ALREADY_GRANTED = "ALREADY_GRANTED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(frozen=True)
class NewBulkGrant:
    """A bulk grant that is to be made; without `user_ids` it is for all users. Without a `budget`
    it is what the list costs."""

    name: str
    terms: GrantTerms
    created_by: str
    user_ids: tuple[str, ...] | None = None
    budget: Amount | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class BulkGrant:
    """One bulk grant. `users` is the length of its list (0: all users), `leased` the number of
    grants that parts may make or have made (only for all users: a list is paid for as a whole).

    A `dry_run` counts whom it would be granted to. `mac` seals everything but `leased`."""

    bulk_id: str
    name: str
    terms: GrantTerms
    audience: Audience
    parts: int
    users: int
    budget: Amount
    dry_run: bool
    created_at: int
    created_by: str
    leased: int = 0
    cancelled_at: int | None = None
    mac: str = ""

    @property
    def affordable(self) -> int:
        """How many grants the budget pays for."""
        return self.budget // self.terms.amount

    def lease(self) -> int:
        """How many more grants one part may take, so that what the other parts are left with is
        small when the budget ends."""
        left = self.affordable - self.leased
        return min(left, MAX_LEASE, max(1, left // (2 * self.parts)))


@dataclass(frozen=True)
class Part:
    """What one thread of the worker makes at a time: a slice of the list, or a segment of the
    table.

    `position` grows with every step; in a list it is the place of the next user. `after` is where
    the walk over the table continues. `allowance` is how many grants it may still make. `due_at` is
    when the worker takes it up again (None: never)."""

    bulk_id: str
    number: int
    size: int
    position: int = 0
    granted: int = 0
    failed: int = 0
    allowance: int = 0
    after: tuple[str, str] | None = None
    state: PartState = PartState.RUNNING
    due_at: int | None = None

    def advanced(
        self,
        *,
        granted: int = 0,
        failed: int = 0,
        spent: int = 0,
        after: tuple[str, str] | None = None,
    ) -> "Part":
        """The part one step further: at least one place, however few users the step was about."""
        return replace(
            self,
            position=self.position + max(1, granted + failed),
            granted=self.granted + granted,
            failed=self.failed + failed,
            allowance=self.allowance - spent,
            after=after or self.after,
        )

    def ended(self, state: PartState) -> "Part":
        return replace(self, position=self.position + 1, state=state, due_at=None)


@dataclass(frozen=True)
class Failure:
    """A user who was granted nothing, and why (a `FailureReason` or an error code)."""

    user_id: str
    reason: str
    at: int


@dataclass(frozen=True)
class Progress:
    """How far a bulk grant has come. `users` is None where no one has counted them: all users."""

    bulk: BulkGrant
    status: BulkStatus
    granted: int
    failed: int
    finished_parts: int

    @property
    def has_ended(self) -> bool:
        return self.status is not BulkStatus.RUNNING

    @property
    def users(self) -> int | None:
        return self.bulk.users if self.bulk.audience is Audience.LIST else None

    @property
    def granted_amount(self) -> Amount:
        """What was granted; 0 for a dry run."""
        return 0 if self.bulk.dry_run else self.granted * self.bulk.terms.amount


def made(new: NewBulkGrant, bulk_id: str, now: int) -> BulkGrant:
    """The bulk grant as it begins. Raises `BulkGrantInvalid` or `BudgetTooSmall`."""
    for fault in _faults(new, now):
        raise BulkGrantInvalid(f"The bulk grant cannot be made: {fault}.")
    users = () if new.user_ids is None else tuple(dict.fromkeys(new.user_ids))
    listed = new.user_ids is not None
    required = len(users) * new.terms.amount
    budget = required if new.budget is None else new.budget
    if budget < max(required, new.terms.amount):
        raise BudgetTooSmall(
            details={"required": credits_number(required), "budget": credits_number(budget)}
        )
    return BulkGrant(
        bulk_id=bulk_id,
        name=new.name,
        terms=new.terms,
        audience=Audience.LIST if listed else Audience.ALL,
        parts=-(-len(users) // USERS_PER_PART) if listed else SEGMENTS,
        users=len(users),
        budget=budget,
        dry_run=new.dry_run,
        created_at=now,
        created_by=new.created_by,
    )


def _faults(new: NewBulkGrant, now: int) -> list[str]:
    users = new.user_ids
    checks = {
        "its name is empty or too long": not 0 < len(new.name) <= MAX_NAME
        or len(new.name.encode()) > MAX_NAME_BYTES,
        f"a list names 1 to {MAX_LISTED_USERS} users": users is not None
        and not 0 < len(users) <= MAX_LISTED_USERS,
        "a grant to all users needs a budget": users is None and new.budget is None,
        "the list names what is no user id": users is not None and not all(map(is_subject, users)),
        "the lot expires before it is granted": new.terms.expires_at is not None
        and new.terms.expires_at <= now,
    }
    return [*new.terms.faults(), *(fault for fault, found in checks.items() if found)]


def slices(user_ids: Sequence[str]) -> list[tuple[str, ...]]:
    """The list without repetitions, part by part."""
    users = tuple(dict.fromkeys(user_ids))
    return [users[start : start + USERS_PER_PART] for start in range(0, len(users), USERS_PER_PART)]


def progress(bulk: BulkGrant, parts: Iterable[Part]) -> Progress:
    """The sum of its parts."""
    all_parts = tuple(parts)
    states = {part.state for part in all_parts}
    return Progress(
        bulk,
        _status(bulk, states),
        sum(part.granted for part in all_parts),
        sum(part.failed for part in all_parts),
        sum(part.state is not PartState.RUNNING for part in all_parts),
    )


def _status(bulk: BulkGrant, states: set[PartState]) -> BulkStatus:
    if states == {PartState.DONE}:
        return BulkStatus.FINISHED
    if PartState.DAMAGED in states and PartState.RUNNING not in states:
        return BulkStatus.DAMAGED
    if bulk.cancelled_at is not None:
        return BulkStatus.CANCELLED
    if PartState.RUNNING in states:
        return BulkStatus.RUNNING
    return BulkStatus.OUT_OF_BUDGET


def concerns(bulk: BulkGrant, wallet: Wallet | None) -> bool:
    """Whether the bulk grant is for that user at all. One for all users is for the accounts that
    are open and were there when it was made; whoever signs up later is no part of it."""
    if bulk.audience is Audience.LIST:
        return True
    return wallet is not None and is_open(wallet) and wallet.created_at <= bulk.created_at


def failure_of(wallet: Wallet | None) -> FailureReason | None:
    """Why a user whom it is for cannot be granted anything."""
    if wallet is None:
        return FailureReason.USER_UNKNOWN
    return None if is_open(wallet) else FailureReason.ACCOUNT_CLOSED


def grant_of(bulk: BulkGrant, user_id: str, now: int) -> Grant:
    """What one user is granted: once, whoever makes it and however often."""
    name = user_id
    if not _PLAIN_USER_ID.fullmatch(user_id):
        name = hashlib.sha256(user_id.encode()).hexdigest()[:32]
    return Grant(
        source=GrantSource.BULK,
        grant_id=f"{bulk.bulk_id}:{name}",
        user_id=user_id,
        amount=bulk.terms.amount,
        kind=bulk.terms.kind,
        expires_at=bulk.terms.expiry(now),
        restriction=bulk.terms.restriction,
        details={"reason": bulk.name},
    )
