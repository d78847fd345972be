"""Credit notes: what is taken off an invoice after it was finalized. Before it is paid they lessen
what is left to pay; afterwards they are refunded, credited to the customer's balance or settled
outside of Stripe (https://docs.stripe.com/invoicing/integration/programmatic-credit-notes)."""

from devstack.simulators.stripe import customer_balance, invoices, refunds, renewals
from devstack.simulators.stripe.account import Account, changed_metadata
from devstack.simulators.stripe.cards import SUCCEEDED
from devstack.simulators.stripe.collection import list_of
from devstack.simulators.stripe.errors import StripeError, invalid
from devstack.simulators.stripe.intents import live_customer
from devstack.simulators.stripe.wire import Wire


def create(account: Account, params: Wire) -> Wire:
    """Emits what its refund and the invoice emit, and `credit_note.created`. Raises `StripeError`
    for more than is left of the invoice, for parts that are not the whole, and for credit that no
    customer can have."""
    invoice = account.invoices.get(params["invoice"], "invoice")
    if invoice["status"] not in ("open", "paid"):
        raise invalid(f"Invoice {invoice['id']} is {invoice['status']}.", "invoice")
    identifier = account.ids.new("cn")
    lines = _lines(account, params, invoice)
    amount = sum(line["amount"] for line in lines)
    _check_amount(account, invoice, amount)
    before = min(amount, invoice["amount_remaining"]) if invoice["status"] == "open" else 0
    _check_parts(params, amount - before)
    credit = params.get("credit_amount", 0)
    customer = _credited(account, invoice) if credit else None
    if before:
        invoices.check_unpaid(account, invoice)
    note = _note(account, invoice, params, identifier, (amount, before))
    note["lines"] = list_of(lines, f"/v1/credit_notes/{identifier}/lines", {})
    note["refunds"] = _refunds(account, invoice, params)
    changed_metadata(note, params)
    account.credit_notes.add(note)
    if customer is not None:
        record = customer_balance.change(
            account,
            customer,
            -credit,
            "credit_note",
            currency=invoice["currency"],
            credit_note=identifier,
        )
        note["customer_balance_transaction"] = record["id"]
    invoice["post_payment_credit_notes_amount"] += amount - before
    account.events.emit("credit_note.created", note)
    if before:
        _take_off(account, invoice, before)
    return note


def _lines(account: Account, params: Wire, invoice: Wire) -> list[Wire]:
    if ("amount" in params) == ("lines" in params):
        raise invalid("Pass one of amount and lines.", "amount")
    if "amount" in params:
        return [_line(account, {"type": "custom_line_item", "unit_amount": params["amount"]})]
    known = {line["id"] for line in account.lines[invoice["id"]]}
    for index, line in enumerate(params["lines"]):
        if line["type"] == "invoice_line_item" and line.get("invoice_line_item") not in known:
            raise invalid("No such line.", f"lines[{index}][invoice_line_item]")
    return [_line(account, line) for line in params["lines"]]


