"""Stripe's events: what one is about, and how far it has been dealt with. Pure.

In a file of its own because an event is never believed: it only names an object, whose present
state is then read from Stripe (docs/billing.md, "Webhooks")."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

from service.billing.stripe_objects import StripeEvent
from service.core.errors import Conflict, FareboxError, InvalidRequest, NotFound

SECOND = 1000
DAY = 24 * 3600 * SECOND
# Dealt-with events stay, so that one that is delivered again is recognised.
DONE_MILLISECONDS = 90 * DAY
MAX_ATTEMPTS = 20
FIRST_PAUSE_MILLISECONDS = 5 * SECOND
MAX_PAUSE_MILLISECONDS = 3600 * SECOND
# Longer than the inline budget and everything that one reconciliation may wait for.
LEASE_MILLISECONDS = 120 * SECOND

_EVENT_ID = re.compile(r"evt_[A-Za-z0-9_]{1,100}")
_OBJECT_ID = re.compile(r"[a-z]{2,8}_[A-Za-z0-9_]{1,200}")
_TYPE = re.compile(r"[a-z0-9_.]{1,100}")


class WebhookRefused(InvalidRequest):
    """Nothing of the body was believed, and nothing was written."""

    code = "STRIPE_WEBHOOK_REFUSED"
    summary = "This is no webhook that Stripe has signed for us just now; details.reason says why."
    details_example: ClassVar[Mapping[str, object]] = {"reason": "signature"}

    def __init__(self, reason: "RefusalReason") -> None:
        super().__init__(details={"reason": reason.value})
        self.reason = reason


class WebhookNotStored(FareboxError):
    """A status of 500, so that Stripe delivers the event again."""

    code = "STRIPE_WEBHOOK_NOT_STORED"
    summary = "The event could not be stored. Deliver it again."


class StripeEventNotFound(NotFound):
    code = "STRIPE_EVENT_NOT_FOUND"
    summary = "There is no such event of Stripe's here."


class StripeEventNotDead(Conflict):
    code = "STRIPE_EVENT_NOT_DEAD"
    summary = "Only an event that has failed for good can be tried anew."


class RefusalReason(StrEnum):
    """Why a webhook is refused."""

    ENCODING = "encoding"
    HEADER = "header"
    TIME = "time"
    SIGNATURE = "signature"
    BODY = "body"
    LIVEMODE = "livemode"


class ObjectKind(StrEnum):
    """What of Stripe's is to be read: each has its own way to be reconciled."""

    PAYMENT = "payment"
    CHARGE = "charge"
    CHECKOUT_SESSION = "checkout_session"
    INVOICE = "invoice"
    SUBSCRIPTION = "subscription"
    CUSTOMER = "customer"


class EventState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"


class EventSource(StrEnum):
    """How an event came here: delivered, or found in Stripe's own list."""

    WEBHOOK = "webhook"
    SWEEP = "sweep"


@dataclass(frozen=True)
class ObjectRef:
    """An object of Stripe's that has changed."""

    kind: ObjectKind
    object_id: str


@dataclass(frozen=True)
class EventFacts:
    """What is kept of an event. `created_at` is Stripe's own time in epoch milliseconds, `ref` the
    object to be read (None: the event concerns nothing that Farebox keeps). `sha256` is of the body
    as it was received, empty for one that was found in Stripe's list."""

    event_id: str
    type: str
    created_at: int
    livemode: bool
    ref: ObjectRef | None
    sha256: str = ""


