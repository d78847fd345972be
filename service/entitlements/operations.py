"""Reading and writing what users are entitled to."""

from collections.abc import Iterable
from dataclasses import dataclass

from service.core.clock import Clock
from service.entitlements import keys, store
from service.entitlements.entities import (
    Entitlement,
    EntitlementChanged,
    EntitlementStatus,
    OperationTerms,
    Plans,
    SubscriptionFacts,
    entitlement_after,
    terms_of,
)
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import ConditionFailed, Table


@dataclass(frozen=True)
class Permission:
    """Decides whether a user may request an operation for subscribers. Pure: the item with `key` is
    read by the caller, together with the wallet."""

    plans: Plans
    operation: str
    user_id: str

    @property
    def key(self) -> Key:
        return keys.entitlement(self.user_id)

    def check(self, item: Item | None) -> OperationTerms:
        """Under what the user may request it, by the item as it was read. Raises
        `SubscriptionRequired`."""
        return terms_of(self.plans, self.operation, store.entitlement_from(self.user_id, item))


class Entitlements:
    """What users are entitled to, by the present state of their subscriptions at Stripe."""

    def __init__(self, table: Table, clock: Clock, plans: Plans) -> None:
        self._table = table
        self._clock = clock
        self.plans = plans

    def of(self, user_id: str) -> Entitlement:
        """Status `none` for everyone without a subscription. Raises `StorageUnavailable`."""
        return store.entitlement_from(user_id, self._table.get(keys.entitlement(user_id)))

    def key_of(self, user_id: str) -> Key:
        """What `tier` must be called with, as it was read."""
        return keys.entitlement(user_id)

    def tier(self, user_id: str, item: Item | None) -> str:
        """The plan whose operations the user may request now, `none` without one."""
        found = store.entitlement_from(user_id, item)
        plan = self.plans.by_price(found.price_id or "") if found.permits else None
        return plan.plan_id if plan else EntitlementStatus.NONE.value

    def permission(self, operation: str, user_id: str) -> "Permission | None":
        """What must be checked before that operation; None where it is for everyone."""
        restricted = self.plans.is_restricted(operation)
        return Permission(self.plans, operation, user_id) if restricted else None

    def apply(self, before: Entitlement, found: Iterable[SubscriptionFacts]) -> Entitlement:
        """Stores what Stripe has of all of the user's subscriptions. `before` must have been read
        before Stripe was queried. Every call is a write, even where nothing changes: only so does
        an older state never replace a newer one.

        Raises `EntitlementChanged` (read again, query again), and `StorageUnavailable`."""
        after = entitlement_after(before, found, self._clock.now())
        try:
            self._table.write(store.entitlement_write(before, after))
        except ConditionFailed:
            raise EntitlementChanged from None
        return after
