"""What an audit walks and finds, and the pure proofs it makes from the table alone."""

import base64
import binascii
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum

from service.analytics.figures import HouseFigures
from service.jobs.entities import Job
from service.jobs.store import KeyUse
from service.ledger.entities import Entry, Wallet, WalletStatus
from service.storage.checks import AccountCheck, Violation
from service.storage.codec import Item, Value
from service.storage.keys import Key
from service.users.entities import SignUpDigests

MAX_SEGMENTS = 1_000_000


class InvalidScanToken(ValueError):
    """The token does not come from an audit, or belongs to a walk with other segments."""


@dataclass(frozen=True)
class ScanCursor:
    """The position of a walk over the table: the segment, the number of segments, and the last key
    read (None: at the start of the segment)."""

    segments: int
    segment: int
    after: Key | None = None

    def token(self) -> str:
        after = [self.after.pk, self.after.sk] if self.after else []
        text = json.dumps([self.segments, self.segment, *after], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def from_token(cls, token: str) -> "ScanCursor":
        """Raises `InvalidScanToken`."""
        try:
            text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            segments, segment, *after = json.loads(text)
            key = Key.of_item(dict(zip(("PK", "SK"), after, strict=True))) if after else None
            cursor = cls(int(segments), int(segment), key)
            if not 0 <= cursor.segment < cursor.segments:
                raise ValueError
            return cursor
        except (binascii.Error, ValueError, TypeError, OverflowError):
            raise InvalidScanToken("--start is not a token that an audit gave out") from None


@dataclass(frozen=True)
class ScanPlan:
    """Which part of the table to walk, one segment after the other: all segments or one, from the
    beginning or from a place."""

    segments: int = 1
    only: int | None = None
    start: ScanCursor | None = None

    def __post_init__(self) -> None:
        """Raises `InvalidScanToken` or `ValueError`."""
        if not 1 <= self.segments <= MAX_SEGMENTS or not 0 <= self._first < self.segments:
            raise ValueError(
                f"segments are numbered from 0, and there are 1 to {MAX_SEGMENTS} of them"
            )
        if self.start and (
            self.start.segments != self.segments or self.only not in (None, self.start.segment)
        ):
            raise InvalidScanToken("--start belongs to a walk with other segments")

    @property
    def _first(self) -> int:
        return self.start.segment if self.start else self.only or 0

    @property
    def whole(self) -> bool:
        return self.only is None and self.start is None

    @property
    def segment_starts(self) -> Iterator[ScanCursor]:
        """Where each segment's walk begins."""
        last = self.segments - 1 if self.only is None else self.only
        for segment in range(self._first, last + 1):
            begun = self.start if segment == self._first else None
            yield begun or ScanCursor(self.segments, segment)


@dataclass(frozen=True)
class Account:
    """Everything of one user that has to agree. `entries` are those up to the wallet's version,
    `late` those beyond it, read after the jobs; the wallet was at `reached` after that. Of the
    `devices`, an operator has `released` some for others to sign up with. `faults`
    were found on single items; `unreadable` names the sort keys of those that could not be
    understood (a wallet or profile of which this is true is None here), `loose_macs` has the MACs
    of such entries. `items` are those of features above the audit, by the prefix under which their
    check names them; they were read after the wallet, and so was `linked`, the items outside of the
    user's partition that a check names by the account (None: there is none)."""

    user_id: str
    wallet: Wallet | None
    entries: Sequence[Entry] = ()
    late: Sequence[Entry] = ()
    reached: int = 0
    jobs: Sequence[Job] = ()
    keys: Mapping[str, KeyUse] = field(default_factory=dict)
    devices: frozenset[str] = frozenset()
    released: frozenset[str] = frozenset()
    digests: SignUpDigests | None = None
    claims: Mapping[str, str | None] = field(default_factory=dict)
    faults: tuple[Violation, ...] = ()
    unreadable: frozenset[str] = frozenset()
    loose_macs: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, Sequence[Item]] = field(default_factory=dict)
    linked: Mapping[Key, Item | None] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """The version of the last entry in `entries`."""
        return (
            self.wallet.version
            if self.wallet
            else max((entry.version for entry in self.entries), default=0)
        )

    @property
    def closed(self) -> bool:
        return self.wallet is not None and self.wallet.status is WalletStatus.CLOSED

    @property
    def leaving(self) -> bool:
        return self.wallet is not None and self.wallet.is_leaving

    def is_there(self, sk: str, present: Iterable[str]) -> bool:
        return sk in present or sk in self.unreadable


@dataclass(frozen=True)
class Audit:
    """The result: how much was checked, what is wrong, and how many wallets were compared with
    where an earlier audit had found them."""

    users: int = 0
    open_users: int = 0
    entries: int = 0
    jobs: int = 0
    claims: int = 0
    idempotency_keys: int = 0
    violations: tuple[Violation, ...] = ()
    compared: int = 0

    def plus(self, other: "Audit") -> "Audit":
        return Audit(
            *(getattr(self, each.name) + getattr(other, each.name) for each in fields(self))
        )


@dataclass(frozen=True)
class Ledger:
    """One user's wallet (None if it is missing or cannot be read), the entries that can be read,
    and everything that is wrong."""

    user_id: str
    wallet: Wallet | None
    entries: tuple[Entry, ...]
    violations: tuple[Violation, ...]


@dataclass(frozen=True)
class Progress:
    """The progress of a walk over the whole table: its position, what it has found, and the user
    count when it began (None: the count could not be read). A walk resumed from it returns the same
    result as one that was never interrupted. `figures` are those of the days that it closes (None:
    it closes none)."""

    cursor: ScanCursor
    audit: Audit
    users_before: int | None
    figures: HouseFigures | None = None

    @property
    def rest(self) -> ScanPlan:
        return ScanPlan(self.cursor.segments, start=self.cursor)


class AuditStopped(Exception):
    """An audit that was stopped early: what it found so far, and where to resume."""

    def __init__(self, audit: Audit, cursor: ScanCursor, reason: str) -> None:
        super().__init__(reason)
        self.audit = audit
        self.cursor = cursor
        self.reason = reason


def audit_account(account: Account, checks: Iterable[AccountCheck]) -> list[Violation]:
    """Checks everything that can be checked of one account, however little of it can be read."""
    return [*account.faults, *(fault for check in checks for fault in check.faults(account))]


def type_mismatch(entity: object) -> str | None:
    """Returns the name of a field whose value does not have its declared type; None if all do."""
    if not is_dataclass(entity):
        return None
    wrong = (
        each.name for each in fields(entity) if not _fits(getattr(entity, each.name), each.type)
    )
    return next(wrong, None)


def _fits(value: object, kind: typing.Any) -> bool:
    if kind == Value:
        # Whatever has been decoded is one.
        return True
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in arguments)
    if origin in (tuple, frozenset):
        return isinstance(value, origin) and all(_fits(part, arguments[0]) for part in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _fits(name, arguments[0]) and _fits(part, arguments[1]) for name, part in value.items()
        )
    if origin is not None:
        return isinstance(value, origin)
    if kind in (int, str):
        return isinstance(value, kind) and not isinstance(value, bool | Enum)
    return isinstance(value, kind) and type_mismatch(value) is None
