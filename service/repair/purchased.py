"""The items of a user's grants and purchases, and how they follow from the entries. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from service.billing import keys
from service.billing.purchase_store import purchase_write, sealed
from service.billing.purchases import Purchase
from service.billing.settlement import MONEY_BACK_KINDS, clawed_back_by
from service.ledger.details import GRANT_ID, GRANT_SOURCE, PAID, PAYMENT_ID
from service.ledger.entities import Entry, EntryKind
from service.ledger.grants import GrantSource
from service.ledger.lots import LotKind, LotPortion
from service.repair.account_records import DamagedAccount
from service.repair.granted import Granted, is_stray
from service.storage.codec import decode_item, encode_item
from service.storage.writes import Delete, When, Write

_MADE_AGAIN = (
    *(EntryKind.HOLD, EntryKind.EXTEND, EntryKind.CAPTURE, EntryKind.RELEASE),
    EntryKind.EXPIRE,
)
_KINDS = {GrantSource.INVOICE: LotKind.SUBSCRIPTION}


def has_strays(damaged: DamagedAccount) -> bool:
    """Whether the item of a grant or purchase names an entry that is lost."""
    entries = damaged.account.entries
    return any(is_stray(record, entries) for record in damaged.grants) or any(
        contradicts(purchase, entries) for purchase in damaged.purchases
    )


def is_made_again(entry: Entry) -> bool:
    """Whether a job, a sweep or the next settlement of a payment makes such an entry again."""
    return entry.kind in _MADE_AGAIN or PAYMENT_ID in entry.details


def contradicts(purchase: Purchase, entries: Sequence[Entry]) -> bool:
    """Whether the entries of the payment do not lead to that purchase."""
    return proved_by(purchase, entries) != purchase


def proved_by(purchase: Purchase, entries: Sequence[Entry]) -> Purchase | None:
    """The purchase with what the entries say of it; None where its grant is lost."""
    own = [entry for entry in entries if entry.details.get(PAYMENT_ID) == purchase.payment_id]
    granted = [entry for entry in own if entry.kind is EntryKind.GRANT]
    back = [entry for entry in own if entry.kind in MONEY_BACK_KINDS]
    if not granted:
        return None
    return replace(
        purchase,
        grant_entry=granted[0].version,
        granted=granted[0].amount,
        entries=tuple(entry.version for entry in back),
        clawed_back=clawed_back_by(back),
    )


class Purchased:
    """Collects what has to be written so that each grant and purchase is what its entries say. What
    Stripe says of a payment follows when it is settled next."""

    def __init__(self, damaged: DamagedAccount, mac_key: bytes, now: int) -> None:
        self._user_id = damaged.account.user_id
        self._damaged = damaged
        self._mac_key = mac_key
        self._now = now
        granted = Granted(self._user_id, damaged.account.linked)
        self._granted = granted
        self.says: list[str] = granted.says
        self.writes: list[Write] = granted.writes
        self.linked = granted.linked

    def put_right(self, entries: Sequence[Entry]) -> None:
        self._granted.put_right(entries, self._damaged.grants)
        purchases = self._damaged.purchases
        known = {purchase.payment_id for purchase in purchases}
        for purchase in purchases:
            proved = proved_by(purchase, entries)
            if proved is None:
                self._delete(purchase)
            elif proved != purchase:
                self._put(purchase, proved)
        for entry in entries:
            if entry.kind is EntryKind.GRANT and PAID in entry.details:
                lost = _made_by(entry, self._user_id)
                if lost.payment_id not in known:
                    self._put(None, proved_by(lost, entries) or lost)

    def _delete(self, purchase: Purchase) -> None:
        key = keys.purchase(purchase.payment_id)
        self.says.append(f"delete {key}: the entry of its grant is lost")
        guard = When(equals={"version": purchase.version, "mac": purchase.mac})
        self.writes.append(Delete(key, guard))
        self.linked[key] = None

    def _put(self, before: Purchase | None, after: Purchase) -> None:
        after = replace(
            after, version=after.version + 1, updated_at=max(self._now, after.updated_at)
        )
        write = purchase_write(before, sealed(after, self._mac_key))
        verb = "set" if before else "put again"
        self.says.append(f"{verb} {write.key} as its entries say")
        self.writes.append(write)
        self.linked[write.key] = decode_item(encode_item({**write.key.attributes(), **write.item}))


def _made_by(entry: Entry, user_id: str) -> Purchase:
    """A purchase that is lost, as the entry of its grant says."""
    source = GrantSource(entry.details[GRANT_SOURCE])
    kind = _KINDS.get(source, LotKind.PAID)
    lot = entry.allocation[0] if entry.allocation else LotPortion(0, kind, 0)
    cents, _, currency = entry.details[PAID].partition(" ")
    return Purchase(
        payment_id=entry.details[PAYMENT_ID],
        user_id=user_id,
        source=source,
        grant_id=entry.details[GRANT_ID],
        reference=entry.details[GRANT_ID],
        granted=entry.amount,
        kind=lot.kind,
        lot_expires_at=lot.expires_at,
        paid_cents=int(cents),
        currency=currency,
        at=entry.at,
    )
