"""One Stripe account: all its objects, its clock and its events."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from devstack.simulators.stripe.cards import Behavior
from devstack.simulators.stripe.collection import Collection
from devstack.simulators.stripe.events import Events
from devstack.simulators.stripe.ids import Ids
from devstack.simulators.stripe.movable_clock import MovableClock
from devstack.simulators.stripe.wire import Wire
from service.core.clock import Clock

RETRY_DAYS = (3, 5, 7)

# Called when a payment that was under way has ended, with the payment intent.
Ended = Callable[[Wire], object]


@dataclass
class Policy:
    """What an account's owner sets in the dashboard. `after_retries` is the status of a
    subscription whose invoice failed for good; `processing_seconds` how long delayed payments
    take; `tax_percent` what a checkout with automatic tax adds."""

    retry_days: tuple[int, ...] = RETRY_DAYS
    after_retries: str = "canceled"
    processing_seconds: int = 5
    dispute_fee_cents: int = 1_500
    tax_percent: int = 0


@dataclass(frozen=True)
class Planned:
    """An outcome that the next payment of `customer` (empty: of anyone) meets."""

    outcome: str
    customer: str = ""


@dataclass
class Account:
    """The state that all operations share. One lock, held by whoever calls them, protects it."""

    clock: MovableClock
    ids: Ids
    events: Events
    address: str
    policy: Policy = field(default_factory=Policy)
    customers: Collection = field(default_factory=lambda: Collection("customer", "/v1/customers"))
    products: Collection = field(default_factory=lambda: Collection("product", "/v1/products"))
    prices: Collection = field(default_factory=lambda: Collection("price", "/v1/prices", "product"))
    methods: Collection = field(
        default_factory=lambda: Collection("payment_method", "/v1/payment_methods")
    )
    intents: Collection = field(
        default_factory=lambda: Collection("payment_intent", "/v1/payment_intents", "customer")
    )
    setups: Collection = field(
        default_factory=lambda: Collection("setup_intent", "/v1/setup_intents", "customer")
    )
    charges: Collection = field(
        default_factory=lambda: Collection("charge", "/v1/charges", "payment_intent", "customer")
    )
    refunds: Collection = field(
        default_factory=lambda: Collection("refund", "/v1/refunds", "charge", "payment_intent")
    )
    disputes: Collection = field(
        default_factory=lambda: Collection("dispute", "/v1/disputes", "charge", "payment_intent")
    )
    warnings: Collection = field(
        default_factory=lambda: Collection(
            "radar.early_fraud_warning", "/v1/radar/early_fraud_warnings", "charge"
        )
    )
    balance: Collection = field(
        default_factory=lambda: Collection(
            "balance_transaction", "/v1/balance_transactions", "source"
        )
    )
    sessions: Collection = field(
        default_factory=lambda: Collection("checkout.session", "/v1/checkout/sessions")
    )
    subscriptions: Collection = field(
        default_factory=lambda: Collection("subscription", "/v1/subscriptions", "customer")
    )
    invoices: Collection = field(
        default_factory=lambda: Collection("invoice", "/v1/invoices", "customer")
    )
    invoice_payments: Collection = field(
        default_factory=lambda: Collection(
            "invoice_payment", "/v1/invoice_payments", "invoice", "payment.payment_intent"
        )
    )
    credit_notes: Collection = field(
        default_factory=lambda: Collection("credit_note", "/v1/credit_notes", "invoice")
    )
    customer_balances: Collection = field(
        default_factory=lambda: Collection(
            "customer_balance_transaction", "/v1/customers/balance_transactions", "customer"
        )
    )
    portals: Collection = field(
        default_factory=lambda: Collection("billing_portal.session", "/v1/billing_portal/sessions")
    )
    # What goes over no wire, by the object's id.
    behaviors: dict[str, Behavior] = field(default_factory=dict)
    line_items: dict[str, list[Wire]] = field(default_factory=dict)
    requests: dict[str, Wire] = field(default_factory=dict)
    pending_lines: dict[str, list[Wire]] = field(default_factory=dict)
    # The line that billed a subscription's item last, and the line that a credit is of.
    billed: dict[str, str] = field(default_factory=dict)
    credited: dict[str, str] = field(default_factory=dict)
    # All lines of each invoice; an invoice itself comes with the first ten.
    lines: dict[str, list[Wire]] = field(default_factory=dict)
    # The invoice of each line.
    invoiced: dict[str, str] = field(default_factory=dict)
    watchers: dict[str, list[Ended]] = field(default_factory=dict)
    session_intents: dict[str, str] = field(default_factory=dict)
    planned: deque[Planned] = field(default_factory=deque)

    @classmethod
    def of(cls, clock: Clock, address: str) -> "Account":
        """An empty account. `address` is where its pages are served."""
        movable, ids = MovableClock(clock), Ids(clock.now)
        return cls(movable, ids, Events(ids, movable.now), address)

    def now(self) -> int:
        return self.clock.now()

    def watch(self, intent: Wire, ended: Ended) -> None:
        """Calls `ended` once a payment ends that is under way."""
        self.watchers.setdefault(intent["id"], []).append(ended)

    def planned_outcome(self, customer: str | None) -> str | None:
        """The outcome that was planned for this payment, which is used up by it."""
        for planned in self.planned:
            if planned.customer in ("", customer):
                self.planned.remove(planned)
                return planned.outcome
        return None


def changed_metadata(item: Wire, params: Wire) -> None:
    """Merges the request's metadata into the object's: an empty value removes its key, an empty
    `metadata` all of them."""
    if "metadata" not in params:
        return
    wanted: Wire = params["metadata"]
    merged = {**item["metadata"], **wanted} if wanted else {}
    item["metadata"] = {key: value for key, value in merged.items() if value != ""}
