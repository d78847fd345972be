"""Invoices that are paid in parts, each a payment of its own (https://docs.stripe.com/invoicing/
partial-payments)."""

from devstack.simulators.stripe import invoices, renewals
from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.errors import StripeError, invalid
from devstack.simulators.stripe.wire import Wire


def attach(account: Account, invoice: Wire, params: Wire) -> Wire:
    """Pays an open invoice with a payment intent that was made apart from it: now if it has
    succeeded, once it does if it is processing. Emits what paying a part emits. Raises
    `StripeError`."""
    if "payment_intent" not in params:
        raise invalid("This simulator attaches payment intents only.", "payment_record")
    if invoice["status"] != "open":
        raise StripeError("Invoice is not open and cannot be paid.", "invoice_not_editable")
    intent = account.intents.get(params["payment_intent"], "payment_intent")
    _check(account, invoice, intent)
    payment = invoices.add_payment(account, invoice, intent, is_default=False)
    if intent["status"] == "succeeded":
        _pay(account, invoice, payment)
    else:
        account.watch(intent, lambda last: _ended(account, invoice, payment, last))
    return invoice


def _check(account: Account, invoice: Wire, intent: Wire) -> None:
    same = ("customer", "currency")
    if any(intent[name] != invoice[name] for name in same):
        raise invalid("The payment is of another customer or currency.", "payment_intent")
    if account.invoice_payments.where(**{"payment.payment_intent": intent["id"]}):
        raise invalid("This payment is attached to an invoice already.", "payment_intent")
    if intent["amount"] > invoice["amount_remaining"]:
        raise invalid("This simulator takes no more than is left to pay.", "payment_intent")
    if intent["status"] not in ("succeeded", "processing"):
        raise invalid("This simulator attaches payments that were confirmed.", "payment_intent")


def _ended(account: Account, invoice: Wire, payment: Wire, intent: Wire) -> None:
    if intent["status"] == "succeeded":
        _pay(account, invoice, payment)


def _pay(account: Account, invoice: Wire, payment: Wire) -> None:
    invoices.pay_part(account, invoice, payment)
    if invoice["status"] == "paid":
        renewals.after_attempt(account, invoice)
