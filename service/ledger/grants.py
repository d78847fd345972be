"""Grants with a business key: the same grant sent twice is one grant (docs/architecture.md, "How
credits move").

In a file of its own because other features compose a grant with writes of their own. The item
`GRANT#<source>#<id>` is written in the wallet's transaction, with the version of its entry, and the
entry names the grant. A grant for a later time is an item without an entry, sealed, in the due
index (`ledger.sweeps` makes it)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import structlog

from service.core.amounts import Amount, amount_of, credits_of
from service.core.clock import Clock, from_iso, iso
from service.core.metrics import Metric, Metrics
from service.core.seals import holds, seal
from service.ledger import keys
from service.ledger.details import GRANT_ID, GRANT_SOURCE, Details
from service.ledger.entities import (
    EntryKind,
    ExpiryInvalid,
    GrantConflict,
    UserNotFound,
    Wallet,
    WalletStatus,
)
from service.ledger.lots import LotKind
from service.ledger.movements import grant as granted
from service.ledger.operations import ConditionalWrite, Ledger, Proposal, Propose, Snapshot
from service.ledger.restrictions import RESTRICTIONS
from service.storage.codec import Item, Value, encode_item, whole_number
from service.storage.keys import DUE_INDEX_ATTRIBUTES, Key
from service.storage.table import ConditionFailed, Table
from service.storage.writes import ABSENT, Put, Update, When

log = structlog.get_logger()

_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


class GrantSource(StrEnum):
    """What a grant was made for; its ids are unique within it."""

    PURCHASE = "purchase"
    INVOICE = "invoice"
    CODE = "code"
    BULK = "bulk"
    ADJUSTMENT = "adjustment"
    TRIAL = "trial"


PAID_SOURCES = (GrantSource.PURCHASE, GrantSource.INVOICE)


@dataclass(frozen=True)
class Grant:
    """Credits for a user, under a name that is used once. `details` are the entry's, besides source
    and id. Raises `ValueError` for an id or amount that no grant has."""

    source: GrantSource
    grant_id: str
    user_id: str
    amount: Amount
    kind: LotKind
    expires_at: int | None = None
    restriction: str = ""
    details: Details = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.grant_id):
            raise ValueError(f"{self.grant_id!r} cannot name a grant")
        if self.amount <= 0:
            raise ValueError("a grant brings credits")


@dataclass(frozen=True)
class GrantRecord:
    """A grant as its item says. `entry_version` is that of its entry (None: not made yet), `due_at`
    the time for which it is scheduled (None: it is not, or not any more), `refused` the code of the
    error that ended its schedule."""

    grant: Grant
    at: int
    entry_version: int | None = None
    due_at: int | None = None
    refused: str | None = None
    mac: str = ""


@dataclass(frozen=True)
class Granted:
    """A grant that is stored. `made`: this call is known to have written it, no earlier one."""

    made: bool
    entry_version: int
    wallet: Wallet


def grant_key(grant: Grant) -> Key:
    """The item under which the grant is made once; to be read with the wallet it goes to."""
    return keys.grant(grant.source, grant.grant_id)


def grant_of(snapshot: Snapshot, grant: Grant) -> GrantRecord | None:
    """The grant as it was made or scheduled before. Raises `GrantConflict` for one of another user
    or amount."""
    item = snapshot.item(grant_key(grant))
    return _agreeing(item, grant) if item else None


def grant_proposal(
    snapshot: Snapshot, grant: Grant, now: int, entry_kind: EntryKind = EntryKind.GRANT
) -> Proposal:
    """What makes the grant; a scheduled one is made now and leaves the schedule. Pure.

    Raises `UserNotFound` for an unknown or closed user (what was paid for is granted to a closed
    wallet all the same: it is there when the person returns), `ExpiryInvalid` for credits that
    would have expired already, `GrantConflict` for a grant that was made before (whoever may meet
    one checks `grant_of` first), and `ValueError` for a restriction that does not exist."""
    wallet, before = snapshot.wallet, grant_of(snapshot, grant)
    if before is None:
        _require_restriction(grant)
    elif before.entry_version is not None:
        raise GrantConflict
    if wallet is None or (
        wallet.status is WalletStatus.CLOSED and grant.source not in PAID_SOURCES
    ):
        raise UserNotFound
    if grant.expires_at is not None and grant.expires_at <= max(now, wallet.updated_at):
        raise ExpiryInvalid
    movement = granted(
        wallet,
        grant.kind,
        grant.amount,
        grant.expires_at,
        f"{grant.source}:{grant.grant_id}",
        now,
        entry_kind,
        restriction=grant.restriction,
        details={**grant.details, GRANT_SOURCE: grant.source.value, GRANT_ID: grant.grant_id},
    )
    entry = movement.entries[-1]
    made = GrantRecord(grant, entry.at, entry.version)
    return Proposal(movement, [ConditionalWrite(_made_write(before, made))])


def record_from(item: Item) -> GrantRecord:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    source, grant_id = keys.grant_names(Key.of_item(item))
    grant = Grant(
        source=GrantSource(source),
        grant_id=grant_id,
        user_id=fields["userId"],
        amount=amount_of(fields["amount"]),
        kind=LotKind(fields["kind"]),
        expires_at=_moment(fields.get("lotExpiresAt")),
        restriction=fields.get("restriction", ""),
        details=fields.get("details", {}),
    )
    return GrantRecord(
        grant=grant,
        at=from_iso(fields["at"]),
        entry_version=_moment(fields.get("entry")),
        due_at=_moment(fields.get("dueAt")),
        refused=fields.get("refused"),
        mac=fields.get("mac", ""),
    )


def repaired_write(record: GrantRecord) -> Put:
    """For an operator's repair alone: the item of a grant whose entry is there."""
    return Put(grant_key(record.grant), _item(record))


