"""Charges: single attempts at a payment (https://docs.stripe.com/api/charges)."""

from devstack.simulators.stripe import balance
from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.cards import PROCESSING, SUCCEEDED, error_code
from devstack.simulators.stripe.payment_methods import details_of
from devstack.simulators.stripe.wire import Wire

_STATUSES = {SUCCEEDED: "succeeded", PROCESSING: "pending"}


def create(account: Account, intent: Wire, method: Wire, outcome: str) -> Wire:
    """One attempt with that outcome. Emits `charge.succeeded`, `.pending` or `.failed`."""
    status = _STATUSES.get(outcome, "failed")
    identifier = account.ids.new("py" if method["type"] != "card" else "ch")
    charge = _charge(account, identifier, intent, method, status)
    if status == "failed":
        charge |= {"failure_code": error_code(outcome), "failure_message": message(outcome)}
    charge["outcome"] = _outcome(status, outcome)
    account.charges.add(charge)
    if status == "succeeded":
        _credit(account, charge)
    account.events.emit(f"charge.{status}", charge)
    return charge


def _charge(account: Account, identifier: str, intent: Wire, method: Wire, status: str) -> Wire:
    return {
        "id": identifier,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0 if status == "failed" else intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": dict(method["billing_details"]),
        "calculated_statement_descriptor": "FAREBOX" if method["type"] == "card" else None,
        "captured": status != "failed",
        "created": account.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": None,
        "paid": status == "succeeded",
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": details_of(method),
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"{account.address}/receipts/{identifier}" if status != "failed" else None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": status,
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }


def _outcome(status: str, outcome: str) -> Wire:
    declined = status == "failed"
    return {
        "advice_code": "try_again_later" if declined else None,
        "network_advice_code": None,
        "network_decline_code": "01" if declined else None,
        "network_status": "declined_by_network" if declined else "approved_by_network",
        "reason": outcome if declined else None,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": message(outcome) if declined else "Payment complete.",
        "type": "issuer_declined" if declined else "authorized",
    }


def _credit(account: Account, charge: Wire) -> None:
    amount = charge["amount"]
    movement = balance.record(
        account,
        charge,
        amount,
        type_="charge" if charge["id"].startswith("ch") else "payment",
        category="charge",
        fee=balance.payment_fee(amount),
        description=charge["description"],
    )
    charge["balance_transaction"] = movement["id"]


def settle(account: Account, charge: Wire, outcome: str) -> None:
    """Ends a pending charge. Emits `charge.succeeded` or `charge.failed`."""
    if outcome == SUCCEEDED:
        charge |= {"status": "succeeded", "paid": True}
        _credit(account, charge)
    else:
        charge |= {
            "status": "failed",
            "amount_captured": 0,
            "captured": False,
            "failure_code": error_code(outcome),
            "failure_message": message(outcome),
            "outcome": _outcome("failed", outcome),
        }
    account.events.emit(f"charge.{charge['status']}", charge)


def message(decline: str) -> str:
    """What Stripe says to the payer about a decline."""
    texts = {
        "insufficient_funds": "Your card has insufficient funds.",
        "expired_card": "Your card has expired.",
        "incorrect_cvc": "Your card's security code is incorrect.",
        "processing_error": "An error occurred while processing your card.",
        "authentication_required": "This payment requires authentication.",
    }
    return texts.get(decline, "Your card was declined.")