def _line(account: Account, wanted: Wire) -> Wire:
    quantity = int(wanted.get("quantity", 1))
    amount = wanted["amount"] if "amount" in wanted else wanted.get("unit_amount", 0) * quantity
    line: Wire = {
        "id": account.ids.new("cnli"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": wanted.get("description"),
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "metadata": None,
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": [],
        "taxes": [],
        "type": wanted["type"],
        "unit_amount": wanted.get("unit_amount"),
        "unit_amount_decimal": None,
    }
    if "invoice_line_item" in wanted:
        line["invoice_line_item"] = wanted["invoice_line_item"]
    return line


def _check_amount(account: Account, invoice: Wire, amount: int) -> None:
    noted = sum(
        part["amount_refunded"]
        for note in account.credit_notes.where(invoice=invoice["id"])
        for part in note["refunds"]
    )
    charge = _charge_of(account, invoice)
    refunded = charge["amount_refunded"] - noted if charge is not None else 0
    credited = (
        invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
    )
    left = invoice["total"] - credited - max(0, refunded)
    if not 0 < amount <= left:
        raise invalid(f"A credit note of {amount}; {max(0, left)} can be credited.", "amount")


def _check_parts(params: Wire, after: int) -> None:
    """What is credited after the payment must go somewhere."""
    linked = sum(each.get("amount_refunded", 0) for each in params.get("refunds", ()))
    names = ("refund_amount", "credit_amount", "out_of_band_amount")
    parts = linked + sum(params.get(name, 0) for name in names)
    if parts != after:
        raise StripeError(
            f"The sum of credit amount, refund amount and out of band amount ({parts}) must equal "
            f"the post payment amount ({after})."
        )


def _credited(account: Account, invoice: Wire) -> Wire:
    """Whose balance a note credits. Raises `StripeError` where the invoice has no customer, or one
    who was deleted."""
    if invoice["customer"] is None:
        raise invalid("The invoice has no customer whose balance can be credited.", "credit_amount")
    return live_customer(account, invoice["customer"], "credit_amount")


def _note(
    account: Account, invoice: Wire, params: Wire, identifier: str, cents: tuple[int, int]
) -> Wire:
    amount, before = cents
    after = amount - before
    kind = "mixed" if before and after else "pre_payment" if before else "post_payment"
    number = len(account.credit_notes.where(invoice=invoice["id"])) + 1
    return {
        "id": identifier,
        "object": "credit_note",
        "amount": amount,
        "amount_shipping": 0,
        "created": account.now(),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": params.get("effective_at", account.now()),
        "invoice": invoice["id"],
        "livemode": False,
        "memo": params.get("memo"),
        "metadata": {},
        "number": f"{invoice['number']}-CN-{number:02d}",
        "out_of_band_amount": params.get("out_of_band_amount"),
        "pdf": f"{account.address}/credit_notes/{identifier}/pdf",
        "post_payment_amount": after,
        "pre_payment_amount": before,
        "pretax_credit_amounts": [],
        "reason": params.get("reason"),
        "shipping_cost": None,
        "status": "issued",
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "total_taxes": [],
        "type": kind,
        "voided_at": None,
    }


def _charge_of(account: Account, invoice: Wire) -> Wire | None:
    for payment in account.invoice_payments.where(invoice=invoice["id"], status="paid"):
        intent = account.intents.get(payment["payment"]["payment_intent"])
        return account.charges.find(intent["latest_charge"] or "")
    return None


def _refunds(account: Account, invoice: Wire, params: Wire) -> list[Wire]:
    """Refunds that were made before, and the one that it makes."""
    linked = []
    for each in params.get("refunds", ()):
        refund = account.refunds.get(each["refund"], "refunds")
        linked.append(_part(refund, each.get("amount_refunded", refund["amount"])))
    if amount := params.get("refund_amount", 0):
        charge = _charge_of(account, invoice)
        if charge is None:
            raise invalid("The invoice has no payment that can be refunded.", "refund_amount")
        linked.append(_part(refunds.of_payment(account, charge, amount, SUCCEEDED, {}), amount))
    return linked


def _part(refund: Wire, amount: int) -> Wire:
    return {
        "amount_refunded": amount,
        "payment_record_refund": None,
        "refund": refund["id"],
        "type": "refund",
    }


def _take_off(account: Account, invoice: Wire, amount: int) -> None:
    invoices.take_off(account, invoice, amount)
    if invoice["status"] == "paid":
        renewals.after_attempt(account, invoice)


def update(account: Account, note: Wire, params: Wire) -> Wire:
    """Emits `credit_note.updated`."""
    previous: Wire = {"metadata": note["metadata"], "memo": note["memo"]}
    note["memo"] = params.get("memo", note["memo"])
    note["metadata"] = dict(note["metadata"])
    changed_metadata(note, params)
    account.events.emit("credit_note.updated", note, previous)
    return note


def void(account: Account, note: Wire) -> Wire:
    """What it took off an open invoice is to be paid again. Emits `invoice.updated` and
    `credit_note.voided`. Raises `StripeError` once the invoice is paid."""
    invoice = account.invoices.get(note["invoice"])
    if note["status"] != "issued" or invoice["status"] != "open":
        raise StripeError("You can only void a credit note of an open invoice.")
    invoices.take_off(account, invoice, -note["pre_payment_amount"])
    note |= {"status": "void", "voided_at": account.now()}
    account.events.emit("credit_note.voided", note)
    return note
