"""Credit for unused time and credit notes are money back: the plan's credits follow them as they
follow a refund."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.billing.payments import Payments
from service.billing.purchases import Bought, PaymentFacts, Purchase
from service.core.amounts import SCALE
from service.ledger.grants import GrantSource
from service.ledger.lots import LotKind
from tests.billing.payment_world import interrupt
from tests.billing.subscribers import CREDITS, LOWER_CREDITS, Subscribing, new_price

HALF = CREDITS // 2
LOWER_HALF = LOWER_CREDITS // 2
HALF_A_DAY = 0.5


@pytest.fixture
def site() -> Subscribing:
    return Subscribing(interval="day", lower=True)


def deliver_new(site: Subscribing, delivered: set[str]) -> list[str]:
    """Every event that was not delivered. Returns the alarms that it raised."""
    with capture_logs() as logs:
        for event in site.account.events():
            if event["id"] not in delivered:
                delivered.add(event["id"])
                assert site.deliver(event).status_code == 200
    return [each["alarm"] for each in logs if each["event"] == "payment_needs_attention"]


def begun(site: Subscribing, delivered: set[str]) -> tuple[str, str]:
    """Half a day of a subscription by the day that is paid for. The ids of it and its invoice."""
    subscription = site.subscribe()
    deliver_new(site, delivered)
    site.pass_days(HALF_A_DAY)
    return subscription, site.latest_invoice(subscription)


def purchase(site: Subscribing, invoice_id: str) -> Purchase:
    made = site.account.simulator.account.invoice_payments
    payments = made.where(invoice=invoice_id, status="paid")
    payment_id = payments[0]["payment"]["payment_intent"] if payments else invoice_id
    found = site.parts.get(Payments).read(payment_id)
    assert found is not None
    return found


def lost(site: Subscribing, invoice_id: str) -> int:
    """Of the credits that the invoice brought, how many were clawed back."""
    return purchase(site, invoice_id).clawed_back // SCALE


def assert_sound(site: Subscribing) -> None:
    assert site.audit().violations == ()


@pytest.mark.protocol("credit-is-money-back")
def test_credit_for_half_a_period_takes_half_of_its_credits(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.change(subscription, site.lower_price_id)
    assert deliver_new(site, delivered) == []
    assert (lost(site, first), site.credits(), site.grants()) == (HALF, [HALF + LOWER_HALF], 2)
    assert purchase(site, first).credited_cents == 450
    assert_sound(site)


@pytest.mark.protocol("credit-is-money-back")
def test_a_period_that_credit_has_paid_brings_its_credits_and_can_lose_them(
    site: Subscribing,
) -> None:
    """The credit moves from one invoice to the next: it is never there twice."""
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.change(subscription, site.lower_price_id)
    site.pass_days(HALF_A_DAY + 0.05)
    deliver_new(site, delivered)
    second = site.latest_invoice(subscription)
    assert purchase(site, second).payment_id == second
    assert (purchase(site, second).paid_cents, purchase(site, second).moved_cents) == (0, 300)
    assert (lost(site, first), lost(site, second)) == (HALF, 0)
    assert sorted(site.credits()) == [LOWER_CREDITS, HALF + LOWER_HALF]

    site.pass_days(HALF_A_DAY - 0.05)
    site.cancel_at_once(subscription)
    assert deliver_new(site, delivered) == []
    assert (lost(site, first), lost(site, second)) == (HALF, LOWER_CREDITS // 2)
    assert_sound(site)


def test_credit_that_waits_for_the_next_invoice_counts_with_it(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.change(subscription, site.lower_price_id, "create_prorations")
    site.pass_days(HALF_A_DAY)
    deliver_new(site, delivered)
    assert (
        site.account.simulator.account.invoices.get(site.latest_invoice(subscription))["status"]
        == "draft"
    )
    assert (lost(site, first), site.grants()) == (0, 1)
    site.pass_days(0.05)
    assert deliver_new(site, delivered) == []
    second = purchase(site, site.latest_invoice(subscription))
    assert (lost(site, first), site.grants()) == (HALF, 2)
    assert (second.paid_cents, second.moved_cents, second.clawed_back) == (0, 450, 0)
    assert_sound(site)


def test_credit_of_a_canceled_subscription_comes_with_the_next_one_of_the_customer(
    site: Subscribing,
) -> None:
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.cancel_at_once(subscription)
    deliver_new(site, delivered)
    assert (lost(site, first), site.status()) == (HALF, "canceled")
    again = site.subscribe()
    deliver_new(site, delivered)
    second = purchase(site, site.latest_invoice(again))
    assert (second.paid_cents, second.moved_cents, second.clawed_back) == (450, 450, 0)
    assert sorted(site.credits()) == [HALF, CREDITS]
    charges = [each["amount"] for each in site.account.simulator.account.charges]
    assert charges == [900, 450]
    assert_sound(site)


def test_a_refund_of_what_credit_has_paid_in_part_takes_that_part(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, _ = begun(site, delivered)
    site.cancel_at_once(subscription)
    again = site.subscribe()
    second = site.latest_invoice(again)
    site.account.controls.refund(second)
    deliver_new(site, delivered)
    assert lost(site, second) == HALF
    assert_sound(site)


def test_credit_of_an_invoice_that_is_voided_is_restored(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.account.controls.fail_next("generic_decline", 10)
    site.change(subscription, new_price(site.account, 9_000, "day"))
    deliver_new(site, delivered)
    change = site.latest_invoice(subscription)
    assert site.account.simulator.account.invoices.get(change)["status"] == "open"
    assert lost(site, first) == HALF
    site.account.client().v1.invoices.void_invoice(change)
    deliver_new(site, delivered)
    assert lost(site, first) == 0
    assert_sound(site)


@pytest.mark.protocol("credit-is-money-back")
@pytest.mark.parametrize("part", ["credit_amount", "refund_amount", "out_of_band_amount"])
def test_a_credit_note_counts_once_wherever_its_money_goes(site: Subscribing, part: str) -> None:
    delivered: set[str] = set()
    _, first = begun(site, delivered)
    site.credit_note(first, 450, **{part: 450})
    deliver_new(site, delivered)
    assert (lost(site, first), site.credits()) == (HALF, [HALF])
    found = purchase(site, first)
    assert found.refunded_cents + found.credited_cents == 450
    assert_sound(site)


def test_a_refund_of_a_credit_note_that_fails_is_restored(site: Subscribing) -> None:
    delivered: set[str] = set()
    _, first = begun(site, delivered)
    site.credit_note(first, 450, refund_amount=450)
    deliver_new(site, delivered)
    (refund,) = site.account.simulator.account.refunds
    site.account.controls.refund(refund=refund["id"], outcome="failed")
    deliver_new(site, delivered)
    assert (lost(site, first), site.credits()) == (0, [CREDITS])
    assert_sound(site)


def test_a_refund_and_credit_count_both_and_never_more_than_all(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.account.controls.refund(first, amount=300)
    site.change(subscription, site.lower_price_id)
    deliver_new(site, delivered)
    assert purchase(site, first).clawed_back == CREDITS * SCALE * 750 // 900
    site.account.controls.refund(first, amount=600)
    deliver_new(site, delivered)
    assert lost(site, first) == CREDITS
    assert_sound(site)


@pytest.mark.parametrize("voided", [False, True])
def test_what_a_credit_note_takes_off_an_unpaid_invoice_brings_no_credits(
    site: Subscribing, voided: bool
) -> None:
    delivered: set[str] = set()
    subscription, _ = begun(site, delivered)
    site.account.controls.fail_next("generic_decline")
    site.pass_days(HALF_A_DAY + 0.05)
    second = site.latest_invoice(subscription)
    note = site.credit_note(second, 300)
    if voided:
        site.account.client().v1.credit_notes.void_credit_note(note)
    site.account.client().v1.invoices.pay(second)
    deliver_new(site, delivered)
    found = purchase(site, second)
    wanted = (900, 0, 0) if voided else (600, 300, CREDITS * SCALE // 3)
    assert (found.paid_cents, found.credited_cents, found.clawed_back) == wanted
    assert_sound(site)


def test_an_invoice_that_a_credit_note_has_paid_brings_nothing(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.account.controls.fail_next("generic_decline")
    site.pass_days(HALF_A_DAY + 0.05)
    second = site.latest_invoice(subscription)
    site.credit_note(second, 900)
    deliver_new(site, delivered)
    assert site.status() == "active"
    assert (lost(site, first), lost(site, second)) == (0, CREDITS)
    assert_sound(site)


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("invoice.finalized", HALF + LOWER_HALF),
        ("invoice.paid", HALF + LOWER_HALF),
        ("charge.succeeded", HALF),
    ],
)
def test_any_event_of_either_invoice_is_enough(site: Subscribing, kind: str, left: int) -> None:
    """Nothing was delivered before. The charge is of the first invoice alone."""
    subscription = site.subscribe()
    site.pass_days(HALF_A_DAY)
    first = site.latest_invoice(subscription)
    site.change(subscription, site.lower_price_id)
    site.deliver(site.account.events(kind)[-1])
    assert (lost(site, first), site.credits()) == (HALF, [left])
    assert_sound(site)


def test_ten_deliveries_at_once_of_credit_and_payment_have_one_end(
    client: Any, table_name: str
) -> None:
    """On DynamoDB Local, where conditions and races are real. Nothing was settled before."""
    site = Subscribing(client, table_name, interval="day", lower=True)
    subscription = site.subscribe()
    first = site.latest_invoice(subscription)
    site.pass_days(HALF_A_DAY)
    site.change(subscription, site.lower_price_id)
    site.credit_note(first, 180, credit_amount=180)
    events = site.account.events("invoice.paid", "invoice.finalized", "credit_note.created")
    with ThreadPoolExecutor(10) as pool:
        sent = [pool.submit(site.deliver, event) for event in events * 2]
    assert {each.result().status_code for each in sent} == {200}
    for _ in range(10):
        if set(site.events_stored().values()) == {"done"}:
            break
        site.clock.advance(4000)
        site.of_sweep("stripe_events").run_once()
    assert (lost(site, first), site.grants(), site.wallet().debt) == (HALF + 10, 2, 0)
    assert_sound(site)


@pytest.mark.parametrize("meanwhile", ["note", "void"])
def test_credit_that_came_or_went_while_stripe_was_read_has_the_last_word(
    site: Subscribing, meanwhile: str
) -> None:
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.account.controls.fail_next("generic_decline")
    site.change(subscription, new_price(site.account, 9_000, "day"))
    change = site.latest_invoice(subscription)

    def happens() -> None:
        if meanwhile == "note":
            site.credit_note(first, 90, credit_amount=90)
        else:
            site.account.client().v1.invoices.void_invoice(change)
        site.parts.get(Payments).settle(purchase(site, first).payment_id)

    interrupt(site.account, "/v1/invoices", happens)
    site.parts.get(Payments).settle(purchase(site, first).payment_id)
    assert lost(site, first) == (HALF + 5 if meanwhile == "note" else 0)
    assert_sound(site)


def test_credit_for_what_no_one_has_paid_raises_an_alarm(site: Subscribing) -> None:
    """Stripe credits unused time of an invoice whether it is paid or not."""
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.account.controls.fail_next("generic_decline")
    site.pass_days(HALF_A_DAY + 0.05)
    site.cancel_at_once(subscription)
    assert set(deliver_new(site, delivered)) == {"credit"}
    assert (lost(site, first), site.grants()) == (0, 1)


def test_credit_that_pays_for_what_is_no_plan_raises_an_alarm(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, _ = begun(site, delivered)
    site.change(subscription, new_price(site.account, 100, "day"))
    site.pass_days(HALF_A_DAY + 0.05)
    assert set(deliver_new(site, delivered)) == {"plan"}
    assert site.grants() == 1


def test_credit_within_one_invoice_takes_nothing_of_it(site: Subscribing) -> None:
    """Twice another plan in one period: the first change is billed and credited by one invoice."""
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.change(subscription, site.lower_price_id, "create_prorations")
    site.change(subscription, site.price_id, "create_prorations")
    site.pass_days(HALF_A_DAY + 0.05)
    deliver_new(site, delivered)
    second = purchase(site, site.latest_invoice(subscription))
    assert (second.credited_cents, second.clawed_back) == (0, 0)
    assert (second.paid_cents, second.moved_cents) == (900, 450)
    assert (lost(site, first), second.granted) == (HALF, (CREDITS + HALF) * SCALE)
    assert_sound(site)


def test_lines_beyond_the_first_ten_of_an_invoice_count(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    for _ in range(6):
        site.change(subscription, site.lower_price_id, "create_prorations")
        site.change(subscription, site.price_id, "create_prorations")
    site.change(subscription, site.lower_price_id, "create_prorations")
    site.pass_days(HALF_A_DAY + 0.05)
    assert deliver_new(site, delivered) == []
    second = purchase(site, site.latest_invoice(subscription))
    assert (second.granted, second.clawed_back) == ((LOWER_CREDITS + LOWER_HALF) * SCALE, 0)
    assert lost(site, first) == HALF
    assert_sound(site)


def _bought(facts: PaymentFacts) -> Bought | None:
    if facts.received_cents != 1_000:
        return None
    return Bought(
        user_id="ann",
        amount=100 * SCALE,
        kind=LotKind.PAID,
        expires_at=None,
        grant_source=GrantSource.PURCHASE,
        grant_id=facts.payment_id,
        paid_cents=1_000,
        currency="usd",
        reference="ord_1",
    )


def test_a_note_that_credits_a_package_takes_its_credits(site: Subscribing) -> None:
    """A package has a receipt, of which an operator can credit a part to the customer."""
    site.parts.get(Payments).register(_bought)
    customer = site.session(site.begin().session.id)["customer"]
    params: Any = {
        "mode": "payment",
        "customer": customer,
        "success_url": "https://app.example.com/",
        "invoice_creation": {"enabled": True},
        "line_items": [
            {
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 1_000,
                    "product_data": {"name": "100 credits"},
                },
                "quantity": 1,
            }
        ],
    }
    session = site.account.client().v1.checkout.sessions.create(params)
    site.account.controls.pay(session.id)
    invoice = site.session(session.id)["invoice"]
    site.credit_note(invoice, 250, credit_amount=250)
    site.deliver_all("credit_note.created")
    assert purchase(site, invoice).clawed_back == 25 * SCALE
    assert_sound(site)


def test_a_deleted_customers_credit_is_still_found(site: Subscribing) -> None:
    delivered: set[str] = set()
    subscription, first = begun(site, delivered)
    site.change(subscription, site.lower_price_id)
    deliver_new(site, delivered)
    site.account.http.arm("list_invoices", "status:404:resource_missing")
    site.deliver(site.account.events("charge.succeeded")[0] | {"id": "evt_later"})
    assert lost(site, first) == HALF
