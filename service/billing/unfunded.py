"""Credit that no one has paid for, and what it pays for.

In a file of its own because it is of a customer, not of one payment. Stripe credits the unused time
of an invoice whether it is paid or not, and leaves the credit where it is when the money of that
invoice goes back later. Such credit must not bring credits: whoever is billed next is billed with
it. Of each customer, the first invoices that credit has paid count as paid with it."""

from collections.abc import Callable, Iterable, Sequence

from service.billing.money_back import carried_cents, unused_cents
from service.billing.purchases import PaymentFacts, Purchase
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import Invoice

Read = Callable[[str], Purchase | None]
"""What the payment of that id has brought, as it was settled last."""


def unfunded_cents(stripe: Stripe, read: Read, facts: PaymentFacts) -> int:
    """How much of the customer's credit, when the payment's invoice was made, no one has paid for.
    0 where no credit has paid any of it. Raises what `Stripe` and `read` raise."""
    invoice = facts.invoice
    if invoice is None or invoice.status != "paid" or carried_cents(invoice) <= 0:
        return 0
    found = stripe.invoices_until(invoice)
    others = (each for each in found if each.id != invoice.id)
    return max(0, sum(_surplus(stripe, read, each, found) for each in others))


def paid_with_credit(found: Iterable[Invoice]) -> list[Invoice]:
    """Those of the invoices that credit has paid at least a part of, the oldest first."""
    paid = (each for each in found if each.status == "paid" and carried_cents(each) > 0)
    return sorted(paid, key=lambda each: (each.created_at, each.id))


def _surplus(stripe: Stripe, read: Read, invoice: Invoice, found: Sequence[Invoice]) -> int:
    """By how much it adds to the credit that no one has paid for. What has brought nothing is
    worth what has paid it; what is void has returned that."""
    credited, carried = unused_cents(invoice.id, found), carried_cents(invoice)
    if not (credited or carried > 0 or invoice.has_credit_notes):
        return 0
    if invoice.status == "paid":
        purchase = read(stripe.retrieve_invoice(invoice.id).standing_id)
        if purchase is not None:
            return purchase.surplus_cents
    worth = 0 if invoice.status == "void" else invoice.paid_cents + max(0, carried)
    return max(0, credited - worth)
