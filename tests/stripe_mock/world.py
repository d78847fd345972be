"""An account in which everything has happened that the simulator can do."""

from typing import Any

from devstack.simulators.stripe.wire import Wire
from tests.devstack.simulators.stripe.test_checkout import opened
from tests.devstack.simulators.stripe.test_subscriptions import price, subscribed
from tests.doubles.clock import FakeClock
from tests.doubles.stripe_account import StripeAccount

START = 1_800_000_000_000


def world() -> StripeAccount:
    """Every kind of object in every state that has another shape."""
    account = StripeAccount(FakeClock(START))
    _payments(account)
    _subscriptions(account)
    _credits(account)
    _customers(account)
    return account


def _payments(account: StripeAccount) -> None:
    client, controls = account.client(), account.controls
    invoiced = {"invoice_creation": {"enabled": True}, "customer_creation": "always"}
    session = opened(client, **invoiced)
    controls.pay(session.id, email="ann@mail.example", name="Ann", country="DE")
    payment: Any = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    client.v1.refunds.create({"payment_intent": payment, "amount": 300})
    for outcome in ("failed", "pending"):
        controls.refund(payment, 100, outcome=outcome)
    controls.warn(payment)
    won = controls.dispute(payment, amount=200)
    client.v1.disputes.update(
        won["id"], {"evidence": {"uncategorized_text": "paid"}, "submit": True}
    )
    controls.dispute(dispute=won["id"], action="won")
    inquiry = controls.dispute(payment, amount=1, inquiry=True)
    controls.dispute(dispute=inquiry["id"], action="warning_closed")
    for method in ("sepa_debit", "us_bank_account"):
        controls.pay(opened(client).id, method=method)
    controls.clock(days=1)
    controls.pay(opened(client).id, card="4000002500003155")
    declined = opened(client)
    controls.pay(declined.id, card="4000000000000069")
    client.v1.checkout.sessions.expire(declined.id)
    opened(client, ui_mode="hosted_page", return_url=None, success_url="https://app.example/")


def _subscriptions(account: StripeAccount) -> None:
    client, controls = account.client(), account.controls
    renewed = subscribed(account, client)
    controls.clock(days=33)
    item = renewed["items"].data[0].id
    changes: Any = {
        "items": [{"id": item, "price": price(client, 3000)}],
        "proration_behavior": "always_invoice",
    }
    client.v1.subscriptions.update(renewed.id, changes)
    client.v1.subscriptions.update(renewed.id, {"cancel_at_period_end": True})
    subscribed(account, client, {"trial_period_days": 7})
    controls.fail_next("insufficient_funds", 10)
    controls.clock(days=90)
    controls.fail_next(count=0)


def _credits(account: StripeAccount) -> None:
    client, controls = account.client(), account.controls
    found = subscribed(account, client)
    paid: Any = found.latest_invoice
    line: Any = client.v1.invoices.line_items.list(paid).data[0].id
    note: Any = {
        "invoice": paid,
        "lines": [{"type": "invoice_line_item", "invoice_line_item": line, "amount": 300}],
        "credit_amount": 100,
        "out_of_band_amount": 100,
        "refund_amount": 100,
        "memo": "Sorry",
        "reason": "order_change",
    }
    made = client.v1.credit_notes.create(note)
    client.v1.credit_notes.update(made.id, {"metadata": {"by": "eve"}})
    client.v1.credit_notes.list({"invoice": paid})
    client.v1.credit_notes.line_items.list(made.id)
    client.v1.customers.balance_transactions.list(str(found.customer))
    controls.fail_next()
    controls.clock(days=32)
    unpaid: Any = client.v1.subscriptions.retrieve(found.id).latest_invoice
    taken: Any = client.v1.credit_notes.create({"invoice": unpaid, "amount": 100})
    client.v1.credit_notes.void_credit_note(taken.id)
    client.v1.invoices.update(unpaid, {"metadata": {"by": "eve"}})
    client.v1.invoices.mark_uncollectible(unpaid)
    client.v1.invoices.void_invoice(unpaid)
    client.v1.subscriptions.cancel(found.id, {"prorate": True, "invoice_now": True})


def _customers(account: StripeAccount) -> None:
    client = account.client()
    client.v1.products.create({"name": "Book"})
    setup = opened(client, mode="setup", currency="usd", line_items=None, payment_intent_data=None)
    account.controls.pay(setup.id, card="4000000000000002")
    account.controls.pay(setup.id)
    customer = client.v1.customers.create(
        {"email": "ann@mail.example", "payment_method": "pm_card_visa"}
    )
    client.v1.billing_portal.sessions.create(
        {"customer": customer.id, "return_url": "https://app.example/"}
    )
    intent: Any = {
        "amount": 500,
        "currency": "usd",
        "customer": customer.id,
        "payment_method": "pm_card_visa",
        "confirm": True,
        "off_session": True,
        "return_url": "https://app.example/billing",
    }
    client.v1.payment_intents.create(intent)
    client.v1.customers.delete(customer.id)


def objects(account: StripeAccount) -> list[Wire]:
    """Every object, every event and what was changed by it."""
    state = account.simulator.account
    collections = (
        state.customers,
        state.products,
        state.prices,
        state.methods,
        state.intents,
        state.setups,
        state.charges,
        state.refunds,
        state.disputes,
        state.warnings,
        state.balance,
        state.sessions,
        state.subscriptions,
        state.invoices,
        state.invoice_payments,
        state.credit_notes,
        state.customer_balances,
        state.portals,
    )
    found = [item for collection in collections for item in collection]
    found += [line for lines in state.line_items.values() for line in lines]
    found += [line for lines in state.lines.values() for line in lines]
    events = account.events()
    return [*found, *events, *(event["data"]["object"] for event in events)]
