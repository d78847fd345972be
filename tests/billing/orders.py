"""Orders and sessions for tests of the rules alone."""

from dataclasses import replace
from typing import Any

from service.billing.order_entities import Order, OrderKind, OrderTerms
from service.billing.stripe_objects import CheckoutSession

NOW = 1_790_000_000_000
ORDER_ID = "ord_01kb7r3v6q8f2x0m4n5p6q7r8s"
TERMS = OrderTerms(
    kind=OrderKind.PACKAGE,
    product_id="credits-100",
    name="100 credits",
    credits=100_000,
    bonus=5_000,
    amount_cents=990,
    currency="usd",
)


def an_order(**changes: Any) -> Order:
    terms = {name: changes.pop(name) for name in list(changes) if hasattr(TERMS, name)}
    order = Order(
        user_id="ann",
        order_id=ORDER_ID,
        terms=replace(TERMS, **terms),
        created_at=NOW,
        expires_at=NOW + 3_600_000,
    )
    return replace(order, **changes)


def a_session(**changes: Any) -> CheckoutSession:
    session = CheckoutSession(
        id="cs_test_1",
        mode="payment",
        status="complete",
        payment_status="paid",
        amount_total_cents=990,
        amount_subtotal_cents=990,
        currency="usd",
        customer_id="cus_1",
        client_reference_id="ann",
        payment_intent_id="pi_1",
        subscription_id="",
        invoice_id="",
        metadata={"userId": "ann", "orderId": ORDER_ID},
        client_secret="",
        url="",
        created_at=NOW,
        expires_at=NOW + 3_600_000,
        livemode=False,
    )
    return replace(session, **changes)
