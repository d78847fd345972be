"""Credit: for unused time, by credit notes, and what a customer's balance pays."""

from typing import Any

import pytest
import stripe

from tests.devstack.simulators.stripe.test_checkout import opened
from tests.devstack.simulators.stripe.test_subscriptions import now, period, price, subscribed
from tests.doubles.stripe_account import StripeAccount


def switch(client: stripe.StripeClient, found: Any, to: str, behavior: str) -> Any:
    """Returns the subscription's latest invoice."""
    changes: Any = {
        "items": [{"id": found["items"].data[0].id, "price": to}],
        "proration_behavior": behavior,
    }
    client.v1.subscriptions.update(found.id, changes)
    return now(client, found).latest_invoice


def half_of(account: StripeAccount, found: Any) -> None:
    start, end = period(found)
    account.controls.clock(seconds=(end - start) // 2)


def credited(line: Any) -> Any:
    items = line.parent.subscription_item_details.proration_details.credited_items
    return None if items is None else (items.invoice, list(items.invoice_line_items))


def test_a_credit_names_the_line_and_the_invoice_that_it_is_of(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    [billed] = now(client, found).latest_invoice.lines.data
    half_of(account, found)
    invoice = switch(client, found, price(client, 100), "always_invoice")
    unused, remaining = invoice.lines.data
    assert credited(unused) == (found.latest_invoice, [billed.id])
    assert credited(remaining) is None
    again = switch(client, found, price(client, 200), "always_invoice")
    assert credited(again.lines.data[0]) == (invoice.id, [remaining.id])


def test_a_credit_of_what_is_not_billed_yet_names_its_own_invoice(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    first = found.latest_invoice
    half_of(account, found)
    switch(client, found, price(client, 100), "create_prorations")
    invoice = switch(client, found, price(client, 200), "always_invoice")
    names = [credited(line) for line in invoice.lines.data]
    assert [each[0] if each else None for each in names] == [first, None, invoice.id, None]
    assert names[2][1] == [invoice.lines.data[1].id]


def test_credit_of_an_ended_subscription_waits_for_the_customers_next_invoice(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    half_of(account, found)
    client.v1.subscriptions.cancel(found.id, {"prorate": True})
    assert client.v1.customers.retrieve(found.customer).balance == 0
    line = {"price": price(client, 2000), "quantity": 1}
    session = opened(
        client,
        mode="subscription",
        line_items=[line],
        payment_intent_data=None,
        customer=found.customer,
    )
    account.controls.pay(session.id)
    account.controls.clock(days=32)
    subscription: Any = client.v1.checkout.sessions.retrieve(session.id).subscription
    renewed = client.v1.subscriptions.retrieve(subscription, {"expand": ["latest_invoice"]})
    invoice: Any = renewed.latest_invoice
    assert [each.amount for each in invoice.lines.data] == [-500, 2000]
    assert credited(invoice.lines.data[0])[0] == found.latest_invoice


def test_an_invoice_beyond_ten_lines_has_the_rest_in_a_list(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    half_of(account, found)
    for _ in range(5):
        switch(client, found, price(client, 100), "create_prorations")
    invoice = switch(client, found, price(client, 200), "always_invoice")
    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)
    all_lines = [each.id for each in client.v1.invoices.line_items.list(invoice.id, {"limit": 7})]
    assert len(all_lines) == 7
    listed = client.v1.invoices.line_items.list(invoice.id, {"limit": 7})
    assert len(list(listed.auto_paging_iter())) == 12
    assert sum(each.amount for each in listed.auto_paging_iter()) == invoice.total


def test_the_balance_says_what_has_changed_it(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    customer = found.customer
    half_of(account, found)
    switch(client, found, price(client, 100), "always_invoice")
    client.v1.customers.update(customer, {"balance": -380})
    account.controls.clock(days=31)
    changes = client.v1.customers.balance_transactions.list(customer).data
    assert [(each.type, each.amount, each.ending_balance) for each in reversed(changes)] == [
        ("invoice_too_small", -450, -450),
        ("adjustment", 70, -380),
        ("applied_to_invoice", 100, -280),
    ]
    invoice = now(client, found).latest_invoice
    assert (invoice.starting_balance, invoice.ending_balance) == (-380, -280)
    only = client.v1.customers.balance_transactions.list(customer, {"invoice": invoice.id}).data
    assert [each.amount for each in only] == [100]


def test_what_is_too_little_to_be_charged_is_owed_with_the_next_invoice(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    client.v1.customers.update(found.customer, {"balance": -951})
    account.controls.clock(days=32)
    invoice = now(client, found).latest_invoice
    assert (invoice.status, invoice.amount_due, invoice.ending_balance) == ("paid", 0, 49)
    account.controls.clock(days=31)
    assert now(client, found).latest_invoice.amount_paid == 1049


def test_a_subscriptions_checkout_uses_the_balance_and_a_receipt_does_not(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    customer = client.v1.customers.create({"balance": -400}).id
    bought = opened(client, customer=customer, invoice_creation={"enabled": True})
    account.controls.pay(bought.id)
    line = {"price": price(client), "quantity": 1}
    begun = opened(
        client,
        mode="subscription",
        line_items=[line],
        payment_intent_data=None,
        customer=customer,
    )
    account.controls.pay(begun.id)
    assert [each["amount"] for each in account.simulator.account.charges] == [999, 600]
    assert client.v1.customers.retrieve(customer).balance == 0


@pytest.fixture
def paid(account: StripeAccount, client: stripe.StripeClient) -> Any:
    """A paid invoice of 999 cents."""
    session = opened(client, customer_creation="always", invoice_creation={"enabled": True})
    account.controls.pay(session.id)
    invoice: Any = client.v1.checkout.sessions.retrieve(session.id).invoice
    return client.v1.invoices.retrieve(invoice)


@pytest.fixture
def unpaid(account: StripeAccount, client: stripe.StripeClient) -> Any:
    """An open invoice of 1000 cents."""
    found = subscribed(account, client)
    account.controls.fail_next()
    account.controls.clock(days=32)
    return now(client, found).latest_invoice


def test_a_note_of_a_paid_invoice_refunds_credits_or_says_so(
    account: StripeAccount, client: stripe.StripeClient, paid: Any
) -> None:
    note = client.v1.credit_notes.create(
        {
            "invoice": paid.id,
            "amount": 900,
            "refund_amount": 500,
            "credit_amount": 300,
            "out_of_band_amount": 100,
            "reason": "order_change",
        }
    )
    assert (note.type, note.post_payment_amount, note.pre_payment_amount) == (
        "post_payment",
        900,
        0,
    )
    [refund] = account.simulator.account.refunds
    assert [(each.refund, each.amount_refunded) for each in note.refunds] == [(refund["id"], 500)]
    customer = client.v1.customers.retrieve(paid.customer)
    assert customer.balance == -300
    assert account.types()[-1] == "credit_note.created"
    listed = client.v1.credit_notes.list({"invoice": paid.id}).data
    assert [each.id for each in listed] == [note.id]
    assert [each.amount for each in client.v1.credit_notes.line_items.list(note.id).data] == [900]
    invoice = client.v1.invoices.retrieve(paid.id)
    assert (invoice.post_payment_credit_notes_amount, invoice.status) == (900, "paid")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.credit_notes.void_credit_note(note.id)


def test_a_note_can_name_a_refund_that_was_made_before(
    account: StripeAccount, client: stripe.StripeClient, paid: Any
) -> None:
    refund = account.controls.refund(paid.id, 200)
    linked: Any = [{"refund": refund["id"], "amount_refunded": 200}]
    note = client.v1.credit_notes.create({"invoice": paid.id, "amount": 200, "refunds": linked})
    assert note.refunds[0].refund == refund["id"]
    assert len(account.simulator.account.refunds) == 1


@pytest.mark.parametrize(
    "params",
    [
        {"amount": 1000, "credit_amount": 1000},
        {"amount": 0, "credit_amount": 0},
        {"amount": 100},
        {"amount": 100, "credit_amount": 99},
        {"amount": 100, "credit_amount": 60, "refund_amount": 60},
        {"credit_amount": 100},
        {"lines": [{"type": "invoice_line_item", "invoice_line_item": "il_no", "amount": 9}]},
    ],
)
def test_a_note_of_more_than_is_left_or_of_wrong_parts_is_refused(
    account: StripeAccount, client: stripe.StripeClient, paid: Any, params: Any
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.credit_notes.create({"invoice": paid.id, **params})
    assert len(account.simulator.account.credit_notes) == 0
    assert len(account.simulator.account.refunds) == 0


def test_a_note_of_lines_comes_to_their_sum(client: stripe.StripeClient, paid: Any) -> None:
    lines: Any = [
        {
            "type": "invoice_line_item",
            "invoice_line_item": paid.lines.data[0].id,
            "amount": 100,
        },
        {"type": "custom_line_item", "description": "Sorry", "unit_amount": 20, "quantity": 2},
    ]
    note = client.v1.credit_notes.create({"invoice": paid.id, "lines": lines, "credit_amount": 140})
    assert note.amount == 140


def test_a_note_of_an_open_invoice_lessens_what_is_due_until_it_is_void(
    account: StripeAccount, client: stripe.StripeClient, unpaid: Any
) -> None:
    note = client.v1.credit_notes.create({"invoice": unpaid.id, "amount": 400})
    assert (note.type, note.pre_payment_amount) == ("pre_payment", 400)
    lessened = client.v1.invoices.retrieve(unpaid.id)
    assert (lessened.amount_due, lessened.pre_payment_credit_notes_amount) == (600, 400)
    voided = client.v1.credit_notes.void_credit_note(note.id)
    assert (voided.status, account.types()[-1]) == ("void", "credit_note.voided")
    assert client.v1.invoices.retrieve(unpaid.id).amount_due == 1000
    client.v1.credit_notes.create({"invoice": unpaid.id, "amount": 400})
    client.v1.invoices.pay(unpaid.id)
    assert [each["amount"] for each in account.simulator.account.charges][-1] == 600


def test_an_invoice_that_is_credited_whole_is_paid(
    account: StripeAccount, client: stripe.StripeClient, unpaid: Any
) -> None:
    client.v1.credit_notes.create({"invoice": unpaid.id, "amount": 1000})
    done = client.v1.invoices.retrieve(unpaid.id)
    assert (done.status, done.amount_paid, done.amount_remaining) == ("paid", 0, 0)
    [payment] = client.v1.invoice_payments.list({"invoice": unpaid.id}).data
    assert payment.status == "canceled"


def test_a_voided_invoice_returns_what_the_balance_has_paid(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client)
    client.v1.customers.update(found.customer, {"balance": -300})
    account.controls.fail_next()
    account.controls.clock(days=32)
    invoice = now(client, found).latest_invoice
    assert (invoice.amount_due, client.v1.customers.retrieve(found.customer).balance) == (700, 0)
    client.v1.invoices.void_invoice(invoice.id)
    assert client.v1.customers.retrieve(found.customer).balance == -300
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.void_invoice(invoice.id)


def test_nothing_is_taken_off_while_a_payment_is_under_way(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    found = subscribed(account, client, method="sepa_debit")
    invoice = now(client, found).latest_invoice
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 100})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.void_invoice(invoice.id)
    assert now(client, found).latest_invoice.amount_due == 1000


def test_a_changed_note_is_reported(
    account: StripeAccount, client: stripe.StripeClient, paid: Any
) -> None:
    note = client.v1.credit_notes.create({"invoice": paid.id, "amount": 999, "credit_amount": 999})
    changed = client.v1.credit_notes.update(note.id, {"memo": "Sorry", "metadata": {"by": "eve"}})
    assert (changed.memo, account.types()[-1]) == ("Sorry", "credit_note.updated")


def test_the_balance_of_a_deleted_customer_is_not_credited(
    account: StripeAccount, client: stripe.StripeClient, paid: Any
) -> None:
    client.v1.customers.delete(paid.customer)
    assert_not_credited(account, client, paid)


def test_an_invoice_without_a_customer_has_no_balance_to_credit(
    account: StripeAccount, client: stripe.StripeClient
) -> None:
    session = opened(client, invoice_creation={"enabled": True})
    account.controls.pay(session.id)
    invoice: Any = client.v1.checkout.sessions.retrieve(session.id).invoice
    assert_not_credited(account, client, client.v1.invoices.retrieve(invoice))


def assert_not_credited(account: StripeAccount, client: stripe.StripeClient, paid: Any) -> None:
    """Nothing is left of a note of which a part can be refunded and a part cannot be credited."""
    before = account.types()
    params: Any = {"invoice": paid.id, "amount": 7, "refund_amount": 5, "credit_amount": 2}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.credit_notes.create(params)
    assert refused.value.param == "credit_amount"
    assert len(account.simulator.account.credit_notes) == 0
    assert len(account.simulator.account.refunds) == 0
    assert client.v1.invoices.retrieve(paid.id).post_payment_credit_notes_amount == 0
    assert account.types() == before
