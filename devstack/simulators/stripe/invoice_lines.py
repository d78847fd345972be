"""The lines of invoices, and what they come to."""

from dataclasses import dataclass

from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.wire import Wire


@dataclass(frozen=True)
class Billed:
    """What a line is for: an amount at a price, of a subscription's item for a period, or of
    neither. `proration`: a part of a period's price, negative for what is credited."""

    price: Wire
    quantity: int
    amount: int
    start: int
    end: int
    subscription: Wire | None = None
    item_id: str = ""
    proration: bool = False
    description: str = ""


def new_line(account: Account, billed: Billed) -> Wire:
    """A line that no invoice has yet."""
    price = billed.price
    owner = billed.subscription
    name = account.products.get(price["product"])["name"]
    return {
        "id": account.ids.new("il"),
        "object": "line_item",
        "amount": billed.amount,
        "currency": price["currency"],
        "description": billed.description or f"{billed.quantity} × {name}",
        "discount_amounts": [],
        "discountable": not billed.proration,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": dict(owner["metadata"]) if owner else {},
        "parent": _parent(account, billed),
        "period": {"start": billed.start, "end": billed.end},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": billed.quantity,
        "subscription": owner["id"] if owner else None,
        "subtotal": billed.amount,
        "taxes": [],
    }


def invoiced_lines(account: Account, lines: list[Wire], invoice: str) -> list[Wire]:
    """The lines as those of that invoice. A credit names the line that it is of, and the invoice of
    that line, which may be the same one."""
    for line in lines:
        account.invoiced[line["id"]] = invoice
    made = [_of_invoice(account, line, invoice) for line in lines]
    account.lines[invoice] = made
    return made


def _of_invoice(account: Account, line: Wire, invoice: str) -> Wire:
    line = {**line, "invoice": invoice}
    debit = account.credited.get(line["id"])
    if debit is None:
        return line
    parent = line["parent"]
    details = parent["subscription_item_details"]
    items = {"invoice": account.invoiced[debit], "invoice_line_items": [debit]}
    details = {**details, "proration_details": {"credited_items": items}}
    return {**line, "parent": {**parent, "subscription_item_details": details}}


def _parent(account: Account, billed: Billed) -> Wire:
    proration: Wire = {"proration": billed.proration, "proration_details": {"credited_items": None}}
    if billed.subscription is None:
        details = {"invoice_item": account.ids.new("ii"), "subscription": None, **proration}
        return {
            "type": "invoice_item_details",
            "invoice_item_details": details,
            "subscription_item_details": None,
        }
    details = {
        "invoice_item": account.ids.new("ii") if billed.proration else None,
        "subscription": billed.subscription["id"],
        "subscription_item": billed.item_id,
        **proration,
    }
    return {
        "type": "subscription_item_details",
        "invoice_item_details": None,
        "subscription_item_details": details,
    }
