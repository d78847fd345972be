"""Stripe's objects as this service uses them: frozen, and only the fields that are read. Nothing
beyond the adapter touches an object of Stripe's library.

Amounts are whole numbers of the currency's smallest unit (`_cents`), currencies lower-case ISO
4217, times epoch milliseconds; ids that Stripe leaves out are empty. Fields as in API version
2026-10-28.endive (https://docs.stripe.com/api)."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class CheckoutSession:
    """`status` is open, complete or expired; `payment_status` paid, unpaid or
    no_payment_required."""

    id: str
    mode: str
    status: str
    payment_status: str
    amount_total_cents: int
    amount_subtotal_cents: int
    currency: str
    customer_id: str
    client_reference_id: str
    payment_intent_id: str
    subscription_id: str
    invoice_id: str
    metadata: Mapping[str, str]
    client_secret: str
    url: str
    created_at: int
    expires_at: int
    livemode: bool


@dataclass(frozen=True, kw_only=True)
class SessionName:
    """A checkout session of any mode: one that saves a card has no amount."""

    id: str


@dataclass(frozen=True, kw_only=True)
class PaymentIntent:
    """`status` is requires_payment_method, requires_confirmation, requires_action, processing,
    requires_capture, canceled or succeeded. `action_url` is where a person confirms a payment that
    requires an action, if Stripe has a page for it."""

    id: str
    status: str
    amount_cents: int
    received_cents: int
    currency: str
    customer_id: str
    payment_method_id: str
    latest_charge_id: str
    metadata: Mapping[str, str]
    error_code: str
    action_url: str
    client_secret: str = field(repr=False, default="")
    created_at: int
    livemode: bool


@dataclass(frozen=True, kw_only=True)
class Refund:
    """`status` is pending, requires_action, succeeded, failed or canceled."""

    id: str
    status: str
    amount_cents: int
    currency: str
    charge_id: str
    payment_intent_id: str
    metadata: Mapping[str, str]
    created_at: int


@dataclass(frozen=True, kw_only=True)
class DisputeMovement:
    """Money that a dispute took from our balance (negative) or returned to it."""

    id: str
    amount_cents: int
    currency: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Dispute:
    """`status` is warning_needs_response, warning_under_review, warning_closed, needs_response,
    under_review, won, lost or prevented."""

    id: str
    status: str
    reason: str
    amount_cents: int
    currency: str
    charge_id: str
    payment_intent_id: str
    movements: tuple[DisputeMovement, ...]
    created_at: int
    livemode: bool


@dataclass(frozen=True, kw_only=True)
class FraudWarning:
    """An early fraud warning. `actionable`: neither refunded nor disputed since."""

    id: str
    kind: str
    actionable: bool
    charge_id: str
    payment_intent_id: str
    created_at: int
    livemode: bool


@dataclass(frozen=True, kw_only=True)
class CreditNote:
    """`status` is issued or void. `amount_cents` is all that it takes off its invoice, before or
    after that was paid; `refunds` are the cents of it that were returned as refunds, by their
    ids."""

    id: str
    status: str
    amount_cents: int
    pre_payment_cents: int
    currency: str
    invoice_id: str
    refunds: Mapping[str, int]
    created_at: int
    livemode: bool


@dataclass(frozen=True, kw_only=True)
class InvoiceLine:
    """`total_cents` is `amount_cents` less discounts, with the taxes that are not in it: negative
    for a credit. `credited_invoice_id` is the invoice whose unused time it credits; empty for a
    line that credits none."""

    id: str
    amount_cents: int
    total_cents: int
    currency: str
    price_id: str
    subscription_id: str
    quantity: int
    is_proration: bool
    credited_invoice_id: str
    period_start_at: int
    period_end_at: int


@dataclass(frozen=True, kw_only=True)
class InvoicePayment:
    """`status` is open or paid; `intent_id` is empty for one outside of Stripe's payments."""

    id: str
    status: str
    paid_cents: int
    intent_id: str
    created_at: int


@dataclass(frozen=True, kw_only=True)
class Invoice:
    """`status` is draft, open, paid, uncollectible or void; `payments` those that are not canceled,
    the paid ones first, then the oldest; `metadata` the subscription's at the time, `notes` its own
    metadata. `all_lines`, `all_payments`: none is missing. `from_balance_cents` is what the
    customer's balance has paid of it, negative where it has added to the balance.
    `has_credit_notes`: a part of it was credited by credit notes, void ones not counted."""

    id: str
    status: str
    billing_reason: str
    total_cents: int
    paid_cents: int
    currency: str
    customer_id: str
    subscription_id: str
    payments: tuple[InvoicePayment, ...]
    all_payments: bool
    lines: tuple[InvoiceLine, ...]
    all_lines: bool
    from_balance_cents: int
    has_credit_notes: bool
    metadata: Mapping[str, str]
    notes: Mapping[str, str]
    created_at: int
    livemode: bool

    @property
    def payment_intent_ids(self) -> tuple[str, ...]:
        return tuple(each.intent_id for each in self.payments if each.intent_id)

    @property
    def paid_parts(self) -> tuple[InvoicePayment, ...]:
        """The payments that have paid it, each a part or the whole."""
        return tuple(each for each in self.payments if each.status == "paid")

    @property
    def standing_id(self) -> str:
        """What is settled for the invoice: the first payment intent that has paid a part of it.
        Without one it was paid from the customer's balance or outside of Stripe, or was free, and
        stands for itself."""
        paid = (each.intent_id for each in self.paid_parts if each.intent_id)
        return next(paid, self.id)


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """`status` is active, canceled, incomplete, incomplete_expired, past_due, paused, trialing or
    unpaid. Times that do not apply are 0."""

    id: str
    status: str
    customer_id: str
    price_ids: tuple[str, ...]
    period_start_at: int
    period_end_at: int
    trial_ends_at: int
    cancels_at: int
    ended_at: int
    cancels_at_period_end: bool
    latest_invoice_id: str
    payment_method_id: str
    metadata: Mapping[str, str]
    created_at: int
    livemode: bool


@dataclass(frozen=True, kw_only=True)
class Customer:
    """`payment_method_id` is the default of invoices."""

    id: str
    deleted: bool
    email: str
    payment_method_id: str
    metadata: Mapping[str, str]
    livemode: bool


@dataclass(frozen=True, kw_only=True)
class StripeEvent:
    """What an event says happened, and to which object. `object` is Stripe's JSON of that object at
    that time: a hint, never the truth."""

    id: str
    kind: str
    object_kind: str
    object_id: str
    object: Mapping[str, object] = field(repr=False)
    api_version: str
    created_at: int
    livemode: bool


@dataclass(frozen=True, kw_only=True)
class PortalSession:
    id: str
    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class BalanceTransaction:
    """One movement of our balance at Stripe, in the currency of the balance and its smallest unit:
    `net_cents` is `amount_cents` less `fee_cents`, and out of the balance is negative. `category`
    is Stripe's reporting category. `source_cents` and `source_currency` are what the charge, refund
    or dispute itself says, in the currency of the payment; `source_kind` is empty for what is none.
    `customer_id` and `metadata` are those of a charge."""

    id: str
    kind: str
    category: str
    amount_cents: int
    fee_cents: int
    net_cents: int
    currency: str
    source_id: str
    source_kind: str
    source_cents: int
    source_currency: str
    payment_intent_id: str
    charge_id: str
    customer_id: str
    metadata: Mapping[str, str]
    livemode: bool | None
    created_at: int
