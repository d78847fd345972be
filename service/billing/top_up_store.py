"""Settings of automatic top-up as items. Builds writes, sends none.

In a file of its own because orders and customers are stored by another."""

from typing import Any

from service.billing import keys
from service.billing.top_up_entities import TopUp
from service.core.amounts import amount_of, credits_of
from service.core.clock import from_iso, iso
from service.storage.codec import Item, Value, whole_number
from service.storage.keys import DUE_INDEX_ATTRIBUTES, user_of
from service.storage.writes import ABSENT, Put, Update, When, Write


def top_up_from(item: Item) -> TopUp:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    due_at = fields.get("dueAt")
    return TopUp(
        user_id=user_of(fields["PK"]),
        enabled=bool(fields["enabled"]),
        package_id=fields["packageId"],
        threshold=amount_of(fields["threshold"]),
        monthly_cap_cents=whole_number(fields["monthlyCapCents"]),
        failures=whole_number(fields["failures"]),
        off_reason=fields.get("offReason", ""),
        rest_reason=fields.get("restReason", ""),
        wanted=bool(fields["wanted"]),
        order_id=fields.get("orderId", ""),
        payment_method_id=fields.get("paymentMethodId", ""),
        payment_id=fields.get("paymentId", ""),
        confirm_payment_id=fields.get("confirmPaymentId", ""),
        price_cents=whole_number(fields["priceCents"]),
        next_at=from_iso(fields["nextAt"]),
        month=fields.get("month", ""),
        spent_cents=whole_number(fields["spentCents"]),
        due_at=None if due_at is None else from_iso(due_at),
        version=whole_number(fields["version"]),
    )


def top_up_write(before: TopUp | None, after: TopUp) -> Put:
    """The next version, in the place of exactly the one that was read (None: there was none)."""
    guard = ABSENT if before is None else When(equals={"version": before.version})
    return Put(keys.top_up(after.user_id), _item(after), guard)


def wanted_write(top_up: TopUp, now: int, *, refused: bool) -> Write:
    """The worker looks at once, but for the cool-down. Nothing while it is off, or a purchase is
    under way."""
    wanted = top_up.wanted or refused
    after = top_up.changed(wanted=wanted, due_at=max(now, top_up.next_at))
    guard = When(equals={"version": top_up.version, "enabled": True, "orderId": None})
    changed = {name: value for name, value in _item(after).items() if value is not None}
    return Update(keys.top_up(top_up.user_id), guard, set=changed)


def _item(top_up: TopUp) -> dict[str, Value]:
    due: dict[str, str | None] = dict.fromkeys(DUE_INDEX_ATTRIBUTES)
    if top_up.due_at is not None:
        due.update(keys.DUE_TOP_UPS.index(top_up.user_id, top_up.due_at))
    return {
        "enabled": top_up.enabled,
        "packageId": top_up.package_id,
        "threshold": credits_of(top_up.threshold),
        "monthlyCapCents": top_up.monthly_cap_cents,
        "failures": top_up.failures,
        "offReason": top_up.off_reason or None,
        "restReason": top_up.rest_reason or None,
        "wanted": top_up.wanted,
        "orderId": top_up.order_id or None,
        "paymentMethodId": top_up.payment_method_id or None,
        "paymentId": top_up.payment_id or None,
        "confirmPaymentId": top_up.confirm_payment_id or None,
        "priceCents": top_up.price_cents,
        "nextAt": iso(top_up.next_at),
        "month": top_up.month or None,
        "spentCents": top_up.spent_cents,
        "dueAt": None if top_up.due_at is None else iso(top_up.due_at),
        "version": top_up.version,
        **due,
    }
