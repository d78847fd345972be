"""What an invoice brings: the credits of the time that it bills, in the share of its price."""

from typing import Any

import pytest

from service.billing.plan_credits import GRACE_MILLISECONDS, PlanCredits, plan_credits
from service.billing.stripe_objects import Invoice, InvoiceLine
from service.core.amounts import SCALE
from service.core.days import DAY
from service.entitlements.entities import Plans
from tests.billing.subscribers import lower_plan, plan

NOW = 1_790_000_000_000
NOON = NOW + DAY // 2
PLANS = Plans([plan("price_1"), lower_plan("price_2")])


def line(cents: int, **changes: Any) -> InvoiceLine:
    usual: dict[str, Any] = {
        "id": "il_1",
        "amount_cents": cents,
        "total_cents": cents,
        "currency": "usd",
        "price_id": "price_1",
        "subscription_id": "sub_1",
        "quantity": 1,
        "is_proration": False,
        "credited_invoice_id": "",
        "period_start_at": NOW,
        "period_end_at": NOW + DAY,
    }
    return InvoiceLine(**usual | changes)


def share(cents: int, **changes: Any) -> InvoiceLine:
    """Of the rest of the day."""
    return line(cents, is_proration=True, period_start_at=NOON, **changes)


def brought(*lines: InvoiceLine, **changes: Any) -> PlanCredits | None:
    usual: dict[str, Any] = {
        "id": "in_1",
        "status": "paid",
        "billing_reason": "subscription_update",
        "total_cents": 0,
        "paid_cents": 0,
        "currency": "usd",
        "customer_id": "cus_1",
        "subscription_id": "sub_1",
        "payments": (),
        "all_payments": True,
        "lines": lines,
        "all_lines": True,
        "from_balance_cents": 0,
        "has_credit_notes": False,
        "metadata": {},
        "notes": {},
        "created_at": NOW,
        "livemode": False,
    }
    return plan_credits(Invoice(**usual | changes), PLANS)


UNUSED = share(-150, price_id="price_2", credited_invoice_id="in_0")


@pytest.mark.protocol("plan-changes")
@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([line(900)], 50_000),
        ([line(1_800, quantity=2)], 50_000),
        ([line(900), line(900)], 50_000),
        ([line(900), line(300, price_id="price_2")], 50_000),
        ([share(450)], 25_000),
        ([share(900, quantity=2)], 25_000),
        ([share(1)], 55),
        ([share(9_000)], 50_000),
        ([UNUSED, share(450)], 25_000),
        ([line(900), UNUSED, share(450)], 75_000),
        # Changed twice within one invoice.
        (
            [share(450), share(-450, credited_invoice_id="in_1"), share(150, price_id="price_2")],
            5_000,
        ),
        ([share(450), share(-450), share(150, price_id="price_2")], 5_000),
        # A coupon of the whole, and of a part.
        ([line(900, total_cents=0)], 50_000),
        ([share(450, total_cents=1)], 25_000),
    ],
)
def test_an_invoice_brings_the_credits_of_what_it_bills(
    lines: list[InvoiceLine], wanted: int
) -> None:
    found = brought(*lines)
    assert found is not None
    assert found.amount == wanted


@pytest.mark.protocol("plan-changes")
@pytest.mark.parametrize(
    "lines",
    [
        [],
        [UNUSED],
        [line(899)],
        [line(0)],
        [share(0)],
        [share(450, total_cents=0)],
        [share(450, quantity=0)],
        [share(450, currency="eur")],
        [share(450, price_id="price_9")],
        [share(450, subscription_id="sub_2")],
        [share(450, period_end_at=NOON)],
        [share(450), share(-450, credited_invoice_id="in_1")],
        [share(150, price_id="price_2"), share(-450)],
    ],
)
def test_an_invoice_of_nothing_that_a_plan_sells_brings_nothing(lines: list[InvoiceLine]) -> None:
    assert brought(*lines) is None


@pytest.mark.protocol("plan-changes")
@pytest.mark.parametrize(
    "changes", [{"status": "open"}, {"status": "void"}, {"billing_reason": "manual"}]
)
def test_an_invoice_that_is_not_paid_or_no_subscriptions_brings_nothing(
    changes: dict[str, str],
) -> None:
    assert brought(line(900), share(450), **changes) is None


@pytest.mark.protocol("plan-changes")
def test_a_period_is_granted_once_whichever_invoice_pays_it_and_a_share_once_per_invoice() -> None:
    for lines, grant_id in (([line(900)], f"sub_1:{NOW // 1000}"), ([share(450)], "in_1")):
        found = brought(*lines)
        assert found is not None
        assert found.grant_id == grant_id


def test_credits_expire_with_the_last_time_that_is_billed() -> None:
    following = line(900, period_start_at=NOW + DAY, period_end_at=NOW + 2 * DAY)
    found = brought(share(450), following)
    assert found is not None
    assert found.expiry(NOW) == NOW + 2 * DAY + GRACE_MILLISECONDS
    late = brought(share(450))
    assert late is not None
    assert late.expiry(NOW + 9 * DAY) == NOW + 9 * DAY + DAY // 2
    assert late.amount == 25 * SCALE