def is_sealed(record: GrantRecord, mac_key: bytes) -> bool:
    """Whether this service scheduled it so."""
    return holds(record.mac, _sealed_facts(record), mac_key)


class Grants:
    """Makes grants, now or at a later time."""

    def __init__(
        self, ledger: Ledger, table: Table, clock: Clock, metrics: Metrics, mac_key: bytes
    ) -> None:
        self._ledger = ledger
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._mac_key = mac_key

    def make(self, grant: Grant, entry_kind: EntryKind = EntryKind.GRANT) -> Granted:
        """Makes the grant unless it was made before. Raises what `grant_proposal` raises, and what
        `Ledger.move` raises; nothing was written then, but for `OutcomeUnknown`."""

        def propose(snapshot: Snapshot, now: int) -> Proposal | None:
            if _made_version(snapshot, grant) is not None:
                return None
            return grant_proposal(snapshot, grant, now, entry_kind)

        made = self._moved(grant, propose)
        if made is None:
            raise LookupError("a grant that was made has its entry")
        return made

    def schedule(self, grant: Grant, due_at: int) -> bool:
        """Has the grant made at that time (epoch milliseconds). Returns False for one that was
        scheduled or made before; one that was refused is scheduled anew.

        Raises `UserNotFound`, `ExpiryInvalid`, `GrantConflict` and `StorageUnavailable`."""
        try:
            return self._scheduled(grant, due_at)
        except GrantConflict:
            self._alarm(grant, "conflict")
            raise

    def _scheduled(self, grant: Grant, due_at: int) -> bool:
        snapshot = self._ledger.read_snapshot(grant.user_id, (grant_key(grant),))
        before = grant_of(snapshot, grant)
        if before is not None and before.refused is None:
            return False
        if snapshot.wallet is None or snapshot.wallet.status is WalletStatus.CLOSED:
            raise UserNotFound
        try:
            self._table.write(replace(self.schedule_write(grant, due_at), when=_absence(before)))
        except ConditionFailed as other:
            if other.item is not None:
                _agreeing(other.item, grant)
            return False
        return True

    def schedule_write(self, grant: Grant, due_at: int) -> Put:
        """The write that schedules a grant, if there is none under its name. Raises
        `ExpiryInvalid`, and `ValueError` for a restriction that does not exist."""
        _require_restriction(grant)
        if grant.expires_at is not None and grant.expires_at <= due_at:
            raise ExpiryInvalid
        record = GrantRecord(grant, self._clock.now(), due_at=due_at)
        record = replace(record, mac=seal(_sealed_facts(record), self._mac_key))
        index = keys.DUE_GRANTS.index(grant.grant_id, due_at)
        return Put(grant_key(grant), {**_item(record), **index})

    def make_due(self, key: Key) -> None:
        """Makes a scheduled grant whose time has come, once, whoever else does. The credits have
        the life that was meant, however late they are. One whose user is gone leaves the schedule.

        Raises what `Ledger.move` raises, and `ValueError` for an item that this service did not
        write so."""
        item = self._table.get(key)
        record = record_from(item) if item else None
        if record is None or record.due_at is None or record.due_at > self._clock.now():
            return
        if not is_sealed(record, self._mac_key):
            raise ValueError(f"{key} is not as this service wrote it (its MAC does not hold)")
        try:
            self._moved(record.grant, _DueGrant(record).propose)
        except UserNotFound as error:
            self._refuse(record, error.code)

    def _moved(self, grant: Grant, propose: Propose) -> Granted | None:
        """The grant as it is stored afterwards; None where `propose` had nothing to do and it was
        not made either."""
        key = grant_key(grant)

        def was_committed(snapshot: Snapshot) -> bool:
            return _made_version(snapshot, grant) is not None

        try:
            moved = self._ledger.move(grant.user_id, propose, was_committed, related=(key,))
        except GrantConflict:
            self._alarm(grant, "conflict")
            raise
        if moved.movement is not None:
            return Granted(True, moved.movement.entries[-1].version, moved.wallet)
        version = _made_version(moved.snapshot, grant)
        return None if version is None else Granted(False, version, moved.wallet)

    def _refuse(self, record: GrantRecord, code: str) -> None:
        self._alarm(record.grant, "refused")
        guard = When(equals={"entry": None, "dueAt": record.due_at})
        try:
            self._table.write(
                Update(
                    grant_key(record.grant),
                    guard,
                    set={"refused": code},
                    remove=(*DUE_INDEX_ATTRIBUTES, "dueAt", "mac"),
                )
            )
        except ConditionFailed:
            return

    def _alarm(self, grant: Grant, alarm: str) -> None:
        log.error(
            "grant_needs_attention", user_id=grant.user_id, grant=str(grant_key(grant)), alarm=alarm
        )
        self._metrics.count(Metric.GRANT_ALARMS, alarm=alarm)


