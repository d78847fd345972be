"""Operators are called for what no settlement of an invoice can mend: once for each state of it."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.ledger.entities import Movement
from service.ledger.movements import disable, freeze
from service.ledger.operations import Proposal, Snapshot
from tests.billing.subscribers import Subscribing
from tests.billing.test_credited_time import assert_sound, begun, deliver_new
from tests.billing.test_partial_payments import grants, unpaid_renewal


@pytest.fixture
def site() -> Subscribing:
    return Subscribing(interval="day", lower=True)


def alarms_of_all(site: Subscribing) -> list[str]:
    """Every event is delivered again, as one that Stripe has just made."""
    known = len(site.events_stored())
    with capture_logs() as logs:
        for event in site.account.events():
            site.deliver({**event, "id": f"{event['id']}_{known}"})
    return [each["alarm"] for each in logs if each["event"] == "payment_needs_attention"]


def credited_unpaid(site: Subscribing, delivered: set[str]) -> str:
    """Ends a subscription whose last invoice no one has paid, with credit for its unused time.
    Returns the id of the unpaid invoice."""
    subscription, _ = begun(site, delivered)
    site.account.controls.fail_next("generic_decline")
    site.pass_days(0.55)
    unpaid = site.latest_invoice(subscription)
    site.cancel_at_once(subscription)
    return unpaid


@pytest.mark.protocol("credit-is-money-back")
def test_credit_of_an_unpaid_invoice_alarms_once_for_each_state(site: Subscribing) -> None:
    delivered: set[str] = set()
    unpaid = credited_unpaid(site, delivered)
    assert deliver_new(site, delivered) == ["credit"]
    assert deliver_new(site, delivered) == []
    assert alarms_of_all(site) == []
    site.account.client().v1.invoices.void_invoice(unpaid)
    assert alarms_of_all(site) == ["credit"]
    assert alarms_of_all(site) == []
    assert_sound(site)


def test_credit_in_invoices_of_no_user_of_ours_is_none_of_our_business(
    site: Subscribing,
) -> None:
    """Others may sell with the same account of Stripe's; nothing is written to their invoices."""
    delivered: set[str] = set()
    credited_unpaid(site, delivered)
    stranger = site.account.client().v1.customers.create({}).id
    for invoice in site.account.simulator.account.invoices.where():
        invoice["customer"] = stranger
    assert deliver_new(site, delivered) == []
    found = site.account.simulator.account.invoices.where()
    assert [invoice["metadata"] for invoice in found] == [{}] * 3


def test_an_alarm_that_stripe_lets_no_one_note_holds_nothing_up(site: Subscribing) -> None:
    delivered: set[str] = set()
    credited_unpaid(site, delivered)
    site.account.http.arm("update_invoice", "status:400:invoice_not_editable")
    assert set(deliver_new(site, delivered)) == {"credit"}
    assert site.status() == "canceled"


@pytest.mark.protocol("parts-of-one-invoice")
@pytest.mark.parametrize("how", ["void_invoice", "mark_uncollectible"])
def test_parts_of_an_invoice_that_is_given_up_alarm_until_they_are_refunded(
    site: Subscribing, how: str
) -> None:
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    parts = [site.pay_part(invoice, cents) for cents in (300, 200)]
    assert deliver_new(site, delivered) == []
    getattr(site.account.client().v1.invoices, how)(invoice)
    assert deliver_new(site, delivered) == ["parts"]
    assert alarms_of_all(site) == []
    site.account.controls.refund(parts[0])
    site.account.controls.refund(parts[1])
    deliver_new(site, delivered)
    assert alarms_of_all(site) == []
    assert grants(site) == 1
    assert_sound(site)


def test_parts_that_went_back_before_an_invoice_was_voided_call_no_one(
    site: Subscribing,
) -> None:
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    site.account.controls.refund(site.pay_part(invoice, 300))
    site.account.client().v1.invoices.void_invoice(invoice)
    assert deliver_new(site, delivered) == []


def test_an_uncollectible_invoice_that_is_paid_all_the_same_brings_its_credits(
    site: Subscribing,
) -> None:
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    site.pay_part(invoice, 300)
    client: Any = site.account.client().v1.invoices
    client.mark_uncollectible(invoice)
    assert deliver_new(site, delivered) == ["parts"]
    client.pay(invoice)
    assert deliver_new(site, delivered) == []
    assert grants(site) == 2
    assert_sound(site)


def test_an_invoice_that_is_given_up_unpaid_calls_no_one(site: Subscribing) -> None:
    delivered: set[str] = set()
    _, invoice = unpaid_renewal(site, delivered)
    site.account.client().v1.invoices.void_invoice(invoice)
    assert deliver_new(site, delivered) == []


@pytest.mark.parametrize("lock", [disable, freeze])
def test_a_renewal_of_a_user_who_is_locked_out_calls_an_operator_once(
    lock: Callable[..., Movement],
) -> None:
    """Stripe goes on charging them, and what they pay for they cannot use."""
    site = Subscribing(interval="day")
    site.subscribe()
    site.deliver_all()
    _locked(site, lock)
    assert alarms_of_all(site) == []
    site.pass_days(1.05)
    assert alarms_of_all(site) == ["locked"]
    assert alarms_of_all(site) == []
    assert site.grants() == 2


def _locked(site: Subscribing, lock: Callable[..., Movement]) -> None:
    def propose(snapshot: Snapshot, now: int) -> Proposal:
        return Proposal(lock(snapshot.wallet, "act_1", now))

    site.ledger.move("ann", propose, lambda snapshot: False)
