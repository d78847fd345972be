"""What the audit proves of purchases: each has its grant and exactly the claw-backs of which it is
the sum, and each such entry of a wallet has its purchase."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from service.billing import keys
from service.billing.purchase_store import is_sealed, purchase_from
from service.billing.purchases import Purchase
from service.billing.settlement import MONEY_BACK_KINDS, clawed_back_by
from service.core.amounts import credits_text
from service.ledger import keys as ledger_keys
from service.ledger.details import GRANT_SOURCE, PAYMENT_ID
from service.ledger.entities import Entry, EntryKind
from service.ledger.grants import PAID_SOURCES, record_from
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
        PrefixCheck(keys.PURCHASE_PREFIX, keys.purchase_in, _grant_faults),
        AccountCheck(("purchase",), _account_faults, links=_purchases_named),
    )


def _grant_faults(pk: str, reader: PartitionReader) -> Iterator[Violation]:
    """The purchase against the item of its grant, whose entry the ledger proves."""
    item = reader.one(keys.purchase_in(pk))
    if item is None:
        return
    purchase = purchase_from(item)
    stored = reader.one(ledger_keys.grant(purchase.source, purchase.grant_id))
    record = record_from(stored) if stored else None
    if record is None or record.entry_version != purchase.grant_entry:
        yield Violation(str(keys.purchase_in(pk)), "its grant is missing")
        return
    made = record.grant.user_id, record.grant.amount, record.grant.details.get(PAYMENT_ID)
    if made != (purchase.user_id, purchase.granted, purchase.payment_id):
        yield Violation(str(keys.purchase_in(pk)), "is not as its grant says")


def _purchases_named(account: EntriesOfAccount) -> Iterable[Key]:
    return map(keys.purchase, _by_payment((*account.entries, *account.late)))


def _by_payment(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if PAYMENT_ID in entry.details:
            found.setdefault(entry.details[PAYMENT_ID], []).append(entry)
    return found


def _account_faults(account: EntriesOfAccount) -> Iterator[Violation]:
    """The entries of each payment and its purchase name one another, and come to the same; no entry
    moves credits of a payment without naming one."""
    for entry in account.entries:
        if PAYMENT_ID not in entry.details and _is_of_payment(entry):
            where = str(ledger_keys.entry(account.user_id, entry.version))
            yield Violation(where, "moves credits of a payment, and names none")
    entries = (*account.entries, *account.late)
    newest = entries[-1].version if entries else 0
    for payment_id, own in _by_payment(entries).items():
        key = keys.purchase(payment_id)
        item = account.linked.get(key)
        if item is None:
            yield Violation(str(key), f"is missing, and entry {own[0].version} is of its payment")
            continue
        purchase = _readable(item)
        if purchase is not None:
            faults = _entry_faults(purchase, own, account.user_id, newest)
            yield from (Violation(str(key), fault) for fault in faults)


def _is_of_payment(entry: Entry) -> bool:
    is_bought = entry.details.get(GRANT_SOURCE) in PAID_SOURCES
    return entry.kind in MONEY_BACK_KINDS or (is_bought and entry.kind is EntryKind.GRANT)


def _readable(item: Item) -> Purchase | None:
    """One that cannot be read is reported by the check of the item itself."""
    try:
        return purchase_from(item)
    except (KeyError, TypeError, ValueError):
        return None


def _entry_faults(
    purchase: Purchase, own: Sequence[Entry], user_id: str, newest: int
) -> Iterator[str]:
    """The purchase was read after the entries up to `newest`, so it may name later ones."""
    if purchase.user_id != user_id:
        yield f"is of {purchase.user_id}, its entries are of {user_id}"
        return
    back = [entry for entry in own if entry.kind in MONEY_BACK_KINDS]
    granted = [entry.version for entry in own if entry.kind is EntryKind.GRANT]
    if granted != [purchase.grant_entry]:
        yield f"names entry {purchase.grant_entry} as its grant, its payment has {granted}"
    read = [version for version in purchase.entries if version <= newest]
    if read != [entry.version for entry in back]:
        yield f"names the entries {read}, its payment has {[entry.version for entry in back]}"
    elif read == list(purchase.entries) and clawed_back_by(back) != purchase.clawed_back:
        said = credits_text(purchase.clawed_back), credits_text(clawed_back_by(back))
        yield f"clawedBack is {said[0]}, its entries say {said[1]}"
