"""The operators' log: what each operator did, written in the transaction that does it.

The records of one subject form a chain: each MAC covers the record and the one before, and the head
says how many there are. Each user has a chain of their own, so that operators who act on two users
never wait for each other; what concerns no single user is in the chain of the house."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from service.admin import keys, store
from service.admin.entities import (
    NOT_KEPT,
    Action,
    ActionKeyReused,
    KeyUse,
    LogDamaged,
    LogHead,
    OperatorRecord,
)
from service.ledger.operations import ConditionalWrite, Snapshot
from service.storage.codec import Item
from service.storage.cursor import PageTokens
from service.storage.data_keys import DataErased, DataKeys, SealedText
from service.storage.keys import Key
from service.storage.table import Table


@dataclass(frozen=True)
class RecordPage:
    """Some records, newest first, and the token of the next page (None: no more)."""

    records: tuple[OperatorRecord, ...]
    next_token: str | None


class OperatorLog:
    """Builds the writes of records, and reads records. Everything but reading and sealing is pure.

    Reading raises `DataKeyUnavailable` and `DataUnreadable` where a record has a private text."""

    def __init__(
        self, table: Table, mac_key: bytes, page_tokens: PageTokens, data_keys: DataKeys
    ) -> None:
        self._table = table
        self._mac_key = mac_key
        self._page_tokens = page_tokens
        self._data_keys = data_keys

    def sealed(self, action: Action) -> Action:
        """The action as it may be recorded: what is private of it is sealed with its user's data
        key, which is made at its first use. Once that is erased, nothing private is kept.

        Bound to the item of the idempotency key, which stands for one record: its own number is
        known only in the transaction. Raises `DataKeyUnavailable`, `DataUnreadable`,
        `StorageUnavailable`."""
        if action.subject is None or not action.private_text or action.ciphertext:
            return action
        place, text = _use_key(action), action.private_text
        try:
            ciphertext = self._data_keys.seal(action.subject, place, keys.REASON, text)
        except DataErased:
            return action
        return replace(action, ciphertext=ciphertext)

    def related(self, action: Action) -> tuple[Key, ...]:
        """What has to be read with the wallet before `record_writes`, and shows afterwards whether
        the action was recorded (`Ledger.move`: related and evidence)."""
        return keys.head(action.subject), _use_key(action)

    def recorded(self, snapshot: Snapshot, action: Action) -> int | None:
        """The number of the record that the action's idempotency key already stands for. Raises
        `ActionKeyReused` if that was another action, and `LogDamaged`."""
        key = _use_key(action)
        item = snapshot.item(key)
        if item is None:
            return None
        try:
            use = store.use_from(item)
        except (KeyError, ValueError):
            raise LogDamaged from None
        if use.mac != use.sealed(key.sk, action.subject, self._mac_key):
            raise LogDamaged
        if use.body_hash != action.body_mac(self._mac_key):
            raise ActionKeyReused
        return use.number

    def record_writes(
        self,
        snapshot: Snapshot,
        action: Action,
        now: int,
        outcome: Mapping[str, str] | None = None,
    ) -> Sequence[ConditionalWrite]:
        """The writes that add one record, to be sent with what the action changes; `outcome` is
        what came of it, such as the version of the wallet's entry. If another record comes first,
        the transaction fails as a stale read. Raises `LogDamaged`."""
        before = self._head(snapshot, action.subject)
        record = self.next_record(snapshot, action, now, outcome)
        after = LogHead(record.number, record.mac)
        after = replace(after, mac=after.sealed(action.subject, self._mac_key))
        key = _use_key(action)
        use = KeyUse(record.number, action.body_mac(self._mac_key))
        use = replace(use, mac=use.sealed(key.sk, action.subject, self._mac_key))
        writes = (
            store.head_write(action.subject, before, after),
            store.record_write(record),
            store.use_write(key, use),
        )
        return tuple(ConditionalWrite(write) for write in writes)

    def next_record(
        self,
        snapshot: Snapshot,
        action: Action,
        now: int,
        outcome: Mapping[str, str] | None = None,
    ) -> OperatorRecord:
        """The record that `record_writes` writes. Raises `LogDamaged`."""
        before = self._head(snapshot, action.subject)
        record = _record(action, before.count + 1, now, outcome or {})
        return replace(record, mac=record.sealed(before.last, self._mac_key))

    def _head(self, snapshot: Snapshot, subject: str | None) -> LogHead:
        item = snapshot.item(keys.head(subject))
        if item is None:
            return LogHead()
        try:
            head = store.head_from(item)
        except (KeyError, ValueError):
            raise LogDamaged from None
        if head.mac != head.sealed(subject, self._mac_key):
            raise LogDamaged
        return head

    def read(self, subject: str | None, number: int) -> OperatorRecord:
        """One record. Raises `LogDamaged` if it is missing."""
        item = self._table.get(keys.record(subject, number))
        if item is None:
            raise LogDamaged
        return self._opened(subject, [item])[0]

    def newest(self, subject: str | None, limit: int, below: int | None) -> list[OperatorRecord]:
        """The newest records of a subject, newest first, in one call; with `below`, those before
        that number. Raises `LogDamaged`."""
        found = self._table.query(
            keys.partition(subject),
            keys.RECORD_PREFIX,
            limit=limit,
            after="" if below is None else keys.record(subject, below).sk,
            ascending=False,
        )
        return self._opened(subject, found.items)

    def page(self, subject: str | None, limit: int, token: str | None) -> RecordPage:
        """The records of a subject, newest first. Raises `PageTokenInvalid` and `LogDamaged`."""
        scope = ("operator records", subject)
        after = self._page_tokens.open(scope, token) if token else ""
        found = self._table.query(
            keys.partition(subject),
            keys.RECORD_PREFIX,
            limit=limit,
            after=after,
            ascending=False,
        )
        records = tuple(self._opened(subject, found.items))
        if not found.more or _is_first(records[-1]):
            return RecordPage(records, None)
        return RecordPage(records, self._page_tokens.seal(scope, str(found.items[-1]["SK"])))

    def _opened(self, subject: str | None, items: Iterable[Item]) -> list[OperatorRecord]:
        """The records with what is private of them."""
        records = list(map(_understood, items))
        private = [record for record in records if record.ciphertext]
        if subject is None or not private:
            return records
        texts = self._data_keys.open_all(subject, list(map(_private_text, private)))
        opened = {each.number: text for each, text in zip(private, texts, strict=True)}
        return [replace(each, private_text=opened.get(each.number)) for each in records]


def _understood(item: Item) -> OperatorRecord:
    try:
        return store.record_from(item)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise LogDamaged from None


def _private_text(record: OperatorRecord) -> SealedText:
    key = keys.use(record.subject, record.operator_id, record.idempotency_key)
    return SealedText(key, keys.REASON, record.ciphertext)


def _is_first(record: OperatorRecord) -> bool:
    """Behind it there is no page."""
    return record.number == 1


def _use_key(action: Action) -> Key:
    return keys.use(action.subject, action.operator.operator_id, action.idempotency_key)


def _record(action: Action, number: int, now: int, outcome: Mapping[str, str]) -> OperatorRecord:
    public = NOT_KEPT if action.is_private else action.reason
    return OperatorRecord(
        subject=action.subject,
        number=number,
        operator_id=action.operator.operator_id,
        method=action.operator.method.value,
        name=action.name,
        amount=action.amount,
        reason="" if action.is_private and action.ciphertext else public,
        ciphertext=action.ciphertext,
        private_text=action.private_text if action.ciphertext else None,
        request_id=action.request_id,
        idempotency_key=action.idempotency_key,
        at=now,
        details={**action.facts, **outcome},
    )
