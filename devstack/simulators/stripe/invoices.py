"""Invoices: drafted, finalized, paid or failed (https://docs.stripe.com/invoicing/integration/
workflow-transitions). When they are due: `renewals.py`."""

from collections.abc import Callable
from dataclasses import dataclass, field

from devstack.simulators.stripe import customer_balance, intents
from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.collection import list_of
from devstack.simulators.stripe.errors import StripeError
from devstack.simulators.stripe.ids import client_secret
from devstack.simulators.stripe.invoice_lines import Billed, invoiced_lines, new_line
from devstack.simulators.stripe.wire import Wire

Ended = Callable[[Wire], object]


@dataclass(frozen=True)
class Draft:
    """What an invoice is made of."""

    customer: str | None
    reason: str
    lines: list[Wire]
    start: int
    end: int
    subscription: Wire | None = None
    metadata: Wire = field(default_factory=dict)


def draft(account: Account, wanted: Draft) -> Wire:
    """Emits `invoice.created`."""
    customer = account.customers.find(wanted.customer or "") or {}
    identifier = account.ids.new("in")
    total = sum(line["amount"] for line in wanted.lines)
    owner = wanted.subscription
    lines = invoiced_lines(account, wanted.lines, identifier)
    invoice: Wire = {
        "id": identifier,
        "object": "invoice",
        **dict.fromkeys(_NULL),
        **dict.fromkeys(_ZERO, 0),
        **{name: [] for name in _EMPTY},
        "account_country": "US",
        "account_name": "Farebox (test)",
        "amount_due": max(0, total),
        "amount_remaining": max(0, total),
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {"enabled": False, **dict.fromkeys(_NO_TAX)},
        "billing_reason": wanted.reason,
        "collection_method": "charge_automatically",
        "created": account.now(),
        "currency": wanted.lines[0]["currency"],
        "customer": wanted.customer,
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "customer_tax_exempt": "none",
        "issuer": {"type": "self"},
        "lines": list_of(lines, f"/v1/invoices/{identifier}/lines", {}),
        "livemode": False,
        "metadata": wanted.metadata,
        "parent": _parent(owner),
        "payment_settings": dict.fromkeys(_PAYMENT_SETTINGS),
        "period_end": wanted.end,
        "period_start": wanted.start,
        "status": "draft",
        "status_transitions": dict.fromkeys(_TRANSITIONS),
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
    }
    account.events.emit("invoice.created", account.invoices.add(invoice))
    return invoice


_NULL = (
    "account_tax_ids",
    "application",
    "automatically_finalizes_at",
    "custom_fields",
    "customer_address",
    "customer_phone",
    "customer_shipping",
    "default_payment_method",
    "default_source",
    "description",
    "due_date",
    "effective_at",
    "ending_balance",
    "footer",
    "from_invoice",
    "hosted_invoice_url",
    "invoice_pdf",
    "last_finalization_error",
    "latest_revision",
    "next_payment_attempt",
    "number",
    "on_behalf_of",
    "receipt_number",
    "rendering",
    "shipping_cost",
    "shipping_details",
    "statement_descriptor",
    "test_clock",
    "webhooks_delivered_at",
)
_NO_TAX = ("disabled_reason", "liability", "provider", "status")
_PAYMENT_SETTINGS = ("default_mandate", "payment_method_options", "payment_method_types")
_TRANSITIONS = ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
_ZERO = (
    "amount_overpaid",
    "amount_paid",
    "amount_paid_off_stripe",
    "amount_shipping",
    "attempt_count",
    "post_payment_credit_notes_amount",
    "pre_payment_credit_notes_amount",
    "starting_balance",
)
_EMPTY = (
    "customer_tax_ids",
    "default_tax_rates",
    "discounts",
    "total_discount_amounts",
    "total_pretax_credit_amounts",
    "total_taxes",
)


def _parent(owner: Wire | None) -> Wire | None:
    if owner is None:
        return None
    return {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {
            "subscription": owner["id"],
            "metadata": dict(owner["metadata"]),
        },
    }


def subscription_of(account: Account, invoice: Wire) -> Wire | None:
    """The subscription that the invoice is for."""
    parent = invoice["parent"]
    if parent is None:
        return None
    return account.subscriptions.get(parent["subscription_details"]["subscription"])


