"""What an operator changes of an invoice in the dashboard: metadata, and writing it off."""

from devstack.simulators.stripe.account import Account, changed_metadata
from devstack.simulators.stripe.errors import StripeError
from devstack.simulators.stripe.wire import Wire


def update(account: Account, invoice: Wire, params: Wire) -> Wire:
    """In any status. Emits `invoice.updated`."""
    previous: Wire = {"metadata": invoice["metadata"], "description": invoice["description"]}
    invoice["description"] = params.get("description", invoice["description"])
    invoice["metadata"] = dict(invoice["metadata"])
    changed_metadata(invoice, params)
    account.events.emit("invoice.updated", invoice, previous)
    return invoice


def write_off(account: Account, invoice: Wire) -> Wire:
    """It can still be paid. Emits `invoice.marked_uncollectible`. Raises `StripeError` for one that
    is not open."""
    if invoice["status"] != "open":
        raise StripeError(
            f"You can only pass in open invoices. This invoice is {invoice['status']}.",
            "invoice_not_editable",
        )
    invoice |= {"status": "uncollectible", "auto_advance": False, "next_payment_attempt": None}
    at = {"marked_uncollectible_at": account.now()}
    invoice["status_transitions"] = {**invoice["status_transitions"], **at}
    account.events.emit("invoice.marked_uncollectible", invoice)
    return invoice
