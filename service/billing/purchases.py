"""Purchases: what a payment has brought to a user, and what has been taken back of it. Pure.

In a file of its own because orders and subscriptions, which payments settle, have entities of
their own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from service.billing.stripe_objects import (
    CreditNote,
    Dispute,
    FraudWarning,
    Invoice,
    PaymentIntent,
    Refund,
)
from service.core.amounts import Amount
from service.core.errors import Conflict, NotFound, Unavailable
from service.ledger.details import PAID, PAYMENT_ID, REASON
from service.ledger.entities import OutcomeUnknown
from service.ledger.grants import Grant, GrantSource
from service.ledger.lots import LotKind
from service.ledger.operations import ConditionalWrite


class PurchaseNotFound(NotFound):
    code = "PURCHASE_NOT_FOUND"
    summary = "No credits have been granted for a payment with this id."


class PaymentBusy(Unavailable):
    """Others settled the same payment until the deadline: nothing of this attempt was written."""

    code = "PAYMENT_BUSY"
    summary = "This payment is being settled by others just now. Try again."
    retry_after = 2


class PaymentUnknown(OutcomeUnknown):
    summary = (
        "It is not yet known whether this payment was settled. Send the same request again: "
        "nothing is granted or taken twice."
    )
    details_example: ClassVar[Mapping[str, object]] = {}


class PurchaseDamaged(Conflict):
    """Nothing is settled on what someone has edited: writing it again would hide the edit."""

    code = "PURCHASE_DAMAGED"
    summary = "The item of this purchase is not as this service wrote it. Nothing is settled on it."
    advice = "Run the audit (docs/runbook.md, Payments)."


class RefundTooLarge(Conflict):
    code = "REFUND_TOO_LARGE"
    summary = "There is less left of this payment than should be refunded."
    details_example: ClassVar[Mapping[str, object]] = {"leftCents": 500, "currency": "usd"}


class RefundRefused(Conflict):
    """A definite refusal. That the refund was requested stays in the operators' log."""

    code = "REFUND_REFUSED"
    summary = "The payment provider refuses this refund; details.reason says why. Nothing moved."
    details_example: ClassVar[Mapping[str, object]] = {"reason": "charge_disputed"}


class NothingToClear(Conflict):
    code = "NOTHING_TO_CLEAR"
    summary = "No early fraud warning of this payment counts."


# What of an invoice was paid outside of Stripe's payments: no refund or dispute is of it.
OUTSIDE = "outside"