def finalize(account: Account, invoice: Wire, *, is_receipt: bool = False) -> Wire:
    """Fixes the amount: the customer's credit is used, and a negative total becomes credit, but not
    for the receipt of a checkout. An invoice of nothing is paid at once. Emits
    `invoice.finalized`."""
    if invoice["status"] != "draft":
        raise StripeError("This invoice is already finalized.", "invoice_not_editable")
    invoice["ending_balance"] = 0
    due = invoice["total"] if is_receipt else customer_balance.apply(account, invoice)
    invoice |= {
        "status": "open",
        "number": f"FAREBOX-{len(account.invoices):06d}",
        "effective_at": account.now(),
        "amount_due": due,
        "amount_remaining": due,
        "automatically_finalizes_at": None,
        "hosted_invoice_url": f"{account.address}/invoices/{invoice['id']}",
        "invoice_pdf": f"{account.address}/invoices/{invoice['id']}/pdf",
    }
    _transition(account, invoice, "finalized_at")
    account.events.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        _paid(account, invoice)
    return invoice


def _transition(account: Account, invoice: Wire, name: str) -> None:
    invoice["status_transitions"] = {**invoice["status_transitions"], name: account.now()}


def _paid(account: Account, invoice: Wire) -> None:
    """Emits `invoice_payment.paid`, `invoice.paid` and `invoice.payment_succeeded`."""
    invoice |= {
        "status": "paid",
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
    }
    _transition(account, invoice, "paid_at")
    for payment in account.invoice_payments.where(invoice=invoice["id"], status="open"):
        _settle_payment(account, payment)
    account.events.emit("invoice.paid", invoice)
    account.events.emit("invoice.payment_succeeded", invoice)


def link(account: Account, invoice: Wire, intent: Wire) -> None:
    """Makes the payment intent the invoice's payment; it settles the invoice if it has succeeded.
    Emits what paying emits."""
    add_payment(account, invoice, intent, is_default=True)
    invoice["attempt_count"] += 1
    invoice["attempted"] = True
    if intent["status"] == "succeeded":
        _paid(account, invoice)


