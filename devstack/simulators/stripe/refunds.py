"""Refunds (https://docs.stripe.com/refunds): several and partial ones, some of which stay pending
and some of which fail, so that the money returns to the account."""

from devstack.simulators.stripe import balance, disputes
from devstack.simulators.stripe.account import Account, changed_metadata
from devstack.simulators.stripe.cards import SUCCEEDED
from devstack.simulators.stripe.errors import StripeError, invalid, missing_parameter
from devstack.simulators.stripe.wire import Wire

SETTLES_SECONDS = 5


def create(account: Account, params: Wire) -> Wire:
    """A refund of a request. Raises `StripeError`."""
    charge = _charge_of(account, params)
    behavior = account.behaviors[charge["payment_method"]].refund
    return of_payment(account, charge, params.get("amount"), behavior, params)


def of_payment(
    account: Account, charge: Wire, amount: int | None, behavior: str, params: Wire
) -> Wire:
    """Refunds that amount, or all that is left. Raises `StripeError`."""
    refundable = charge["amount"] - charge["amount_refunded"]
    chosen = refundable if amount is None else amount
    _check(account, charge, chosen, refundable)
    return _start(account, charge, chosen, behavior, params)


def _charge_of(account: Account, params: Wire) -> Wire:
    if "charge" in params:
        return account.charges.get(params["charge"], "charge")
    if "payment_intent" not in params:
        raise missing_parameter("charge")
    intent = account.intents.get(params["payment_intent"], "payment_intent")
    charge = account.charges.find(intent["latest_charge"] or "")
    if charge is None or charge["status"] == "failed":
        raise StripeError(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return charge


def _check(account: Account, charge: Wire, amount: int, refundable: int) -> None:
    if charge["status"] != "succeeded":
        raise StripeError(
            f"Charge {charge['id']} has not succeeded and cannot be refunded.",
            "charge_not_refundable",
        )
    if refundable == 0:
        raise StripeError(
            f"Charge {charge['id']} has already been refunded.", "charge_already_refunded"
        )
    if any(
        not each["is_charge_refundable"] for each in account.disputes.where(charge=charge["id"])
    ):
        raise StripeError(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            "charge_disputed",
        )
    if amount > refundable:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({refundable})",
            "amount",
        )


def _start(account: Account, charge: Wire, amount: int, behavior: str, params: Wire) -> Wire:
    """Refunds that amount, as `behavior` says: `succeeded`, `pending` (succeeds later) or `failed`
    (succeeds and fails later, as banks report it). Emits `refund.created`, `charge.refunded` and
    `refund.updated`."""
    refund: Wire = {
        "id": account.ids.new("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": account.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "destination_details": {
            "card": {"reference_status": "pending", "type": "refund"},
            "type": "card",
        },
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if behavior == "pending" else "succeeded",
        "transfer_reversal": None,
    }
    changed_metadata(refund, params)
    account.refunds.add(refund)
    _take(account, charge, refund)
    account.events.emit("refund.created", refund)
    account.events.emit("charge.refunded", charge)
    if charge["refunded"]:
        disputes.settle_warnings(account, charge)
    _schedule(account, refund, behavior)
    return refund


def _take(account: Account, charge: Wire, refund: Wire) -> None:
    kind = "refund" if charge["id"].startswith("ch") else "payment_refund"
    movement = balance.record(
        account, refund, -refund["amount"], type_=kind, category="refund", description="REFUND"
    )
    refund["balance_transaction"] = movement["id"]
    charge["amount_refunded"] += refund["amount"]
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]


def _schedule(account: Account, refund: Wire, behavior: str) -> None:
    due = account.now() + SETTLES_SECONDS
    if behavior == "pending":
        account.clock.schedule(due, lambda: finish(account, refund))
    elif behavior != SUCCEEDED:
        account.clock.schedule(due, lambda: fail(account, refund))


def finish(account: Account, refund: Wire) -> None:
    """A pending refund succeeds. Emits `refund.updated`. Does nothing to another."""
    if refund["status"] == "pending":
        refund["status"] = SUCCEEDED
        account.events.emit("refund.updated", refund, {"status": "pending"})


def fail(account: Account, refund: Wire, reason: str = "expired_or_canceled_card") -> None:
    """The bank returns the money: it is the account's again, and the charge is refunded by so much
    less. Emits `refund.failed`, `refund.updated` and `charge.refund.updated`. Does nothing to a
    refund that has failed or was canceled."""
    if refund["status"] not in ("pending", SUCCEEDED):
        return
    previous = {"status": refund["status"]}
    movement = balance.record(
        account, refund, refund["amount"], type_="refund_failure", category="refund_failure"
    )
    refund |= {
        "status": "failed",
        "failure_reason": reason,
        "failure_balance_transaction": movement["id"],
    }
    _undo(account, refund)
    account.events.emit("refund.failed", refund)
    account.events.emit("refund.updated", refund, previous)
    account.events.emit("charge.refund.updated", refund, previous)


def _undo(account: Account, refund: Wire) -> None:
    charge = account.charges.get(refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False


def cancel(account: Account, refund: Wire) -> Wire:
    """Stops a pending refund. Emits `refund.updated`. Raises `StripeError` for another."""
    if refund["status"] != "pending":
        raise StripeError(f"You cannot cancel a refund with status {refund['status']}.")
    balance.record(
        account, refund, refund["amount"], type_="refund_failure", category="refund_failure"
    )
    refund["status"] = "canceled"
    _undo(account, refund)
    account.events.emit("refund.updated", refund, {"status": "pending"})
    return refund


def update(account: Account, refund: Wire, params: Wire) -> Wire:
    """Changes the metadata. Emits `refund.updated`."""
    previous = {"metadata": refund["metadata"]}
    changed_metadata(refund, params)
    account.events.emit("refund.updated", refund, previous)
    return refund
