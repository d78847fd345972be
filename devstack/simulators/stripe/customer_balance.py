"""The balance of a customer: what is credited to them (negative) or owed by them, and used by their
next invoice (https://docs.stripe.com/billing/customer/balance)."""

from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.wire import Wire

# An invoice of less is not charged: the next one is.
MIN_CHARGE = 50


def change(
    account: Account,
    customer: Wire,
    amount: int,
    kind: str,
    *,
    currency: str,
    invoice: str | None = None,
    credit_note: str | None = None,
) -> Wire:
    """Adds that amount to the balance, and records why. Returns the record."""
    customer["balance"] += amount
    identifier = account.ids.new("cbtxn")
    return account.customer_balances.add(
        {
            "id": identifier,
            "object": "customer_balance_transaction",
            "amount": amount,
            "checkout_session": None,
            "created": account.now(),
            "credit_note": credit_note,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "description": None,
            "ending_balance": customer["balance"],
            "invoice": invoice,
            "livemode": False,
            "metadata": {},
            "type": kind,
        }
    )


def left_to_pay(customer: Wire, total: int) -> tuple[int, int]:
    """What is charged of that total, and the balance afterwards."""
    due = total + int(customer.get("balance", 0))
    after = due if due < MIN_CHARGE else 0
    return due - after, after


def apply(account: Account, invoice: Wire) -> int:
    """Uses the balance for an invoice that is being finalized, and returns what is left to pay of
    it. What is credited by it, or is too little to be charged, changes the balance instead."""
    customer = account.customers.find(invoice["customer"] or "")
    total = int(invoice["total"])
    if customer is None or customer.get("deleted"):
        invoice["ending_balance"] = 0
        return max(0, total)
    before = int(customer["balance"])
    left, after = left_to_pay(customer, total)
    invoice |= {"starting_balance": before, "ending_balance": after}
    if after != before:
        applied = before < 0 < total
        kind = "applied_to_invoice" if applied or before > 0 else "invoice_too_small"
        change(
            account,
            customer,
            after - before,
            kind,
            currency=invoice["currency"],
            invoice=invoice["id"],
        )
    return left


def unapply(account: Account, invoice: Wire) -> None:
    """An invoice is void: what its customer's balance has paid of it is credited again, and what
    it added to the balance is taken back."""
    customer = account.customers.find(invoice["customer"] or "")
    used = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    if customer is not None and not customer.get("deleted") and used:
        change(
            account,
            customer,
            -used,
            "unapplied_from_invoice",
            currency=invoice["currency"],
            invoice=invoice["id"],
        )
