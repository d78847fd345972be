"""What the audit proves of the operators' log: an unbroken chain that ends in the head, and one
idempotency key for each record. A record that was changed, removed, inserted or moved is named."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from service.admin import keys, store
from service.admin.corrections import ENTRY
from service.admin.entities import ApprovalStatus, KeyUse, LogHead, OperatorRecord
from service.admin.support import JOB_ID, SETTLED_AS, SETTLED_BY
from service.ledger import keys as ledger_keys
from service.ledger.details import OPERATOR_ID, REASON
from service.ledger.entities import Entry, EntryKind
from service.ledger.movements import RETURN
from service.ledger.opening import REVIEW
from service.storage.checks import AccountCheck, ItemCheck, PartitionCheck, Violation
from service.storage.codec import Item
from service.storage.keys import Key

UNSEALED = "is not as this service wrote it (its MAC does not hold)"
_KINDS = ("record", "key", "log")
_BY_OPERATORS = (
    *(EntryKind.ADJUST, EntryKind.VOID, EntryKind.EDIT),
    *(EntryKind.FREEZE, EntryKind.THAW, EntryKind.DISABLE, EntryKind.ENABLE),
)
# The FREEZE of a sign-up under review, and of a wallet that returns as it left.
_OUR_OWN = (REVIEW, RETURN)


class LogRecords(Protocol):
    """The part of an account that these checks read."""

    @property
    def user_id(self) -> str: ...

    @property
    def items(self) -> Any: ...

    @property
    def entries(self) -> Sequence[Entry]: ...

    @property
    def late(self) -> Sequence[Entry]:
        """Entries beyond the version at which the wallet was read."""
        ...

    @property
    def unreadable(self) -> frozenset[str]: ...


def user_log_check(mac_key: bytes) -> AccountCheck:
    def faults(account: LogRecords) -> Iterator[Violation]:
        parts = _Parts(account.user_id)
        yield from _log_faults(parts, account.items.get(keys.LOG_PREFIX, ()), mac_key)
        yield from _entry_faults(parts, account)
        yield from _settlement_faults(parts, account)

    kinds = tuple(f"operator {kind}" for kind in _KINDS)
    return AccountCheck(kinds, faults, prefixes=(keys.LOG_PREFIX,))


def house_log_check(mac_key: bytes) -> PartitionCheck:
    kinds = tuple(f"house {kind}" for kind in _KINDS)

    def faults(items: Sequence[Item]) -> Iterator[Violation]:
        return _log_faults(_Parts(None), items, mac_key)

    return PartitionCheck(kinds, keys.HOUSE, faults)


def approval_check(mac_key: bytes) -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        approval = store.approval_from(item)
        if approval.mac != approval.sealed(mac_key):
            yield UNSEALED
        is_approved = approval.status is ApprovalStatus.APPROVED
        if is_approved and approval.decided_by == approval.requested_by:
            yield "was approved by the operator who requested it"
        if bool(approval.decided_by) != (approval.status is not ApprovalStatus.PENDING):
            yield "its status is not that of its decision"

    return ItemCheck(keys.APPROVAL, faults)


def _log_faults(parts: "_Parts", items: Iterable[Item], mac_key: bytes) -> Iterator[Violation]:
    for item in items:
        yield from parts.add(item)
    yield from _chain_faults(parts, mac_key)
    yield from _key_faults(parts, mac_key)


class _Parts:
    """The items of one log by kind."""

    def __init__(self, subject: str | None) -> None:
        self.subject = subject
        self.head = LogHead()
        self.records: dict[int, OperatorRecord] = {}
        self.uses: dict[str, KeyUse] = {}

    def add(self, item: Item) -> Iterator[Violation]:
        """Yields what is wrong with the item if it cannot be understood."""
        key = Key.of_item(item)
        try:
            self._understand(key, item)
        except Exception as error:
            # Understanding is pure: whatever it raises, no version of this code wrote the item.
            yield Violation(str(key), f"cannot be read ({type(error).__name__}: {error})")

    def _understand(self, key: Key, item: Item) -> None:
        if key.sk == keys.HEAD:
            self.head = store.head_from(item)
        elif key.sk.startswith(keys.RECORD_PREFIX):
            record = store.record_from(item)
            if keys.record(self.subject, record.number) != key:
                raise ValueError("its key is not a number of 12 digits")
            self.records[record.number] = record
        elif key.sk.startswith(keys.USE_PREFIX):
            self.uses[key.sk] = store.use_from(item)


def _chain_faults(parts: _Parts, mac_key: bytes) -> Iterator[Violation]:
    """Behind a gap the chain goes on from what the record there says of itself."""
    previous: str | None = ""
    for number in range(1, max((parts.head.count, *parts.records)) + 1):
        where = str(keys.record(parts.subject, number))
        record = parts.records.get(number)
        if record is None:
            yield Violation(where, "is missing")
        elif previous is not None and record.sealed(previous, mac_key) != record.mac:
            yield Violation(where, UNSEALED)
        if record is not None and number > parts.head.count:
            yield Violation(where, "stands beyond the end of the log")
        previous = record.mac if record else None
    yield from _head_faults(parts, mac_key)


def _head_faults(parts: _Parts, mac_key: bytes) -> Iterator[Violation]:
    where, head = str(keys.head(parts.subject)), parts.head
    if head == LogHead():
        return
    if head.mac != head.sealed(parts.subject, mac_key):
        yield Violation(where, UNSEALED)
    last = parts.records.get(head.count)
    if last is not None and last.mac != head.last:
        yield Violation(where, "is not the MAC of the last record")


def _key_faults(parts: _Parts, mac_key: bytes) -> Iterator[Violation]:
    """Each record has the item of its idempotency key, and each of these its record."""
    for number, record in parts.records.items():
        key = keys.use(parts.subject, record.operator_id, record.idempotency_key)
        use = parts.uses.pop(key.sk, None)
        if use is None:
            yield Violation(str(key), f"is missing, and record {number} came with it")
        elif replace(use, mac="") != KeyUse(number, use.body_hash):
            yield Violation(str(key), f"stands for record {use.number}, not {number}")
        elif use.mac != use.sealed(key.sk, parts.subject, mac_key):
            yield Violation(str(key), UNSEALED)
    for sort_key, use in parts.uses.items():
        where = keys.item(parts.subject, sort_key)
        yield Violation(str(where), f"stands for record {use.number}, which came without it")


def _entry_faults(parts: _Parts, account: LogRecords) -> Iterator[Violation]:
    """Each entry that an operator made has its record, and each record of one its entry. An entry
    beyond the version at which the wallet was read may have a record that was read before it."""
    by_entry = {
        record.details[ENTRY]: record
        for record in parts.records.values()
        if ENTRY in record.details
    }
    for entry in account.entries:
        record = by_entry.pop(str(entry.version), None)
        where = str(ledger_keys.entry(account.user_id, entry.version))
        if record is None and entry.kind in _BY_OPERATORS and entry.ref not in _OUR_OWN:
            yield Violation(where, "is an operator's, and no record of the log names it")
        elif record is not None and (
            entry.details.get(OPERATOR_ID) != record.operator_id
            or entry.details.get(REASON) != record.reason
        ):
            yield Violation(where, f"is not what record {record.number} of the log says")
    late = {str(entry.version) for entry in account.late}
    for version, record in by_entry.items():
        known = ledger_keys.entry(account.user_id, int(version)).sk in account.unreadable
        if version not in late and not known:
            where = str(keys.record(parts.subject, record.number))
            yield Violation(where, f"names entry {version}, which does not exist")


def _settlement_faults(parts: _Parts, account: LogRecords) -> Iterator[Violation]:
    """The entry by which an operator's action settled a job is of that kind, and of that job."""
    entries = {str(entry.version): entry for entry in (*account.entries, *account.late)}
    for record in parts.records.values():
        entry = entries.get(record.details.get(SETTLED_BY, ""))
        settled = record.details.get(SETTLED_AS), record.details.get(JOB_ID)
        if entry is not None and (entry.kind, entry.ref) != settled:
            where = str(keys.record(parts.subject, record.number))
            yield Violation(where, f"is not what entry {entry.version} says")