def add_payment(account: Account, invoice: Wire, intent: Wire, *, is_default: bool) -> Wire:
    """An open payment of the invoice."""
    return account.invoice_payments.add(
        {
            "id": account.ids.new("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": intent["amount"],
            "created": account.now(),
            "currency": intent["currency"],
            "invoice": invoice["id"],
            "is_default": is_default,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def pay_part(account: Account, invoice: Wire, payment: Wire) -> None:
    """An open payment has succeeded: so much less is left for the others, and the last part pays
    the invoice. Emits `invoice_payment.paid`, and `invoice.updated` or what paying emits."""
    amount = payment["amount_requested"]
    _settle_payment(account, payment)
    invoice["amount_paid"] += amount
    invoice["amount_remaining"] -= amount
    if invoice["amount_remaining"] == 0:
        _cancel_payments(account, invoice)
        _paid(account, invoice)
        return
    for waiting, intent in _open_payments(account, invoice):
        waiting["amount_requested"] = intent["amount"] = invoice["amount_remaining"]
    account.events.emit("invoice.updated", invoice)


def _settle_payment(account: Account, payment: Wire) -> None:
    payment |= {"status": "paid", "amount_paid": payment["amount_requested"]}
    payment["status_transitions"] = {"canceled_at": None, "paid_at": account.now()}
    account.events.emit("invoice_payment.paid", payment)


def intent_of(account: Account, invoice: Wire) -> Wire | None:
    """The payment intent of the invoice's own payment, if one was attempted."""
    for payment in account.invoice_payments.where(invoice=invoice["id"]):
        if payment["is_default"]:
            return account.intents.get(payment["payment"]["payment_intent"])
    return None


def collect(
    account: Account,
    invoice: Wire,
    method: Wire | None,
    ended: Ended,
    *,
    off_session: bool = True,
) -> None:
    """One attempt to pay an open invoice; without a method it fails. `ended` is called with the
    invoice once it is paid or has failed, now or later."""
    intent = intent_of(account, invoice)
    if intent is None:
        params: Wire = {"customer": invoice["customer"], "description": "Subscription update"}
        intent = intents.new(account, invoice["amount_remaining"], invoice["currency"], params)
        link(account, invoice, intent)
    else:
        invoice["attempt_count"] += 1
    if method is not None:
        intents.attempt(account, intent, method, off_session=off_session)
    if intent["status"] in ("processing", "requires_action"):
        account.watch(intent, lambda last: end_attempt(account, invoice, last, ended))
    else:
        end_attempt(account, invoice, intent, ended)


def end_attempt(account: Account, invoice: Wire, intent: Wire, ended: Ended) -> None:
    """An attempt has ended. Emits `invoice.payment_failed`, or what a payment emits."""
    if intent["status"] == "succeeded":
        _paid(account, invoice)
        ended(invoice)
    else:
        # What follows (the next attempt) is part of the event's object.
        ended(invoice)
        account.events.emit("invoice.payment_failed", invoice)


def manual_invoice(account: Account, session: Wire, lines: list[Wire], intent: Wire) -> Wire:
    """The invoice of a checkout in payment mode."""
    now = account.now()
    made = [
        new_line(account, Billed(each["price"], each["quantity"], each["amount_total"], now, now))
        for each in lines
    ]
    data = session["invoice_creation"]["invoice_data"]
    metadata = dict(data.get("metadata") or {})
    wanted = Draft(session["customer"], "manual", made, now, now, metadata=metadata)
    invoice = draft(account, wanted)
    invoice |= {"description": data.get("description"), "footer": data.get("footer")}
    finalize(account, invoice, is_receipt=True)
    link(account, invoice, intent)
    if intent["status"] != "succeeded":
        account.watch(intent, lambda last: end_attempt(account, invoice, last, lambda _: None))
    return invoice


def void(account: Account, invoice: Wire) -> Wire:
    """Nothing of it is to be paid any more, and its credits are worth nothing. Emits
    `invoice.voided`. Raises `StripeError` for one that is not open, and while a payment of it is
    under way."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError(
            f"You can only pass in open or uncollectible invoices. This invoice is "
            f"{invoice['status']}.",
            "invoice_not_editable",
        )
    check_unpaid(account, invoice)
    invoice |= {"status": "void", "auto_advance": False, "next_payment_attempt": None}
    _cancel_payments(account, invoice)
    _transition(account, invoice, "voided_at")
    customer_balance.unapply(account, invoice)
    account.events.emit("invoice.voided", invoice)
    return invoice


def take_off(account: Account, invoice: Wire, amount: int) -> None:
    """So much less is to be paid of an open invoice; more where negative. One of which nothing is
    left is paid. Emits `invoice.updated` and what paying emits. Raises `StripeError` while a
    payment of it is under way."""
    check_unpaid(account, invoice)
    invoice["amount_due"] -= amount
    invoice["amount_remaining"] -= amount
    invoice["pre_payment_credit_notes_amount"] += amount
    for payment, intent in _open_payments(account, invoice):
        payment["amount_requested"] -= amount
        intent["amount"] -= amount
    account.events.emit("invoice.updated", invoice)
    if invoice["amount_remaining"] == 0:
        _cancel_payments(account, invoice)
        _paid(account, invoice)


def _open_payments(account: Account, invoice: Wire) -> list[tuple[Wire, Wire]]:
    """Those that wait for their payment intent, with it."""
    found = account.invoice_payments.where(invoice=invoice["id"], status="open")
    return [(each, account.intents.get(each["payment"]["payment_intent"])) for each in found]


def check_unpaid(account: Account, invoice: Wire) -> None:
    """Raises `StripeError` while a payment of it is under way."""
    for _, intent in _open_payments(account, invoice):
        if intent["status"] not in intents.PAYABLE:
            raise StripeError("A payment of this invoice is under way.", "invoice_not_editable")


def _cancel_payments(account: Account, invoice: Wire) -> None:
    for payment, intent in _open_payments(account, invoice):
        payment["status"] = "canceled"
        intents.end(account, intent, {})


def secret_of(account: Account, invoice: Wire) -> Wire | None:
    """The `confirmation_secret`, which an invoice only has when it is expanded."""
    intent = intent_of(account, invoice)
    if intent is None:
        return None
    return {"client_secret": client_secret(intent["id"]), "type": "payment_intent"}
