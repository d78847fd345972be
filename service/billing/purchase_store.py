"""Purchases as items. Builds writes, sends none.

In a file of its own because orders and customers are stored by another."""

from dataclasses import replace
from typing import Any

from service.billing import keys
from service.billing.purchases import Purchase
from service.core.amounts import amount_of, credits_of
from service.core.clock import from_iso, iso
from service.core.seals import holds, seal
from service.ledger.grants import GrantSource
from service.ledger.lots import LotKind
from service.storage.codec import Item, Value, encode_item, whole_number
from service.storage.keys import Key
from service.storage.writes import ABSENT, Put, When


def purchase_from(item: Item) -> Purchase:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    return Purchase(
        payment_id=keys.payment_of(Key.of_item(item)),
        user_id=fields["userId"],
        source=GrantSource(fields["source"]),
        grant_id=fields["grantId"],
        reference=fields["reference"],
        granted=amount_of(fields["granted"]),
        kind=LotKind(fields["kind"]),
        lot_expires_at=_time(fields.get("lotExpiresAt")),
        paid_cents=whole_number(fields["paidCents"]),
        currency=fields["currency"],
        grant_entry=whole_number(fields["grantEntry"]),
        version=whole_number(fields["version"]),
        clawed_back=amount_of(fields["clawedBack"]),
        refunded_cents=whole_number(fields["refundedCents"]),
        disputed_cents=whole_number(fields["disputedCents"]),
        moved_cents=whole_number(fields.get("movedCents", 0)),
        unfunded_cents=whole_number(fields.get("unfundedCents", 0)),
        credited_cents=whole_number(fields.get("creditedCents", 0)),
        warned_cents=whole_number(fields.get("warnedCents", 0)),
        overlap_cents=whole_number(fields.get("overlapCents", 0)),
        other_cents={
            payment_id: whole_number(cents)
            for payment_id, cents in fields.get("otherCents", {}).items()
        },
        cleared=tuple(fields.get("cleared", ())),
        entries=tuple(map(whole_number, fields.get("entries", ()))),
        recheck_at=_time(fields.get("recheckAt")),
        at=from_iso(fields["at"]),
        updated_at=from_iso(fields["updatedAt"]),
        mac=fields["mac"],
    )


def sealed(purchase: Purchase, mac_key: bytes) -> Purchase:
    return replace(purchase, mac=seal(_sealed_facts(purchase), mac_key))


def is_sealed(purchase: Purchase, mac_key: bytes) -> bool:
    """Whether this service wrote it so."""
    return holds(purchase.mac, _sealed_facts(purchase), mac_key)


def purchase_write(before: Purchase | None, after: Purchase) -> Put:
    """The purchase under exactly the version that was read (None: there was none)."""
    guard = ABSENT if before is None else When({"version": before.version, "mac": before.mac})
    index: dict[str, str] = keys.listing(after.user_id, after.at, after.payment_id)
    if after.recheck_at is not None:
        index |= keys.DUE_PURCHASES.index(after.payment_id, after.recheck_at)
    item = {**_facts(after), **index, "mac": after.mac}
    return Put(keys.purchase(after.payment_id), item, guard)


def _facts(purchase: Purchase) -> dict[str, Value]:
    return {
        "userId": purchase.user_id,
        "source": purchase.source,
        "grantId": purchase.grant_id,
        "reference": purchase.reference,
        "granted": credits_of(purchase.granted),
        "kind": purchase.kind,
        "lotExpiresAt": _text(purchase.lot_expires_at),
        "paidCents": purchase.paid_cents,
        "currency": purchase.currency,
        "grantEntry": purchase.grant_entry,
        "version": purchase.version,
        "clawedBack": credits_of(purchase.clawed_back),
        "refundedCents": purchase.refunded_cents,
        "disputedCents": purchase.disputed_cents,
        "movedCents": purchase.moved_cents or None,
        "unfundedCents": purchase.unfunded_cents or None,
        "creditedCents": purchase.credited_cents or None,
        "warnedCents": purchase.warned_cents or None,
        "overlapCents": purchase.overlap_cents or None,
        "otherCents": dict(purchase.other_cents) or None,
        "cleared": purchase.cleared or None,
        "entries": purchase.entries or None,
        "recheckAt": _text(purchase.recheck_at),
        "at": iso(purchase.at),
        "updatedAt": iso(purchase.updated_at),
    }


def _sealed_facts(purchase: Purchase) -> list[object]:
    facts = encode_item(_facts(purchase))
    return ["purchase", str(keys.purchase(purchase.payment_id)), facts]


def _time(text: str | None) -> int | None:
    return None if text is None else from_iso(text)


def _text(at: int | None) -> str | None:
    return None if at is None else iso(at)
