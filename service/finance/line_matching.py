"""Matches the lines of a month with purchases, and keeps what differs.

In a file of its own because it queries Stripe about single payments, which the rules in `matching`
do not."""

from collections.abc import Iterable, Iterator

from service.billing.entities import StripeRefused
from service.billing.payments import Payments
from service.billing.purchase_records import PurchaseRecords
from service.billing.purchases import PaymentFacts, Purchase
from service.billing.stripe_objects import BalanceTransaction
from service.finance import matching
from service.finance.entities import (
    MATCHED,
    NOT_A_PAYMENT,
    NOT_OURS,
    Difference,
    Line,
    Mismatch,
)
from service.finance.money import is_earned

_MONEY_BACK = ("refund", "dispute")


class LineMatching:
    """Matches lines with purchases; each payment is queried at Stripe once at most."""

    def __init__(
        self,
        payments: Payments,
        records: PurchaseRecords,
        livemode: bool,
        purchases: dict[str, Purchase],
    ) -> None:
        self._payments = payments
        self._records = records
        self._livemode = livemode
        self._purchases = purchases | {
            part: purchase for purchase in purchases.values() for part in purchase.other_cents
        }
        self._results: dict[str, str] = {}
        self._facts: dict[str, PaymentFacts] = {}
        self._followed: set[str] = set()
        self.differences: list[Difference] = []

    def line(self, line: BalanceTransaction) -> Line:
        """The line with whose it is and whether it matches."""
        payment_id = line.payment_intent_id
        if not line.source_kind or not is_earned(line):
            return Line(line, NOT_A_PAYMENT)
        purchase = self._purchases.get(payment_id)
        if purchase is None:
            return Line(line, self._without_purchase(line), payment_id)
        found = list(self._differences(line, purchase))
        self.differences += found
        if found:
            self._results[payment_id] = found[0].mismatch.value
        result = self._results.get(payment_id, MATCHED)
        return Line(line, result, payment_id, purchase.user_id, purchase.reference)

    def require_at_stripe(self, purchases: Iterable[Purchase]) -> None:
        """Names those whose payment has not succeeded at Stripe. Others were charged in another
        month, or outside of Stripe."""
        for purchase in purchases:
            try:
                succeeded = self._facts_of(purchase.payment_id).succeeded
            except StripeRefused as refusal:
                if not refusal.is_missing:
                    raise
                succeeded = False
            if not succeeded:
                self.differences.append(matching.not_at_stripe(purchase))

    def require_followed(self, invoice_ids: Iterable[str]) -> None:
        """Names the purchases that do not follow what was credited of these invoices: no line says
        that it was. Raises `PurchaseDamaged`."""
        for invoice_id in invoice_ids:
            invoice = self._facts_of(invoice_id).invoice
            payment_id = invoice.standing_id if invoice else invoice_id
            if payment_id in self._followed:
                continue
            purchase = self._purchases.get(payment_id) or self._payments.read(payment_id)
            if purchase is not None:
                self._followed.add(payment_id)
                facts = self._facts_of(payment_id)
                self.differences += matching.money_back_differences(facts, purchase)

    def _differences(self, line: BalanceTransaction, purchase: Purchase) -> Iterator[Difference]:
        if line.source_kind == "charge":
            yield from matching.charge_differences(line, purchase)
        elif line.source_kind in _MONEY_BACK and purchase.payment_id not in self._followed:
            self._followed.add(purchase.payment_id)
            facts = self._facts_of(purchase.payment_id)
            yield from matching.money_back_differences(facts, purchase)

    def _without_purchase(self, line: BalanceTransaction) -> str:
        payment_id = line.payment_intent_id
        if payment_id not in self._results:
            self._results[payment_id] = self._result(line)
        return self._results[payment_id]

    def _result(self, line: BalanceTransaction) -> str:
        if not line.payment_intent_id or line.livemode not in (None, self._livemode):
            return NOT_OURS
        facts = self._facts_of(line.payment_intent_id)
        user_id = facts.intent.metadata.get("userId", "") if facts.intent else ""
        if not user_id and not self._records.is_customer(facts.customer_id):
            return NOT_OURS
        if matching.is_returned(facts):
            return MATCHED
        self.differences.append(
            matching.not_granted(
                line.payment_intent_id, facts.received_cents, facts.currency, user_id
            )
        )
        return Mismatch.NOT_GRANTED.value

    def _facts_of(self, payment_id: str) -> PaymentFacts:
        if payment_id not in self._facts:
            self._facts[payment_id] = self._payments.facts_of(payment_id)
        return self._facts[payment_id]
