"""What the audit proves of entitlements and of claims of trials."""

from collections.abc import Iterator

from service.core.clock import from_iso
from service.entitlements import keys, store
from service.entitlements.entities import EntitlementStatus
from service.storage.checks import ItemCheck
from service.storage.codec import Item
from service.storage.keys import user_of


def entitlement_checks() -> tuple[ItemCheck, ...]:
    return (
        ItemCheck(keys.ENTITLEMENT_ITEM, _entitlement_faults),
        ItemCheck(keys.CARD_ITEM, _claim_faults),
        ItemCheck(keys.TRIAL_ITEM, _claim_faults),
    )


def _entitlement_faults(item: Item) -> Iterator[str]:
    found = store.entitlement_from(user_of(str(item["PK"])), item)
    has_subscription = found.subscription_id is not None
    if has_subscription is (found.status is EntitlementStatus.NONE):
        yield "its status does not fit whether it has a subscription"
    if found.version < 1:
        yield "its version is not one of ours"
    if "expiresAt" in item:
        yield "it is not kept for ever"


def _claim_faults(item: Item) -> Iterator[str]:
    from_iso(str(item["at"]))
    if not item["userId"] or not item["subscriptionId"]:
        yield "it does not say whose it is"
    if "expiresAt" in item:
        yield "it is not kept for ever"
