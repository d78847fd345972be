"""Operators' actions on purchases: refund one, clear its fraud warning, settle it again.

In a file of its own because money moves at Stripe. Credits follow from what Stripe says afterwards,
never from what the operator wants."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from service.admin.entities import Action
from service.admin.operations import Actions, Performed
from service.billing.entities import StripeRefused
from service.billing.money_back import part_refunded_cents, parts_of
from service.billing.payments import Payments
from service.billing.purchases import (
    PaymentFacts,
    Purchase,
    PurchaseNotFound,
    RefundRefused,
    RefundTooLarge,
)
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import Refund
from service.ledger.operations import ConditionalWrite, Snapshot

ACTION = "operatorAction"
PAYMENT_ID = "paymentId"
AMOUNT_CENTS = "amountCents"
ALL = "all"


@dataclass(frozen=True)
class PurchasePerformed:
    """The action, and the purchase as it stands now; `refund_id` is that of the refund at
    Stripe."""

    performed: Performed
    purchase: Purchase
    refund_id: str | None = None


class PurchaseActions:
    """Every method raises `PurchaseNotFound`, and what `Actions.perform`, `Stripe` and
    `Payments.settle` raise. The same idempotency key again refunds nothing twice, and goes on where
    an earlier request stopped."""

    def __init__(self, actions: Actions, payments: Payments, stripe: Stripe) -> None:
        self._actions = actions
        self._payments = payments
        self._stripe = stripe

    def refund(
        self, action: Action, purchase: Purchase, payment_id: str, cents: int | None
    ) -> PurchasePerformed:
        """Refunds that much of that payment of the purchase (None: all that is left) and settles
        it. The action is recorded before Stripe is called: no refund is without its record. Raises
        `RefundTooLarge` before anything is done, and `RefundRefused` where Stripe refuses it
        afterwards."""
        facts = self._payments.facts_of(purchase.payment_id)

        def change(_: Snapshot) -> Sequence[ConditionalWrite]:
            _require_refundable(facts, purchase, payment_id, cents)
            return ()

        performed = self._actions.perform(action, change)
        made = _made_by(action, facts)
        refund = made or self._make(action, payment_id, cents)
        return self._settled(performed, purchase, refund.id)

    def clear_warning(self, action: Action, purchase: Purchase) -> PurchasePerformed:
        """Sets the payment's early fraud warnings aside, and settles it: an operator trusts the
        buyer. A later warning counts again. Raises `NothingToClear`."""
        facts = self._payments.facts_of(purchase.payment_id)
        warnings = [each.id for part in parts_of(facts, purchase) for each in part.warnings]
        clearing = self._payments.clearing(purchase.payment_id, warnings)
        performed = self._actions.perform(action, clearing.change, related=clearing.keys)
        return self._settled(performed, purchase)

    def settle(self, action: Action, payment_id: str) -> tuple[Performed, Purchase | None]:
        """Settles the payment by what Stripe says now, as every event of it does. Returns None for
        the purchase where the payment has still brought nothing."""
        performed = self._actions.perform(action)
        return performed, self._payments.settle(payment_id)

    def payment_of(self, named_id: str) -> str:
        """The payment that is settled for that id, which Stripe must know: an invoice, and each
        payment of it, stands for the payment intent that paid it first. Raises
        `PurchaseNotFound`."""
        try:
            facts = self._payments.facts_of(named_id)
        except StripeRefused as refusal:
            if refusal.is_missing:
                raise PurchaseNotFound from refusal
            raise
        if facts.intent is not None or facts.invoice is None:
            return facts.standing_id
        return facts.invoice.standing_id

    def buyer_of(self, payment_id: str) -> str | None:
        """None where the payment has brought nothing. Raises `PurchaseDamaged`."""
        purchase = self._payments.read(payment_id)
        return purchase.user_id if purchase else None

    def find(self, payment_id: str) -> Purchase:
        """Raises `PurchaseNotFound`, `PurchaseDamaged` and `StorageUnavailable`."""
        purchase = self._payments.read(payment_id)
        if purchase is None:
            raise PurchaseNotFound
        return purchase

    def find_paid_by(self, payment_id: str) -> Purchase:
        """The same for any payment of an invoice that was paid in parts. Raises what `payment_of`
        does."""
        purchase = self._payments.read(payment_id)
        return purchase or self.find(self.payment_of(payment_id))

    def _settled(
        self, performed: Performed, purchase: Purchase, refund_id: str | None = None
    ) -> PurchasePerformed:
        settled = self._payments.settle(purchase.payment_id)
        return PurchasePerformed(performed, settled or purchase, refund_id)

    def _make(self, action: Action, payment_id: str, cents: int | None) -> Refund:
        params: dict[str, object] = {
            "payment_intent": payment_id,
            "metadata": {ACTION: action.digest},
        }
        if cents is not None:
            params["amount"] = cents
        try:
            return self._stripe.create_refund(params, f"refund-{action.digest}")
        except StripeRefused as refusal:
            raise RefundRefused(details={"reason": refusal.reason or refusal.kind}) from refusal


def _made_by(action: Action, facts: PaymentFacts) -> Refund | None:
    """The refund that an earlier request with the same key made. Stripe forgets idempotency keys
    after a day; the refund's metadata stays."""
    refunds = chain(facts.refunds, *(part.refunds for part in facts.others))
    return next((each for each in refunds if each.metadata.get(ACTION) == action.digest), None)


def _require_refundable(
    facts: PaymentFacts, purchase: Purchase, payment_id: str, cents: int | None
) -> None:
    if facts.intent is None:
        raise RefundRefused(details={"reason": "paid_outside_of_stripe"})
    parts = (each for each in parts_of(facts, purchase) if each.payment_id == payment_id)
    left = sum(part.paid_cents - part_refunded_cents(part, purchase) for part in parts)
    if left <= 0 or (cents or 0) > left:
        raise RefundTooLarge(details={"leftCents": max(0, left), "currency": purchase.currency})
