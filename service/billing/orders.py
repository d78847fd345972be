"""What becomes of orders: Stripe's checkout session decides, whoever reads it first, the buyer's
return page or an event.

In a file of its own because events use it as well as requests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from service.billing.entities import StripeRefused
from service.billing.order_entities import (
    ORDER_PREFIX,
    Order,
    OrderKind,
    OrderNotFound,
    OrderStatus,
    is_session_id,
    session_fault,
)
from service.billing.order_records import OrderRecords
from service.billing.purchases import Purchase, PurchaseDamaged
from service.billing.second_subscriptions import is_second
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import CheckoutSession
from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.ids import is_id
from service.core.shares import NothingLeft, Shares, ShareUsedUp

log = structlog.get_logger()

WAIT_STEP_SECONDS = 1.0
MAX_WAITING, MAX_WAITING_OF_USER = 100, 4
_LOST_INVOICES = ("void", "uncollectible")
_ENDED_SUBSCRIPTIONS = ("canceled", "incomplete_expired")

SettlePayment = Callable[[str], Purchase | None]
"""Grants what a payment intent has bought, once, and takes back what was returned of it."""
FollowSubscription = Callable[[CheckoutSession], object]
"""Has what a checkout has subscribed to take effect: the entitlement, and the first invoice."""


@dataclass(frozen=True)
class CurrentOrder:
    """An order, its checkout session where Stripe has just said how it stands, and what of its
    payment was paid back or is disputed."""

    order: Order
    session: CheckoutSession | None = None
    returned_cents: int = 0


@dataclass(frozen=True)
class OrderPage:
    """Some orders, and the token of those that follow (None: there are none)."""

    orders: tuple[CurrentOrder, ...]
    next_token: str | None


class Orders:
    """Reads orders, and settles those whose payment has come."""

    def __init__(
        self,
        stripe: Stripe,
        records: OrderRecords,
        clock: Clock,
        settle_payment: SettlePayment,
    ) -> None:
        self._stripe = stripe
        self._records = records
        self._clock = clock
        self._settle_payment = settle_payment
        self._follow_subscription: list[FollowSubscription] = []
        self._places = Shares(MAX_WAITING, MAX_WAITING_OF_USER)

    def follow_subscriptions(self, follow: FollowSubscription) -> None:
        """Has that called with each completed checkout of a subscription, as often as it is read;
        what it raises leaves the order open. To be called while the process is put together."""
        self._follow_subscription.append(follow)

    def page(self, user_id: str, limit: int, token: str | None) -> OrderPage:
        """The user's orders, newest first, as they are stored. Raises `PageTokenInvalid`."""
        orders, following = self._records.page(user_id, limit, token)
        return OrderPage(self._with_returns(orders), following)

    def get(self, user_id: str, name: str, wait_seconds: float = 0) -> CurrentOrder:
        """The order of that id, or of the checkout session of that id, as Stripe has it now: a paid
        one is settled before this returns. While Stripe does not respond, it is returned as it is
        stored. With `wait_seconds`, an open order is waited for; too many who wait are served at
        once.

        Raises `OrderNotFound`, for another user's order or session exactly as for an unknown
        one."""
        current = self._refreshed(self._named(user_id, name))
        if wait_seconds > 0 and current.order.status.is_open:
            current = self._after_wait(current, wait_seconds)
        (with_returns,) = self._with_returns((current.order,))
        return replace(with_returns, session=current.session)

    def reconcile(self, session_id: str) -> Order | None:
        """Brings the order of a checkout session to where Stripe says it is, and settles its
        payment. May be called any number of times, in any order, side by side. None for a session
        that no order of ours has made. Raises what `Stripe` and the settlement raise."""
        return self._applied(self._stripe.retrieve_checkout_session(session_id))

    def _named(self, user_id: str, name: str) -> Order:
        if is_id(ORDER_PREFIX, name):
            return self._records.read(user_id, name)
        if not is_session_id(name):
            raise OrderNotFound
        try:
            session = self._stripe.retrieve_checkout_session(name)
        except StripeRefused as refusal:
            raise OrderNotFound from refusal
        order_id = session.metadata.get("orderId", "")
        if session.metadata.get("userId") != user_id or not is_id(ORDER_PREFIX, order_id):
            raise OrderNotFound
        return self._records.read(user_id, order_id)

    def _refreshed(self, order: Order) -> CurrentOrder:
        if not order.status.is_open:
            return CurrentOrder(order)
        if not order.session_id:
            is_over = self._clock.now() >= order.expires_at
            return CurrentOrder(self._records.end(order, OrderStatus.EXPIRED) if is_over else order)
        try:
            session = self._stripe.retrieve_checkout_session(order.session_id)
            return CurrentOrder(self._applied(session) or order, session)
        except FareboxError as error:
            # An event, or the next request, settles it.
            log.warning("order_not_refreshed", order_id=order.order_id, reason=error.code)
        except PurchaseDamaged:
            log.error("order_not_refreshed", order_id=order.order_id, reason="purchase damaged")
        return CurrentOrder(order)

    def _with_returns(self, orders: Sequence[Order]) -> tuple[CurrentOrder, ...]:
        returned = self._records.returned_cents(orders)
        return tuple(
            CurrentOrder(order, returned_cents=returned.get(order.order_id, 0)) for order in orders
        )

    def _after_wait(self, current: CurrentOrder, seconds: float) -> CurrentOrder:
        user_id = current.order.user_id
        try:
            self._places.take(user_id)
        except (NothingLeft, ShareUsedUp):
            return current
        try:
            return self._awaited(current.order, seconds)
        finally:
            self._places.put_back(user_id)

    def _awaited(self, order: Order, seconds: float) -> CurrentOrder:
        """Reads our own item while it waits: an event, or another request, may settle it."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            self._clock.sleep(min(WAIT_STEP_SECONDS, left))
            order = self._records.read(order.user_id, order.order_id)
            if not order.status.is_open:
                return CurrentOrder(order)
        return self._refreshed(order)

    def _applied(self, session: CheckoutSession) -> Order | None:
        order = self._of(session)
        if order is None:
            return None
        fault = session_fault(order, session)
        if not self._records.is_sealed(order):
            fault = "the seal"
        elif session.livemode != self._stripe.livemode:
            fault = "the mode of the key"
        if fault:
            self._records.alarm(order, fault, session_id=session.id)
            return order
        return self._moved(self._records.bind(order, session), session)

    def _of(self, session: CheckoutSession) -> Order | None:
        user_id = session.metadata.get("userId", "")
        order_id = session.metadata.get("orderId", "")
        if not user_id or not is_id(ORDER_PREFIX, order_id):
            return None
        try:
            return self._records.read(user_id, order_id)
        except OrderNotFound:
            self._records.alarm_unknown(order_id, session_id=session.id)
            return None

    def _moved(self, order: Order, session: CheckoutSession) -> Order:
        if session.status == "expired":
            return self._records.end(order, OrderStatus.EXPIRED)
        if session.status != "complete":
            return order
        if order.terms.kind is OrderKind.SUBSCRIPTION:
            for follow in self._follow_subscription:
                follow(session)
            return self._subscribed(order, session)
        if session.payment_status == "unpaid" and self._has_failed(session):
            return self._records.end(order, OrderStatus.FAILED)
        if session.payment_intent_id and session.payment_status == "paid":
            return self._settled(order, session.payment_intent_id)
        return order

    def _subscribed(self, order: Order, session: CheckoutSession) -> Order:
        """Paid once the first invoice is, or where a trial has none to pay. A payment on its way (a
        bank debit), and one that Stripe tries again, leave the order open. A second subscription
        has been ended and paid back: its order has failed."""
        subscription = self._stripe.retrieve_subscription(session.subscription_id)
        if is_second(subscription):
            return self._records.end(order, OrderStatus.FAILED, was_paid=True)
        status = "paid" if session.payment_status != "unpaid" else self._invoice_status(session)
        if status == "paid":
            return self._records.paid(order, session.subscription_id)
        if status in _LOST_INVOICES or subscription.status in _ENDED_SUBSCRIPTIONS:
            return self._records.end(order, OrderStatus.FAILED)
        return order

    def _invoice_status(self, session: CheckoutSession) -> str:
        if not session.invoice_id:
            return ""
        return self._stripe.retrieve_invoice(session.invoice_id).status

    def _settled(self, order: Order, payment_id: str) -> Order:
        """The grant's transaction makes the order paid. Where a restore has torn the two apart,
        this does."""
        purchase = self._settle_payment(payment_id)
        order = self._records.read(order.user_id, order.order_id)
        if purchase is not None and purchase.reference == order.order_id:
            return self._records.paid(order, payment_id)
        return order

    def _has_failed(self, session: CheckoutSession) -> bool:
        """Whether a payment that takes days (a bank debit) has come to nothing."""
        if not session.payment_intent_id:
            return False
        intent = self._stripe.retrieve_payment_intent(session.payment_intent_id)
        return intent.status in ("requires_payment_method", "canceled")
