"""What the payment of an order has bought: our own order says it, and Stripe must agree.

In a file of its own because it is the one place where money that has come in becomes a grant of an
order's credits."""

import structlog

from service.billing import store
from service.billing.customers import Customers
from service.billing.order_entities import (
    ORDER_PREFIX,
    Order,
    OrderKind,
    OrderNotFound,
    OrderStatus,
    session_fault,
)
from service.billing.order_records import OrderRecords
from service.billing.purchases import Bought, PaymentFacts
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import PaymentIntent
from service.core.clock import Clock
from service.core.ids import is_id
from service.ledger.grant_terms import DAY_MILLISECONDS
from service.ledger.grants import GrantSource
from service.ledger.lots import LotKind
from service.ledger.operations import ConditionalWrite

log = structlog.get_logger()


class OrderPayments:
    """Resolves the payments of orders (`Payments.register`)."""

    def __init__(
        self, stripe: Stripe, records: OrderRecords, customers: Customers, clock: Clock
    ) -> None:
        self._stripe = stripe
        self._records = records
        self._customers = customers
        self._clock = clock

    def resolve(self, facts: PaymentFacts) -> Bought | None:
        """What a payment that names an order of ours brings. None for any other payment, and, after
        an alarm, for one that differs from its order in user, amount, currency or customer: nothing
        is granted for it. Raises what `Stripe` raises, and `StorageUnavailable`."""
        order = self._order_of(facts.intent) if facts.intent else None
        if order is None or facts.intent is None or order.terms.kind is not OrderKind.PACKAGE:
            return None
        if fault := self._fault(order, facts.intent):
            self._records.alarm(order, fault, payment_id=facts.payment_id)
            return None
        return self._bought(order, facts)

    def _order_of(self, intent: PaymentIntent) -> Order | None:
        user_id = intent.metadata.get("userId", "")
        order_id = intent.metadata.get("orderId", "")
        if not user_id or not is_id(ORDER_PREFIX, order_id):
            return None
        try:
            return self._records.read(user_id, order_id)
        except OrderNotFound:
            self._records.alarm_unknown(order_id, payment_id=intent.id)
            return None

    def _fault(self, order: Order, intent: PaymentIntent) -> str:
        """In what the payment differs from the order; empty if in nothing."""
        if not self._records.is_sealed(order):
            return "the seal"
        if order.payment_id not in ("", intent.id):
            return "another payment"
        if intent.currency != order.terms.currency:
            return "the currency"
        if self._customers.user_of(intent.customer_id) != order.user_id:
            return "the customer"
        if intent.received_cents == order.terms.amount_cents:
            return ""
        return "" if self._is_taxed(order, intent) else "the amount"

    def _is_taxed(self, order: Order, intent: PaymentIntent) -> bool:
        """Whether what was paid is our price and the taxes on it, as the checkout session says."""
        session = self._stripe.session_of_payment(intent.id)
        return (
            session is not None
            and session_fault(order, session) == ""
            and session.payment_intent_id == intent.id
            and session.amount_total_cents == intent.received_cents
        )

    def _bought(self, order: Order, facts: PaymentFacts) -> Bought:
        terms, now = order.terms, self._clock.now()
        life = terms.life_days
        paid = order.changed(status=OrderStatus.PAID, payment_id=facts.payment_id, completed_at=now)
        return Bought(
            user_id=order.user_id,
            amount=terms.total,
            kind=LotKind.PAID,
            expires_at=None if life is None else now + life * DAY_MILLISECONDS,
            grant_source=GrantSource.PURCHASE,
            grant_id=order.order_id,
            paid_cents=facts.received_cents,
            currency=facts.currency,
            reference=order.order_id,
            reason=terms.name,
            order=(ConditionalWrite(store.order_change(order, paid)),),
        )
