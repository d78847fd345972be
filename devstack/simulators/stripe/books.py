"""What Stripe's books say: what finance is matched against."""

from collections import defaultdict

from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.wire import Wire

_REFUNDED, _DISPUTED = ("refund", "refund_failure"), ("dispute", "dispute_reversal")


def books(account: Account) -> Wire:
    """Every payment with what was refunded and disputed of it and what it cost, the movements of
    the balance, and the totals of each currency, in cents."""
    movements = _by_source(account)
    return {
        "now": account.now(),
        "payments": [
            _payment(account, charge, movements)
            for charge in account.charges
            if charge["status"] == "succeeded"
        ],
        "refunds": list(account.refunds),
        "disputes": list(account.disputes),
        "warnings": list(account.warnings),
        "credit_notes": list(account.credit_notes),
        "customer_balances": list(account.customer_balances),
        "invoices": [{name: each[name] for name in _INVOICE} for each in account.invoices],
        "balance_transactions": list(account.balance),
        "totals": _totals(account),
        "sessions": {
            status: sum(1 for each in account.sessions if each["status"] == status)
            for status in ("open", "complete", "expired")
        },
    }


_INVOICE = ("id", "customer", "status", "billing_reason", "currency", "total", "amount_paid")


def _by_source(account: Account) -> dict[str, list[Wire]]:
    found: dict[str, list[Wire]] = defaultdict(list)
    for movement in account.balance:
        found[movement["source"]].append(movement)
    return found


def _payment(account: Account, charge: Wire, movements: dict[str, list[Wire]]) -> Wire:
    refunds = account.refunds.where(charge=charge["id"])
    disputed = account.disputes.where(charge=charge["id"])
    related = [
        movement for one in (charge, *refunds, *disputed) for movement in movements[one["id"]]
    ]
    return {
        "payment_intent": charge["payment_intent"],
        "charge": charge["id"],
        "customer": charge["customer"],
        "created": charge["created"],
        "currency": charge["currency"],
        "amount": charge["amount"],
        "refunded": -_sum(related, "amount", _REFUNDED),
        "disputed": -_sum(related, "amount", _DISPUTED),
        "fee": sum(each["fee"] for each in related),
        "net": sum(each["net"] for each in related),
        "metadata": account.intents.get(charge["payment_intent"])["metadata"],
    }


def _sum(movements: list[Wire], name: str, categories: tuple[str, ...]) -> int:
    return sum(each[name] for each in movements if each["reporting_category"] in categories)


def _totals(account: Account) -> Wire:
    """By currency: what came in and what went out by each reporting category, fees and the rest."""
    totals: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for movement in account.balance:
        of_currency = totals[movement["currency"]]
        of_currency[movement["reporting_category"]] += movement["amount"]
        of_currency["fees"] += movement["fee"]
        of_currency["net"] += movement["net"]
    return {currency: dict(sums) for currency, sums in totals.items()}