@dataclass(frozen=True, kw_only=True)
class PaidPart:
    """One payment, a part of what was paid for an invoice, and everything that has taken money of
    it back."""

    payment_id: str
    paid_cents: int
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    warnings: tuple[FraudWarning, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PaymentFacts:
    """One payment as Stripe has it now: an intent (`pi_…`), or an invoice that was paid without one
    (`in_…`), and everything that has taken money of it back. `invoice` is what the payment paid, if
    it paid one, and `others` what else has paid that; `credit_notes` are of it, and
    `later_invoices` those of the same customer in which its unused time may be credited.
    `unfunded_cents` is credit of theirs that no one has paid for, and that may have paid it
    (`billing.unfunded`)."""

    payment_id: str
    intent: PaymentIntent | None = None
    invoice: Invoice | None = None
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    warnings: tuple[FraudWarning, ...] = ()
    others: tuple[PaidPart, ...] = ()
    credit_notes: tuple[CreditNote, ...] = ()
    later_invoices: tuple[Invoice, ...] = ()
    unfunded_cents: int = 0

    @property
    def standing_id(self) -> str:
        """Under which payment's id the purchase is: of an invoice that was paid in parts, the
        first."""
        is_part = self.invoice is not None and self.payment_id in (
            each.intent_id for each in self.invoice.paid_parts
        )
        return self.invoice.standing_id if self.invoice and is_part else self.payment_id

    @property
    def _subject(self) -> PaymentIntent | Invoice:
        subject = self.intent or self.invoice
        if subject is None:
            raise ValueError("a payment is an intent or an invoice")
        return subject

    @property
    def invoice_id(self) -> str:
        """Empty for a payment without an invoice."""
        return self.invoice.id if self.invoice else ""

    @property
    def succeeded(self) -> bool:
        """Whether the whole amount has arrived. `processing` is not."""
        return self._subject.status == ("succeeded" if self.intent else "paid")

    @property
    def own_cents(self) -> int:
        """What this payment alone has brought, taxes included."""
        if self.intent is not None:
            return self.intent.received_cents
        return self.invoice.paid_cents if self.invoice else 0

    @property
    def received_cents(self) -> int:
        """What was paid altogether, taxes included."""
        return self.own_cents + sum(each.paid_cents for each in self.others)

    @property
    def currency(self) -> str:
        return self._subject.currency

    @property
    def customer_id(self) -> str:
        return self._subject.customer_id

    @property
    def livemode(self) -> bool:
        return self._subject.livemode

    @property
    def created_at(self) -> int:
        return self._subject.created_at


@dataclass(frozen=True, kw_only=True)
class Bought:
    """What a payment brings, as our own records of it say. `amount` includes any bonus;
    `paid_cents`, taxes included, is what refunds are a part of. `order` are the writes that make
    the order's own state say so, under the conditions of what was read; they are made in the
    grant's transaction. `reference` names the order or the period of a subscription; `reason` is
    shown to the user."""

    user_id: str
    amount: Amount
    kind: LotKind
    expires_at: int | None
    grant_source: GrantSource
    grant_id: str
    paid_cents: int
    currency: str
    reference: str
    reason: str = ""
    order: tuple[ConditionalWrite, ...] = ()


# What a payment bought, from our own records; None: nothing that this resolver knows. It is called
# outside of any transaction, and only for payments that have succeeded and that no credits have
# been granted for. One that finds a payment and a record that contradict each other alarms and
# returns None.
Resolver = Callable[[PaymentFacts], Bought | None]


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """One payment for which credits were granted. Of `granted`, which includes any bonus,
    `clawed_back` is what refunds, disputes, warnings and credits have taken; it follows from the
    cents by `billing.money_back`. `other_cents` is what of `paid_cents` other payments of the
    invoice have paid, by their ids. `moved_cents` is what credit, and no payment, has paid of the
    invoice, and `unfunded_cents` what of that no one has paid for; `credited_cents` what of the
    invoice was credited; `overlap_cents` what is lost more than once. `cleared` are the early fraud
    warnings that an operator has set aside, `entries` the versions of the wallet's CLAWBACK and
    RESTORE entries of this payment, `grant_entry` that of its grant. `recheck_at` is when a warning
    may count no more."""

    payment_id: str
    user_id: str
    source: GrantSource
    grant_id: str
    reference: str
    granted: Amount
    kind: LotKind
    lot_expires_at: int | None
    paid_cents: int
    currency: str
    grant_entry: int = 0
    version: int = 0
    clawed_back: Amount = 0
    refunded_cents: int = 0
    disputed_cents: int = 0
    warned_cents: int = 0
    overlap_cents: int = 0
    moved_cents: int = 0
    unfunded_cents: int = 0
    credited_cents: int = 0
    other_cents: Mapping[str, int] = field(default_factory=dict)
    cleared: tuple[str, ...] = ()
    entries: tuple[int, ...] = ()
    recheck_at: int | None = None
    at: int = 0
    updated_at: int = 0
    mac: str = ""

    @property
    def ref(self) -> str:
        """What the wallet's entries of this payment refer to: its grant."""
        return f"{self.source}:{self.grant_id}"

    @property
    def warned(self) -> bool:
        """Whether an early fraud warning of it stands."""
        return self.warned_cents > 0

    def cents_of(self, payment_id: str) -> int:
        """What that payment has paid of it."""
        own = self.paid_cents - sum(self.other_cents.values())
        return self.other_cents.get(payment_id, own)

    @property
    def worth_cents(self) -> int:
        """What its credits were bought for, in money and in credit of earlier payments."""
        return self.paid_cents + self.moved_cents

    @property
    def surplus_cents(self) -> int:
        """By how much it adds to the credit that no one has paid for: what was returned of it
        beyond its worth, less what of such credit has paid for it. Negative where it takes."""
        money = self.refunded_cents + self.disputed_cents + self.warned_cents - self.overlap_cents
        returned = money + self.credited_cents + self.unfunded_cents
        return max(0, returned - self.worth_cents) - self.unfunded_cents

    def faults(self) -> list[str]:
        """What is wrong with it by itself; empty for every purchase that the rules can make."""
        checks = {
            "clawedBack is not from 0 to granted": not 0 <= self.clawed_back <= self.granted,
            "nothing was granted": self.granted <= 0 or self.grant_entry <= 0,
            "an amount of money is negative": min(
                self.paid_cents,
                self.refunded_cents,
                self.disputed_cents,
                self.warned_cents,
                self.overlap_cents,
                self.moved_cents,
                self.unfunded_cents,
                self.credited_cents,
                self.cents_of(self.payment_id),
            )
            < 0,
            "its entries are not in order": list(self.entries) != sorted(set(self.entries)),
            "is warned without a time to look again": self.warned and self.recheck_at is None,
        }
        return [fault for fault, found in checks.items() if found]


def grant_of(bought: Bought, payment_id: str) -> Grant:
    """The grant that a payment makes. Raises `ValueError` for an id or amount that no grant has."""
    return Grant(
        source=bought.grant_source,
        grant_id=bought.grant_id,
        user_id=bought.user_id,
        amount=bought.amount,
        kind=bought.kind,
        expires_at=bought.expires_at,
        details={
            PAYMENT_ID: payment_id,
            PAID: f"{bought.paid_cents} {bought.currency}",
            REASON: bought.reason,
        },
    )


def purchase_of(bought: Bought, payment_id: str) -> Purchase:
    """The purchase before anything of it is written: version 0."""
    return Purchase(
        payment_id=payment_id,
        user_id=bought.user_id,
        source=bought.grant_source,
        grant_id=bought.grant_id,
        reference=bought.reference,
        granted=bought.amount,
        kind=bought.kind,
        lot_expires_at=bought.expires_at,
        paid_cents=bought.paid_cents,
        currency=bought.currency,
    )
