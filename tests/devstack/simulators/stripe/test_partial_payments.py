"""An invoice that is paid in parts, by payments that were made apart from it."""

from typing import Any

import pytest
import stripe

from tests.devstack.simulators.stripe.test_subscriptions import now, subscribed
from tests.doubles.stripe_account import StripeAccount

MONTH = 32 * 86_400


@pytest.fixture
def unpaid(account: StripeAccount, client: stripe.StripeClient) -> Any:
    """A subscription whose renewal has failed; its latest invoice is open."""
    found = subscribed(account, client)
    account.controls.fail_next("generic_decline")
    account.controls.clock(seconds=MONTH)
    return now(client, found)


def paid(client: stripe.StripeClient, cents: int, **changes: Any) -> str:
    params: Any = {
        "amount": cents,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "payment_method_types": ["card"],
        "confirm": True,
        **changes,
    }
    return str(client.v1.payment_intents.create(params).id)


def attach(client: stripe.StripeClient, invoice: str, payment: str) -> Any:
    return client.v1.invoices.attach_payment(invoice, {"payment_intent": payment})


def test_parts_lessen_what_is_left_and_the_last_one_pays(
    client: stripe.StripeClient, unpaid: Any
) -> None:
    invoice, customer = unpaid.latest_invoice, unpaid.customer
    whole = invoice.amount_due
    first = attach(client, invoice.id, paid(client, 100, customer=customer))
    assert (first.status, first.amount_paid, first.amount_remaining) == ("open", 100, whole - 100)
    payments = client.v1.invoice_payments.list({"invoice": invoice.id}).data
    assert [each.amount_requested for each in payments] == [100, whole - 100]
    last = attach(client, invoice.id, paid(client, whole - 100, customer=customer))
    assert (last.status, last.amount_paid, last.amount_remaining) == ("paid", whole, 0)
    payments = client.v1.invoice_payments.list({"invoice": invoice.id}).data
    assert [each.status for each in payments] == ["paid", "paid", "canceled"]
    assert now(client, unpaid).status == "active"


def test_a_part_counts_once_its_payment_has_succeeded(
    account: StripeAccount, client: stripe.StripeClient, unpaid: Any
) -> None:
    invoice = unpaid.latest_invoice
    account.controls.fail_next("processing")
    payment = paid(client, 100, customer=unpaid.customer)
    assert attach(client, invoice.id, payment).amount_paid == 0
    account.controls.settle(payment)
    assert client.v1.invoices.retrieve(invoice.id).amount_paid == 100


def test_what_is_no_part_of_the_invoice_is_refused(
    client: stripe.StripeClient, unpaid: Any
) -> None:
    invoice, customer = unpaid.latest_invoice, unpaid.customer
    attached = paid(client, 100, customer=customer)
    attach(client, invoice.id, attached)
    others = (
        attached,
        paid(client, 100),
        paid(client, invoice.amount_due, customer=customer),
        paid(client, 100, customer=customer, confirm=False),
    )
    for payment in others:
        with pytest.raises(stripe.InvalidRequestError):
            attach(client, invoice.id, payment)
    assert client.v1.invoices.retrieve(invoice.id).amount_paid == 100


def test_an_invoice_that_is_given_up_can_still_be_paid(
    account: StripeAccount, client: stripe.StripeClient, unpaid: Any
) -> None:
    invoices, invoice_id = client.v1.invoices, unpaid.latest_invoice.id
    noted = invoices.update(invoice_id, {"metadata": {"by": "eve"}, "description": "late"})
    assert (noted.metadata["by"], noted.description) == ("eve", "late")
    given_up = invoices.mark_uncollectible(invoice_id)
    assert (given_up.status, given_up.metadata["by"]) == ("uncollectible", "eve")
    with pytest.raises(stripe.InvalidRequestError):
        invoices.mark_uncollectible(invoice_id)
    assert invoices.pay(invoice_id).status == "paid"
    kinds = [each["type"] for each in account.events()]
    assert kinds.index("invoice.marked_uncollectible") > kinds.index("invoice.updated")
