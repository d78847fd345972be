"""Disputes and early fraud warnings. What banks do is played by the controls
(https://docs.stripe.com/disputes/how-disputes-work)."""

from devstack.simulators.stripe import balance
from devstack.simulators.stripe.account import Account, changed_metadata
from devstack.simulators.stripe.errors import StripeError
from devstack.simulators.stripe.wire import Wire

RESPONSE_SECONDS = 9 * 86_400
_CLOSED = frozenset({"won", "lost", "warning_closed", "prevented"})
_EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def open_dispute(
    account: Account,
    charge: Wire,
    amount: int,
    *,
    currency: str = "",
    reason: str = "fraudulent",
    inquiry: bool = False,
) -> Wire:
    """The payer's bank disputes the charge. An inquiry moves no money yet. Emits
    `charge.dispute.created` and, with the money, `.funds_withdrawn`. Raises `StripeError`."""
    if charge["status"] != "succeeded" or amount < 1:
        raise StripeError("Only a payment that succeeded can be disputed.")
    dispute = account.disputes.add(
        {
            "id": account.ids.new("du"),
            "object": "dispute",
            "amount": amount,
            "balance_transactions": [],
            "charge": charge["id"],
            "created": account.now(),
            "currency": currency or charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": dict.fromkeys(_EVIDENCE) | {"enhanced_evidence": {}},
            "evidence_details": {
                "due_by": account.now() + RESPONSE_SECONDS,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": inquiry,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method_details": _details(charge, inquiry=inquiry),
            "reason": reason,
            "status": "warning_needs_response" if inquiry else "needs_response",
        }
    )
    charge["disputed"] = True
    account.events.emit("charge.dispute.created", dispute)
    if not inquiry:
        _withdraw(account, dispute)
    return dispute


def _details(charge: Wire, *, inquiry: bool) -> Wire | None:
    card = charge["payment_method_details"].get("card")
    if card is None:
        return None
    case = "inquiry" if inquiry else "chargeback"
    return {
        "type": "card",
        "card": {
            "brand": card["brand"],
            "case_type": case,
            "network": card["network"],
            "network_reason_code": "10.4",
        },
    }


def _withdraw(account: Account, dispute: Wire) -> None:
    _move(account, dispute, -dispute["amount"], account.policy.dispute_fee_cents)
    account.events.emit("charge.dispute.funds_withdrawn", dispute)


def _move(account: Account, dispute: Wire, amount: int, fee: int) -> None:
    movement = balance.record(
        account,
        dispute,
        amount,
        type_="adjustment",
        category="dispute" if amount < 0 else "dispute_reversal",
        fee=fee,
        description=f"Chargeback {'withdrawal' if amount < 0 else 'reversal'} "
        f"for {dispute['charge']}",
    )
    dispute["balance_transactions"] = [*dispute["balance_transactions"], movement]


def withdrawn(dispute: Wire) -> bool:
    """Whether the disputed money is with the payer's bank."""
    return bool(sum(each["amount"] for each in dispute["balance_transactions"]) < 0)


def escalate(account: Account, dispute: Wire) -> Wire:
    """Makes an inquiry a dispute. Emits `charge.dispute.updated` and `.funds_withdrawn`.
    Raises `StripeError`."""
    if dispute["status"] not in ("warning_needs_response", "warning_under_review"):
        raise StripeError("Only an open inquiry can become a dispute.")
    previous = {"status": dispute["status"]}
    dispute |= {"status": "needs_response", "is_charge_refundable": False}
    account.events.emit("charge.dispute.updated", dispute, previous)
    _withdraw(account, dispute)
    return dispute


def reinstate(account: Account, dispute: Wire) -> Wire:
    """The bank returns the money. Emits `charge.dispute.funds_reinstated`. Raises `StripeError`
    if it holds none."""
    if not withdrawn(dispute):
        raise StripeError("No money of this dispute is withdrawn.")
    _move(account, dispute, dispute["amount"], 0)
    account.events.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def close(account: Account, dispute: Wire, status: str) -> Wire:
    """The bank's decision: `won` returns the money that is withdrawn, `lost` keeps it,
    `warning_closed` ends an inquiry. Emits `charge.dispute.closed`. Raises `StripeError`."""
    inquiry = dispute["status"].startswith("warning_")
    if dispute["status"] in _CLOSED or (status == "warning_closed") != inquiry:
        raise StripeError(f"A dispute in status {dispute['status']} cannot become {status}.")
    dispute |= {"status": status, "is_charge_refundable": status == "warning_closed"}
    if status == "won" and withdrawn(dispute):
        reinstate(account, dispute)
    account.events.emit("charge.dispute.closed", dispute)
    return dispute


def update(account: Account, dispute: Wire, params: Wire) -> Wire:
    """Evidence of the merchant. Emits `charge.dispute.updated`. Raises `StripeError` for one that
    is closed."""
    if dispute["status"] in _CLOSED:
        raise StripeError("This dispute is already closed.", "dispute_already_closed")
    previous = {"evidence": dispute["evidence"], "status": dispute["status"]}
    if "evidence" in params:
        dispute["evidence"] = {**dispute["evidence"], **params["evidence"]}
        dispute["evidence_details"] = {**dispute["evidence_details"], "has_evidence": True}
    if params.get("submit"):
        count = dispute["evidence_details"]["submission_count"] + 1
        dispute["evidence_details"] = {**dispute["evidence_details"], "submission_count": count}
        dispute["status"] = dispute["status"].replace("needs_response", "under_review")
    changed_metadata(dispute, params)
    account.events.emit("charge.dispute.updated", dispute, previous)
    return dispute


def warn(account: Account, charge: Wire, *, fraud_type: str, actionable: bool = True) -> Wire:
    """The card network warns of fraud. Emits `radar.early_fraud_warning.created`."""
    warning: Wire = {
        "id": account.ids.new("issfr"),
        "object": "radar.early_fraud_warning",
        "actionable": actionable,
        "charge": charge["id"],
        "created": account.now(),
        "fraud_type": fraud_type,
        "livemode": False,
        "payment_intent": charge["payment_intent"],
    }
    account.warnings.add(warning)
    account.events.emit("radar.early_fraud_warning.created", warning)
    return warning


def settle_warnings(account: Account, charge: Wire) -> None:
    """Once the charge is refunded in full or disputed, nothing more can be done about its
    warnings. Emits `radar.early_fraud_warning.updated`."""
    for warning in account.warnings.where(charge=charge["id"]):
        change_warning(account, warning, actionable=False)


def change_warning(account: Account, warning: Wire, *, actionable: bool) -> Wire:
    """Emits `radar.early_fraud_warning.updated` where this changes it."""
    previous = {"actionable": warning["actionable"]}
    if warning["actionable"] != actionable:
        warning["actionable"] = actionable
        account.events.emit("radar.early_fraud_warning.updated", warning, previous)
    return warning
