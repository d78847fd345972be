"""What the audit proves of purchases: each has its grant and exactly the claw-backs of which it is
the sum, and each such entry of a wallet has its purchase.

In a file of its own because orders and customers have proofs of their own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from service.billing import purchase_keys as keys
from service.billing.purchase_store import is_sealed, purchase_from
from service.billing.purchases import Purchase
from service.billing.settlement import MONEY_BACK_KINDS, clawed_back_by
from service.core.amounts import credits_text
from service.ledger import keys as ledger_keys
from service.ledger.details import GRANT_SOURCE, PAYMENT_ID
from service.ledger.entities import Entry, EntryKind
from service.ledger.grants import PAID_SOURCES, record_from
from service.ledger.store import entry_from
from service.storage.checks import (
    AccountCheck,
    ItemCheck,
    PartitionReader,
    PrefixCheck,
    Violation,
)
from service.storage.codec import Item
from service.storage.keys import DUE_INDEX_ATTRIBUTES, Key

UNSEALED = "is not as this service wrote it (its MAC does not hold)"


class EntriesOfAccount(Protocol):
    """The part of an account that these checks read."""

    @property
    def user_id(self) -> str: ...

    @property
    def entries(self) -> Sequence[Entry]: ...

    @property
    def late(self) -> Sequence[Entry]: ...

    @property
    def linked(self) -> Mapping[Key, Item | None]: ...


def purchase_checks(mac_key: bytes) -> tuple[ItemCheck | AccountCheck | PrefixCheck, ...]:
    def item_faults(item: Item) -> Iterator[str]:
        purchase = purchase_from(item)
        if not is_sealed(purchase, mac_key):
            yield UNSEALED
        yield from purchase.faults()
        due = purchase.recheck_at is not None
        if [name in item for name in DUE_INDEX_ATTRIBUTES] != [due, due]:
            yield "its index attributes do not fit its state"

    return (
        ItemCheck(keys.PURCHASE, item_faults),
        PrefixCheck(keys.PURCHASE_PREFIX, keys.purchase_in, _purchase_faults),
        AccountCheck(("purchase",), _account_faults, links=_purchases_named),
    )


def _purchase_faults(pk: str, reader: PartitionReader) -> Iterator[Violation]:
    """The purchase against its grant and the entries that it names."""
    item = reader.one(keys.purchase_in(pk))
    if item is None:
        return
    purchase = purchase_from(item)
    for fault in (*_grant_faults(purchase, reader), *_back_faults(purchase, reader)):
        yield Violation(str(keys.purchase_in(pk)), fault)


def _grant_faults(purchase: Purchase, reader: PartitionReader) -> Iterator[str]:
    stored = reader.one(ledger_keys.grant(purchase.source, purchase.grant_id))
    record = record_from(stored) if stored else None
    if record is None or record.entry_version != purchase.grant_entry:
        yield "its grant is missing"
        return
    made = record.grant.user_id, record.grant.amount, record.grant.details.get(PAYMENT_ID)
    if made != (purchase.user_id, purchase.granted, purchase.payment_id):
        yield "is not as its grant says"


def _back_faults(purchase: Purchase, reader: PartitionReader) -> Iterator[str]:
    named = (ledger_keys.entry(purchase.user_id, version) for version in purchase.entries)
    entries = [entry_from(item) for item in map(reader.one, named) if item is not None]
    if len(entries) != len(purchase.entries):
        yield "names an entry that is missing"
        return
    if not all(_is_of(entry, purchase.payment_id) for entry in entries):
        yield "names an entry that is not its own"
        return
    total = clawed_back_by(entries)
    if total != purchase.clawed_back:
        said = credits_text(purchase.clawed_back), credits_text(total)
        yield f"clawedBack is {said[0]}, its entries say {said[1]}"


def _is_of(entry: Entry, payment_id: str) -> bool:
    return entry.kind in MONEY_BACK_KINDS and entry.details.get(PAYMENT_ID) == payment_id


def _purchases_named(account: EntriesOfAccount) -> Iterable[Key]:
    entries = (*account.entries, *account.late)
    return (keys.purchase(entry.details[PAYMENT_ID]) for entry in entries if _is_paid(entry))


def _is_paid(entry: Entry) -> bool:
    return PAYMENT_ID in entry.details


def _account_faults(account: EntriesOfAccount) -> Iterator[Violation]:
    """Each entry of a payment has its purchase, which names it; none is there without a payment."""
    for entry in account.entries:
        where = str(ledger_keys.entry(account.user_id, entry.version))
        if _is_paid(entry):
            key = keys.purchase(entry.details[PAYMENT_ID])
            yield from (Violation(str(key), fault) for fault in _named_faults(account, entry, key))
        elif entry.kind in MONEY_BACK_KINDS:
            yield Violation(where, "takes or returns credits of no payment")
        elif entry.details.get(GRANT_SOURCE) in PAID_SOURCES and entry.kind is EntryKind.GRANT:
            yield Violation(where, "grants what was bought, and names no payment")


def _named_faults(account: EntriesOfAccount, entry: Entry, key: Key) -> Iterator[str]:
    item = account.linked.get(key)
    if item is None:
        yield f"is missing, and entry {entry.version} is of its payment"
        return
    try:
        purchase = purchase_from(item)
    except (KeyError, TypeError, ValueError):
        # Reported by the check of the item itself.
        return
    versions = (purchase.grant_entry, *purchase.entries)
    if purchase.user_id != account.user_id or entry.version not in versions:
        yield f"does not name entry {entry.version}, which is of its payment"