@dataclass(frozen=True)
class Handling:
    """How far an event has been dealt with. `due_at` is the time of the next attempt; while one is
    being made, it is when another process may take over. `error` is the code of the last
    failure."""

    state: EventState = EventState.PENDING
    attempts: int = 0
    due_at: int | None = None
    error: str = ""

    def claimed(self, now: int) -> "Handling":
        """As it stands while an attempt is being made."""
        return replace(self, attempts=self.attempts + 1, due_at=now + LEASE_MILLISECONDS)

    def done(self) -> "Handling":
        return replace(self, state=EventState.DONE, due_at=None, error="")

    def failed(self, now: int, jitter: float, error: str, *, passes: bool) -> "Handling":
        """After a failed attempt: due again after a pause that grows and is spread by `jitter`
        (0 to 1), or dead after the last one. A failure that `passes` by itself, as when Stripe
        cannot be reached, kills no event."""
        if self.attempts >= MAX_ATTEMPTS and not passes:
            return replace(self, state=EventState.DEAD, due_at=None, error=error)
        pause = FIRST_PAUSE_MILLISECONDS * 2 ** min(max(self.attempts - 1, 0), 10)
        spread = round(min(pause, MAX_PAUSE_MILLISECONDS) * (0.75 + 0.5 * jitter))
        return replace(self, due_at=now + spread, error=error)

    def redriven(self, now: int) -> "Handling":
        """A dead one that is tried anew, from the first attempt on."""
        return replace(self, state=EventState.PENDING, attempts=0, due_at=now)


@dataclass(frozen=True)
class InboxEvent:
    """An event as it is stored. Times are epoch milliseconds; `ended_at` is None while it is
    pending."""

    event: EventFacts
    handling: Handling
    received_at: int
    source: EventSource = EventSource.WEBHOOK
    ended_at: int | None = None


def facts_of(event: StripeEvent, sha256: str = "") -> EventFacts:
    """What is kept of an event. Raises `WebhookRefused` for one whose id or type cannot be
    kept."""
    if not is_event_id(event.id) or not _TYPE.fullmatch(event.kind):
        raise WebhookRefused(RefusalReason.BODY)
    ref = object_of(event.kind, event.object)
    return EventFacts(event.id, event.kind, event.created_at, event.livemode, ref, sha256)


def is_event_id(text: str) -> bool:
    """Whether the text has the form of an event's id."""
    return _EVENT_ID.fullmatch(text) is not None


def object_of(event_type: str, content: Mapping[str, Any]) -> ObjectRef | None:
    """What is to be read because of an event of that type about that object; None for types that
    concern nothing here. Several types lead to one object: they are reconciled alike."""
    if event_type in _WITHOUT_OBJECT:
        return None
    for prefix, kind, field in _OBJECTS:
        if event_type.startswith(prefix):
            return _ref(kind, content.get(field)) or _of_charge(content)
    return None


# Of these, there is no object to read: a draft that is gone, and one that is not made yet.
_WITHOUT_OBJECT = ("invoice.deleted", "invoice.upcoming")

# The beginning of an event's type, what is to be read, and where the event's object names it.
_OBJECTS: tuple[tuple[str, ObjectKind, str], ...] = (
    ("checkout.session.", ObjectKind.CHECKOUT_SESSION, "id"),
    ("customer.subscription.", ObjectKind.SUBSCRIPTION, "id"),
    ("invoice.", ObjectKind.INVOICE, "id"),
    ("credit_note.", ObjectKind.INVOICE, "invoice"),
    ("payment_intent.", ObjectKind.PAYMENT, "id"),
    ("charge.", ObjectKind.PAYMENT, "payment_intent"),
    ("refund.", ObjectKind.PAYMENT, "payment_intent"),
    ("radar.early_fraud_warning.", ObjectKind.PAYMENT, "payment_intent"),
    ("payment_method.attached", ObjectKind.CUSTOMER, "customer"),
)


def _of_charge(content: Mapping[str, Any]) -> ObjectRef | None:
    """Disputes, refunds and fraud warnings name their charge, and not always its payment."""
    found = content.get("id") if content.get("object") == "charge" else content.get("charge")
    return _ref(ObjectKind.CHARGE, found)


def _ref(kind: ObjectKind, found: Any) -> ObjectRef | None:
    """An expanded object names itself."""
    object_id = found.get("id") if isinstance(found, Mapping) else found
    if not isinstance(object_id, str) or not _OBJECT_ID.fullmatch(object_id):
        return None
    return ObjectRef(kind, object_id)
