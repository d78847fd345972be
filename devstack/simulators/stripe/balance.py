"""Balance transactions: every movement of the account's money, with Stripe's fees."""

from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.wire import Wire

PERCENT_TENTHS, FIXED_CENTS = 29, 30
AVAILABLE_SECONDS = 2 * 86_400


def payment_fee(amount: int) -> int:
    """2.9 % and 30 cents, rounded half up."""
    return (amount * PERCENT_TENTHS + 500) // 1_000 + FIXED_CENTS


def record(
    account: Account,
    source: Wire,
    amount: int,
    *,
    type_: str,
    category: str,
    fee: int = 0,
    description: str | None = None,
) -> Wire:
    """A movement of `amount` (negative: out of the account), of which Stripe keeps `fee`."""
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": source["currency"],
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return account.balance.add(
        {
            "id": account.ids.new("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": account.now() + AVAILABLE_SECONDS,
            "balance_type": "payments",
            "created": account.now(),
            "currency": source["currency"],
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": details if fee else [],
            "net": amount - fee,
            "reporting_category": category,
            "source": source["id"],
            "status": "pending",
            "type": type_,
        }
    )
