"""Subscriptions, customers and orders: no one pays twice, no one's money goes to an erased account,
and nothing that was paid for is deleted."""

from tests.mutants.mutant import Mutant, breaks, mutant

SECONDS = "tests/billing/test_second_subscriptions.py"
ORDERS = "tests/billing/test_subscription_orders.py"
UNPAID = "tests/billing/test_unpaid_orders.py"
CUSTOMERS = "tests/billing/test_customers.py"
CHECKOUTS = "tests/billing/test_open_checkouts.py"

MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "plan-changes",
        "share-of-a-period-brings-the-whole",
        "billing.plan_credits:_share",
        "M * min(C, F) // F",
        "M",
    ),
    breaks(
        "plan-changes",
        "share-of-several-counts-for-each",
        "billing.plan_credits:_share",
        "plan.amount_cents * line.quantity",
        "plan.amount_cents",
    ),
    breaks(
        "plan-changes",
        "share-beyond-the-plans-credits",
        "billing.plan_credits:_share",
        "min(C, F)",
        "C",
    ),
    breaks(
        "plan-changes",
        "coupon-brings-shares-that-nothing-takes",
        "billing.plan_credits:_share",
        "P <= 0 or Q <= 0 or (C > 0 and T)",
        "P <= 0 or Q <= 0",
    ),
    breaks(
        "plan-changes",
        "credit-of-another-invoice-taken-twice",
        "billing.plan_credits:_share",
        """
        if cents < 0 and X:
            return 0
        """,
        "",
    ),
    breaks(
        "plan-changes",
        "toggling-within-an-invoice-brings-credits",
        "billing.plan_credits:_share",
        "share if C else -share",
        "share if C else 0",
    ),
    breaks(
        "plan-changes",
        "change-that-is-not-paid-brings-credits",
        "billing.plan_credits:bills_plans",
        'S == "paid" and R',
        "R",
    ),
    breaks(
        "plan-changes",
        "two-lines-of-a-period-bring-it-twice",
        "billing.plan_credits:plan_credits",
        "P[:1]",
        "P",
    ),
    breaks(
        "plan-changes",
        "share-under-the-periods-name",
        "billing.plan_credits:plan_credits",
        "_grant_id(P) if Q else I",
        "_grant_id(last)",
    ),
    mutant(
        "share-outlives-its-period",
        "tests/billing/test_plan_changes.py",
        "billing.plan_credits:plan_credits",
        "last.period_end_at",
        "last.period_end_at * 2",
    ),
    mutant(
        "second-subscription-kept-its-money",
        SECONDS,
        "billing.second_subscriptions:SecondSubscriptions.refund",
        "intent.received_cents <= refunded",
        "True",
    ),
    mutant(
        "older-subscription-ended",
        SECONDS,
        "billing.second_subscriptions:seconds_of",
        "(each.created_at, each.id)",
        "(-each.created_at, each.id)",
    ),
    mutant(
        "subscription-of-an-operator-ended",
        SECONDS,
        "billing.second_subscriptions:seconds_of",
        'each.metadata.get("orderId")',
        "True",
    ),
    mutant(
        "renewed-subscription-ended",
        SECONDS,
        "billing.second_subscriptions:SecondSubscriptions._reason_to_leave",
        'invoice is not None and invoice.billing_reason != "subscription_create"',
        "False",
    ),
    mutant(
        "subscription-in-use-ended",
        SECONDS,
        "billing.second_subscriptions:SecondSubscriptions._reason_to_leave",
        "self._is_used(subscription, invoice)",
        "False",
    ),
    mutant(
        "subscriptions-weeks-apart-taken-for-overlapping",
        SECONDS,
        "billing.second_subscriptions:may_overlap",
        "0 <= subscription.created_at - each.created_at <= OVERLAP_MILLISECONDS",
        "True",
    ),
    mutant(
        "failed-refund-repeated-by-its-key",
        SECONDS,
        "billing.second_subscriptions:SecondSubscriptions.refund",
        'f"second-{intent_id}-{len(refunds)}"',
        'f"second-{intent_id}"',
    ),
    mutant(
        "order-of-second-subscription-deleted",
        SECONDS,
        "billing.store:order_change",
        "after.status is OrderStatus.PAID or after.is_kept",
        "after.status is OrderStatus.PAID",
    ),
    mutant(
        "order-that-had-expired-deleted-though-it-was-paid",
        SECONDS,
        "billing.order_records:OrderRecords.end.ended",
        "current.is_kept or not was_paid",
        "True",
    ),
    mutant(
        "refused-refund-alarms-for-ever",
        SECONDS,
        "billing.second_subscriptions:SecondSubscriptions._leave_refund",
        "intent.metadata.get(N) == state",
        "False",
    ),
    mutant(
        "refund-that-failed-again-alarms-no-more",
        SECONDS,
        "billing.second_subscriptions:SecondSubscriptions._leave_refund",
        "intent.metadata.get(N) == state",
        "N in intent.metadata",
    ),
    mutant(
        "second-subscription-brings-credits",
        SECONDS,
        "billing.subscriptions:Subscriptions._is_second",
        "invoice.subscription_id not in S",
        "S is not None",
    ),
    mutant(
        "subscription-ordered-is-paid",
        ORDERS,
        "billing.orders:Orders._subscribed",
        'session.payment_status != "unpaid"',
        "True",
    ),
    mutant(
        "paid-order-deleted",
        UNPAID,
        "billing.store:order_change",
        "after.status is OrderStatus.PAID or after.is_kept",
        "False",
    ),
    mutant(
        "deleted-order-counts-as-open",
        UNPAID,
        "billing.order_records:_may_be_paid",
        "not item",
        "False",
    ),
    mutant(
        "customer-restored-against-the-users-own-item",
        CUSTOMERS,
        "billing.customers:Customers._restored",
        "customer_id not in store.customer_ids(item)",
        "False",
    ),
    mutant(
        "customer-of-an-erased-user-restored",
        CUSTOMERS,
        "billing.customers:Customers._restored",
        "not self._has_account(user_id)",
        "False",
    ),
    mutant(
        "open-checkout-outlives-its-account",
        CHECKOUTS,
        "billing.open_checkouts:OpenCheckouts.expire",
        "self._expire(session.id)",
        "None",
    ),
)
