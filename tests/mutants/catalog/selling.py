"""Selling: one session for an order, nothing for a payment that differs from it, and top-up within
what was agreed."""

from tests.mutants.mutant import Mutant, mutant

CHECKOUTS = "tests/billing/test_checkouts.py"
CUSTOMERS = "tests/billing/test_customers.py"
ORDERS = "tests/billing/test_orders.py"
RULES = "tests/billing/test_order_entities.py"
TOP_UPS = "tests/billing/test_top_ups.py"
CONFIRMATIONS = "tests/billing/test_confirmations.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "session-key-of-each-request",
        CHECKOUTS,
        "billing.checkouts:Checkouts._created",
        "order.order_id",
        "self._ids.new('x', self._clock.now())",
    ),
    mutant(
        "edited-order-granted",
        ORDERS,
        "billing.order_payments:OrderPayments._fault",
        "not self._records.is_sealed(O)",
        "False",
    ),
    mutant(
        "payment-of-another-customer-granted",
        ORDERS,
        "billing.order_payments:OrderPayments._fault",
        "self._customers.user_of(C) != U",
        "False",
    ),
    mutant(
        "payment-of-another-amount-granted",
        ORDERS,
        "billing.order_payments:OrderPayments._fault",
        "intent.received_cents == A",
        "True",
    ),
    mutant(
        "second-payment-of-an-order-granted",
        ORDERS,
        "billing.order_payments:OrderPayments._fault",
        "order.payment_id not in T",
        "False",
    ),
    mutant(
        "price-not-sealed",
        RULES,
        "billing.store:_sealed_facts",
        "encode_item(T)",
        "order.order_id",
    ),
    mutant(
        "customer-key-of-the-user",
        CUSTOMERS,
        "billing.customers:Customers._made",
        "f'customer-{attempt_id}'",
        "f'customer-{user_id}'",
    ),
    mutant(
        "top-up-beyond-the-cap",
        TOP_UPS,
        "billing.top_up_entities:begun",
        "spent > top_up.monthly_cap_cents",
        "False",
    ),
    mutant(
        "two-top-ups-at-once",
        TOP_UPS,
        "billing.top_up_store:top_up_write",
        "ABSENT if B else W",
        "When()",
    ),
    mutant(
        "top-up-without-a-rest",
        TOP_UPS,
        "billing.top_ups:TopUps._started",
        "now < top_up.next_at",
        "False",
    ),
    mutant(
        "top-up-of-whoever-owes",
        TOP_UPS,
        "billing.top_up_entities:rest_of",
        "wallet.debt",
        "False",
    ),
    mutant(
        "top-up-during-a-dispute",
        TOP_UPS,
        "billing.top_up_entities:_has_trouble",
        "any(E)",
        "False",
    ),
    mutant(
        "correction-that-charges-a-card",
        "tests/billing/test_resting_top_ups.py",
        "billing.top_up_sweeps:TopUpTriggers.publish",
        "not is_taken(event)",
        "True",
    ),
    mutant(
        "refund-charged-again",
        "tests/billing/test_refunded_top_ups.py",
        "billing.top_up_entities:_is_refunded",
        "any(E)",
        "False",
    ),
    mutant(
        "top-up-for-ever",
        TOP_UPS,
        "billing.top_up_entities:failed",
        "failures >= MAX_FAILURES",
        "False",
    ),
    mutant(
        "top-up-key-of-each-attempt",
        TOP_UPS,
        "billing.top_ups:TopUps._intent",
        "self._stripe.create_payment_intent(P, order.order_id)",
        "self._stripe.create_payment_intent(P, self._ids.new('x', self._clock.now()))",
    ),
    mutant(
        "retired-plan-sold",
        "tests/billing/test_offers.py",
        "billing.offers:Offers.plan_terms",
        "plan is None or plan.retired",
        "plan is None",
    ),
    mutant(
        "retired-plan-listed",
        "tests/billing/test_offers.py",
        "entitlements.entities:Plans.on_sale",
        "not plan.retired",
        "True",
    ),
    mutant(
        "confirmed-top-up-outside-the-cap",
        CONFIRMATIONS,
        "billing.top_up_entities:confirmed",
        "top_up.spent_cents + paid_cents",
        "top_up.spent_cents",
    ),
    mutant(
        "confirmed-top-up-found-for-ever",
        CONFIRMATIONS,
        "billing.confirmations:Confirmations.withdraw",
        "replace(confirmed(top_up, intent.amount_cents), wanted=False)",
        "top_up.changed()",
    ),
)
