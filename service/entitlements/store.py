"""Entitlements and claims of trials as items. Builds writes, sends none."""

from typing import Any

from service.core.clock import from_iso, iso
from service.entitlements import keys
from service.entitlements.entities import Entitlement, EntitlementStatus
from service.storage.codec import Item, Value, whole_number
from service.storage.keys import Key
from service.storage.writes import Put, Update, When


def entitlement_write(before: Entitlement, after: Entitlement) -> Update:
    """An entitlement over the version that was read."""
    item: dict[str, Value] = {
        "status": after.status,
        "plan": after.price_id,
        "subscriptionId": after.subscription_id,
        "periodStartsAt": _text(after.period_start_at),
        "periodEndsAt": _text(after.period_end_at),
        "trialEndsAt": _text(after.trial_ends_at),
        "cancelsAtPeriodEnd": after.cancels_at_period_end,
        "updatedAt": _text(after.updated_at),
        "version": after.version,
    }
    guard = When(equals={"version": before.version or None})
    kept = {name: value for name, value in item.items() if value is not None}
    gone = tuple(name for name, value in item.items() if value is None)
    return Update(keys.entitlement(after.user_id), guard, set=kept, remove=gone)


def entitlement_from(user_id: str, item: Item | None) -> Entitlement:
    """Without an item there is no subscription. Raises `KeyError`, `TypeError` or `ValueError` for
    an item that no version of this code wrote."""
    if item is None:
        return Entitlement(user_id=user_id)
    fields: Any = item
    return Entitlement(
        user_id=user_id,
        status=EntitlementStatus(fields["status"]),
        price_id=fields.get("plan"),
        subscription_id=fields.get("subscriptionId"),
        period_start_at=_time(fields.get("periodStartsAt")),
        period_end_at=_time(fields.get("periodEndsAt")),
        trial_ends_at=_time(fields.get("trialEndsAt")),
        cancels_at_period_end=fields["cancelsAtPeriodEnd"],
        updated_at=from_iso(fields["updatedAt"]),
        version=whole_number(fields["version"]),
    )


def claim_write(key: Key, user_id: str, subscription_id: str, now: int) -> Put:
    """A claim over nothing."""
    return Put(key, {"userId": user_id, "subscriptionId": subscription_id, "at": iso(now)})


def _text(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _time(text: str | None) -> int | None:
    return None if text is None else from_iso(text)
