"""Orders as they are stored: read, and changed one version at a time.

In a file of its own because both what begins orders and what ends them use it."""

from collections.abc import Callable, Mapping, Sequence

import structlog

from service.billing import keys, store
from service.billing.order_entities import Order, OrderKind, OrderNotFound, OrderStatus
from service.billing.stripe_objects import CheckoutSession
from service.core.clock import Clock, from_iso
from service.core.metrics import Metric, Metrics
from service.storage.codec import Item, whole_number
from service.storage.cursor import PageTokens
from service.storage.table import ConditionFailed, StorageUnavailable, Table

log = structlog.get_logger()

MAX_CHANGES = 5
_RETURNED = ("paidCents", "refundedCents", "disputedCents", "creditedCents")


class OrderRecords:
    """Every change is guarded by the version that was read, and made anew on the next one when
    another process was first."""

    def __init__(
        self,
        table: Table,
        clock: Clock,
        metrics: Metrics,
        page_tokens: PageTokens,
        mac_key: bytes,
    ) -> None:
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._page_tokens = page_tokens
        self._mac_key = mac_key

    def read(self, user_id: str, order_id: str) -> Order:
        """Raises `OrderNotFound`, for another user's order exactly as for an unknown one."""
        order = store.read_order(self._table, user_id, order_id)
        if order is None:
            raise OrderNotFound
        return order

    def page(
        self, user_id: str, limit: int, token: str | None
    ) -> tuple[tuple[Order, ...], str | None]:
        """The user's orders, newest first, and the token of the next page. Raises
        `PageTokenInvalid`."""
        scope = ("orders", user_id)
        after = self._page_tokens.open(scope, token) if token else ""
        orders, last = store.read_orders_page(self._table, user_id, limit, after)
        return orders, self._page_tokens.seal(scope, last) if last else None

    def returned_cents(self, orders: Sequence[Order]) -> Mapping[str, int]:
        """By order id, what of the payments of these orders was paid back or is disputed; those of
        which nothing was are left out."""
        paid = {
            keys.purchase(order.payment_id): order.order_id
            for order in orders
            if order.payment_id and order.terms.kind is OrderKind.PACKAGE
        }
        if not paid:
            return {}
        found = dict(self._table.get_many(tuple(paid), _RETURNED))
        for key in paid.keys() - found.keys():
            # DynamoDB did not get to it, or there is none.
            found[key] = self._table.get(key) or {}
        returned = {paid[key]: _returned(item) for key, item in found.items()}
        return {order_id: cents for order_id, cents in returned.items() if cents}

    def is_sealed(self, order: Order) -> bool:
        return store.is_sealed(order, self._mac_key)

    def still_open(self, user_id: str, order_ids: Sequence[str]) -> tuple[str, ...]:
        """Those of a user's orders that may still be paid, in the same order."""
        if not order_ids:
            return ()
        wanted = [keys.order(user_id, order_id) for order_id in order_ids]
        found = dict(self._table.get_many(wanted, ("status", "paidUntil")))
        for key in set(wanted) - found.keys():
            # DynamoDB did not get to it, or has deleted it: it was not paid in time.
            found[key] = self._table.get(key) or {}
        now = self._clock.now()
        return tuple(
            order_id
            for order_id, key in zip(order_ids, wanted, strict=True)
            if _may_be_paid(found[key], now)
        )

    def bind(self, order: Order, session: CheckoutSession) -> Order:
        """The order with its session, which a reconciliation may have bound first."""

        def bound(current: Order) -> Order | None:
            if current.session_id:
                return None
            status = current.status
            if status is OrderStatus.CREATED:
                status = OrderStatus.PENDING
            return current.changed(session_id=session.id, status=status)

        return self._changed(order, bound)

    def end(self, order: Order, status: OrderStatus, *, was_paid: bool = False) -> Order:
        """The order as expired or failed, unless it has ended already. One that `was_paid` stays,
        though its money was returned, also where it has ended as one that was not."""

        def ended(current: Order) -> Order | None:
            if not current.status.is_open and (current.is_kept or not was_paid):
                return None
            kept = current.is_kept or was_paid
            return current.changed(status=status, completed_at=self._clock.now(), is_kept=kept)

        return self._changed(order, ended)

    def paid(self, order: Order, payment_id: str) -> Order:
        """The order as paid, whatever it was before."""

        def paid(current: Order) -> Order | None:
            if current.status is OrderStatus.PAID:
                return None
            return current.changed(
                status=OrderStatus.PAID, payment_id=payment_id, completed_at=self._clock.now()
            )

        return self._changed(order, paid)

    def alarm(self, order: Order, fault: str, **facts: str) -> None:
        """What Stripe says contradicts our order: nothing is granted until an operator has looked
        (docs/runbook.md)."""
        log.error(
            "order_mismatch",
            user_id=order.user_id,
            order_id=order.order_id,
            fault=fault,
            **facts,
        )
        self._metrics.count(Metric.ORDER_MISMATCHES)

    def alarm_unknown(self, order_id: str, **facts: str) -> None:
        """Stripe names an order that is not there: it was lost by a restore, or made up."""
        log.error("order_unknown", order_id=order_id, **facts)
        self._metrics.count(Metric.ORDER_MISMATCHES)

    def _changed(self, order: Order, change: Callable[[Order], Order | None]) -> Order:
        """Raises `StorageUnavailable`, also when other processes keep being first."""
        for _ in range(MAX_CHANGES):
            after = change(order)
            if after is None:
                return order
            try:
                self._table.write(store.order_change(order, after))
            except ConditionFailed:
                order = self.read(order.user_id, order.order_id)
            else:
                return after
        raise StorageUnavailable


def _may_be_paid(item: Item, now: int) -> bool:
    if not item:
        return False
    return OrderStatus(str(item["status"])).is_open and now < from_iso(str(item["paidUntil"]))


def _returned(item: Item) -> int:
    paid, *returned = (whole_number(item.get(name, 0)) for name in _RETURNED)
    return min(paid, sum(returned))
