"""An invoice that is paid in parts, each a payment of its own, is one purchase."""

import random
from itertools import permutations

import pytest

from service.analytics.closed_days import ClosedDays
from service.billing.payments import Payments
from service.core.amounts import SCALE
from service.core.days import day_at
from service.finance.entities import Month
from service.finance.operations import Finance
from tests.billing.subscribers import CREDITS, Subscribing
from tests.billing.test_credited_time import assert_sound, deliver_new, purchase


@pytest.fixture
def site() -> Subscribing:
    return Subscribing(interval="day")


def last_month(site: Subscribing) -> Month:
    return Month.from_text(f"{day_at(site.clock.now()):%Y-%m}")


def unpaid_renewal(site: Subscribing, delivered: set[str]) -> tuple[str, str]:
    """The ids of a subscription and of its open invoice of 900 cents."""
    subscription = site.subscribe()
    site.account.controls.fail_next("generic_decline")
    site.pass_days(1.05)
    deliver_new(site, delivered)
    return subscription, site.latest_invoice(subscription)


def grants(site: Subscribing) -> int:
    return site.wallet().granted // (CREDITS * SCALE)


@pytest.mark.protocol("parts-of-one-invoice")
def test_the_last_part_brings_the_periods_credits_once(site: Subscribing) -> None:
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    parts = []
    for cents in (400, 300):
        parts.append(site.pay_part(invoice, cents))
        deliver_new(site, delivered)
        assert (grants(site), site.status()) == (1, "past_due")
    parts.append(site.pay_part(invoice, 200))
    assert deliver_new(site, delivered) == []
    assert (grants(site), site.status()) == (2, "active")
    found = purchase(site, invoice)
    assert (found.payment_id, found.paid_cents) == (parts[0], 900)
    assert found.other_cents == dict(zip(parts[1:], (300, 200), strict=True))
    assert_sound(site)


@pytest.mark.protocol("parts-of-one-invoice")
def test_a_part_and_stripes_own_attempt_pay_one_invoice(site: Subscribing) -> None:
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    site.pay_part(invoice, 400)
    site.account.client().v1.invoices.pay(invoice)
    deliver_new(site, delivered)
    assert (grants(site), site.status()) == (2, "active")
    assert sorted(map(purchase(site, invoice).cents_of, paid_by(site, invoice))) == [400, 500]
    assert_sound(site)


def paid_by(site: Subscribing, invoice_id: str) -> list[str]:
    made = site.account.simulator.account.invoice_payments.where(invoice=invoice_id, status="paid")
    return [each["payment"]["payment_intent"] for each in made]


@pytest.mark.protocol("parts-of-one-invoice")
@pytest.mark.parametrize("place", range(3))
def test_a_refund_or_dispute_of_any_part_takes_its_share_of_the_whole(
    site: Subscribing, place: int
) -> None:
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    part = [site.pay_part(invoice, 300) for _ in range(3)][place]
    deliver_new(site, delivered)
    site.account.controls.refund(part, 90)
    deliver_new(site, delivered)
    assert purchase(site, invoice).clawed_back == 5 * SCALE
    dispute = str(site.account.controls.dispute(part, amount=300)["id"])
    deliver_new(site, delivered)
    found = purchase(site, invoice)
    assert (found.refunded_cents, found.disputed_cents, found.overlap_cents) == (90, 300, 90)
    assert found.clawed_back == CREDITS * SCALE // 3
    site.account.controls.dispute(dispute=dispute, action="won")
    deliver_new(site, delivered)
    assert purchase(site, invoice).clawed_back == 5 * SCALE
    assert_sound(site)


@pytest.mark.protocol("parts-of-one-invoice")
def test_a_payment_that_was_taken_off_its_invoice_brings_nothing(site: Subscribing) -> None:
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    taken_off, _ = (site.pay_part(invoice, cents) for cents in (400, 500))
    made = site.account.simulator.account.invoice_payments
    made.where(**{"payment.payment_intent": taken_off})[0]["status"] = "canceled"
    assert site.parts.get(Payments).settle(taken_off) is None
    assert grants(site) == 1


def test_a_warning_of_a_part_takes_that_part(site: Subscribing) -> None:
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    parts = [site.pay_part(invoice, cents) for cents in (600, 300)]
    deliver_new(site, delivered)
    site.account.controls.warn(parts[1])
    deliver_new(site, delivered)
    found = purchase(site, invoice)
    assert (found.warned_cents, found.clawed_back) == (300, CREDITS * SCALE // 3)
    assert_sound(site)


@pytest.mark.protocol("parts-of-one-invoice")
def test_the_events_of_parts_in_any_sequence_have_one_end() -> None:
    """Nothing of the renewal was delivered before its end; then a few of them, some twice."""
    kinds = ("invoice.paid", "payment_intent.succeeded", "charge.refunded")
    chosen = random.Random(7)
    for sequence in chosen.sample(list(permutations(range(4))), 6):
        site = Subscribing(interval="day")
        delivered: set[str] = set()
        _, invoice = unpaid_renewal(site, delivered)
        parts = [site.pay_part(invoice, cents) for cents in (400, 500)]
        site.account.controls.refund(parts[1], 180)
        events = [each for each in site.account.events(*kinds) if each["id"] not in delivered]
        assert len(events) == 4
        for number in (*sequence, sequence[0]):
            site.deliver(events[number])
        found = purchase(site, invoice)
        assert (grants(site), found.clawed_back) == (2, CREDITS * SCALE // 5)
        assert_sound(site)


def test_what_was_paid_outside_of_stripe_is_a_part_too(site: Subscribing) -> None:
    """Stripe's payment records have no payment intent."""
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    parts = [site.pay_part(invoice, cents) for cents in (300, 600)]
    made = site.account.simulator.account.invoice_payments
    (outside,) = made.where(**{"payment.payment_intent": parts[1]})
    outside["payment"] = {"payment_record": "pr_1", "type": "payment_record"}
    site.account.controls.refund(parts[0], 150)
    site.deliver(site.account.events("invoice.paid")[-1])
    found = purchase(site, invoice)
    assert (found.paid_cents, dict(found.other_cents)) == (900, {"outside": 600})
    assert found.clawed_back == CREDITS * SCALE // 6
    assert_sound(site)


def test_more_payments_than_an_invoice_comes_with_are_read(site: Subscribing) -> None:
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    parts = [site.pay_part(invoice, 75) for _ in range(12)]
    deliver_new(site, delivered)
    found = purchase(site, invoice)
    assert (found.payment_id, found.paid_cents, len(found.other_cents)) == (parts[0], 900, 11)
    assert_sound(site)


def test_the_finance_report_knows_every_part(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, invoice = unpaid_renewal(site, delivered)
    parts = [site.pay_part(invoice, cents) for cents in (400, 500)]
    site.account.controls.refund(parts[1], 90)
    site.account.client().v1.subscriptions.cancel(subscription)
    deliver_new(site, delivered)
    month = last_month(site)
    site.clock.set(month.before_at + 1_000)
    site.auditor.audit(closing=site.parts.get(ClosedDays))
    report = site.parts.get(Finance).make(month)
    assert report.differences == ()
    assert {each.result for each in report.lines} == {"matched"}
    assert site.parts.get(Payments).read(parts[0]) is not None