@dataclass(frozen=True)
class _DueGrant:
    """A scheduled grant, as it was read."""

    record: GrantRecord

    def propose(self, snapshot: Snapshot, now: int) -> Proposal | None:
        """Nothing where it has been made, or is not scheduled so any more."""
        stored = grant_of(snapshot, self.record.grant)
        if stored is None or stored.due_at is None or stored.entry_version is not None:
            return None
        return grant_proposal(snapshot, self._now_due(now), now)

    def _now_due(self, now: int) -> Grant:
        grant, due_at = self.record.grant, self.record.due_at or now
        if grant.expires_at is None or grant.expires_at > now:
            return grant
        return replace(grant, expires_at=now + grant.expires_at - due_at)


def _require_restriction(grant: Grant) -> None:
    if grant.restriction and grant.restriction not in RESTRICTIONS:
        raise ValueError(f"there is no restriction {grant.restriction!r}")


def _made_version(snapshot: Snapshot, grant: Grant) -> int | None:
    record = grant_of(snapshot, grant)
    return record.entry_version if record else None


def _agreeing(item: Item, grant: Grant) -> GrantRecord:
    record = record_from(item)
    if (record.grant.user_id, record.grant.amount) != (grant.user_id, grant.amount):
        raise GrantConflict
    return record


def _absence(before: GrantRecord | None) -> When:
    """A grant that was refused counts as absent while it stands so."""
    if before is None:
        return ABSENT
    return When(equals={"entry": None, "dueAt": None, "refused": before.refused})


def _made_write(before: GrantRecord | None, made: GrantRecord) -> Put | Update:
    key = grant_key(made.grant)
    if before is None:
        return Put(key, _item(made))
    guard = When(equals={"entry": None, "dueAt": before.due_at})
    item = _item(made)
    given = {name: value for name, value in item.items() if value is not None}
    gone = tuple(name for name in item if name not in given)
    return Update(key, guard, set=given, remove=(*DUE_INDEX_ATTRIBUTES, "refused", *gone))


def _item(record: GrantRecord) -> Mapping[str, Value]:
    made = {"at": iso(record.at), "entry": record.entry_version, "mac": record.mac or None}
    return {**_terms(record), **made}


def _terms(record: GrantRecord) -> dict[str, Value]:
    grant = record.grant
    return {
        "userId": grant.user_id,
        "amount": credits_of(grant.amount),
        "kind": grant.kind,
        "lotExpiresAt": grant.expires_at,
        "restriction": grant.restriction or None,
        "details": dict(grant.details) or None,
        "dueAt": record.due_at,
    }


def _sealed_facts(record: GrantRecord) -> list[object]:
    return ["grant", str(grant_key(record.grant)), encode_item(_terms(record)), iso(record.at)]


def _moment(value: object) -> int | None:
    return None if value is None else whole_number(value)
