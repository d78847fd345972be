"""Events, how far their delivery has come, and the endpoints that receive them. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar
from urllib.parse import urlsplit

from service.core.clock import iso
from service.core.errors import Conflict, InvalidRequest, NotFound
from service.core.ids import derived_id
from service.outbound.addresses import is_address

SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
RETRY_MILLISECONDS = 3 * DAY
# Ended deliveries stay readable for so long, dead letters for longer.
LOG_MILLISECONDS = 30 * DAY
DEAD_LETTER_MILLISECONDS = 90 * DAY
FIRST_PAUSE_MILLISECONDS = 5 * SECOND
MAX_PAUSE_MILLISECONDS = 8 * HOUR
PAUSE_FACTOR = 4
# An endpoint that has accepted nothing for so long is disabled.
DISABLE_MILLISECONDS = 5 * DAY
# How long the secret before a rotation still signs.
ROTATION_MILLISECONDS = DAY
MAX_ENDPOINTS = 10
MAX_URL = 500
SHOWN_RESPONSE_BYTES = 2048
BY_OPERATOR = "disabled by an operator"


class EventType(StrEnum):
    CREDITS_LOW = "credits.low"
    CREDITS_INSUFFICIENT = "credits.insufficient"
    CREDITS_EXPIRING = "credits.expiring"
    CREDITS_ADJUSTED = "credits.adjusted"
    CREDITS_CLAWED_BACK = "credits.clawed_back"
    SPENDING_UNUSUAL = "spending.unusual"
    USER_CREATED = "user.created"
    USER_REFUSED_REPEATEDLY = "user.refused_repeatedly"
    TOP_UP_FAILED = "top_up.failed"
    WEBHOOK_TEST = "webhook.test"


class State(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    # Ended because no one is to receive it: no webhook ends so.
    CANCELLED = "cancelled"


class EndpointState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    REMOVED = "removed"


class EndpointNotFound(NotFound):
    code = "WEBHOOK_NOT_FOUND"
    summary = "There is no such webhook endpoint."


class DeliveryNotFound(NotFound):
    code = "WEBHOOK_DELIVERY_NOT_FOUND"
    summary = "There is no such delivery. Deliveries are kept for 30 days."


class EndpointInvalid(InvalidRequest):
    code = "WEBHOOK_URL_INVALID"
    summary = "This address cannot receive webhooks."


class EndpointLimitReached(Conflict):
    code = "WEBHOOK_LIMIT_REACHED"
    summary = "There are as many webhook endpoints as there may be. Remove one first."
    details_example: ClassVar[Mapping[str, object]] = {"max": MAX_ENDPOINTS}


class EndpointDisabled(Conflict):
    code = "WEBHOOK_DISABLED"
    summary = "This webhook endpoint is disabled. Enable it first."


class EndpointChanged(Exception):
    """Someone else has changed the endpoint since it was read."""


@dataclass(frozen=True)
class Event:
    """Something that has happened. `event_id` is derived from what it is about, so that the same
    thing reported twice is one event; `body` is the JSON that every receiver gets, byte for
    byte."""

    event_id: str
    type: EventType
    user_id: str
    created_at: int
    body: str


@dataclass(frozen=True)
class Progress:
    """How far delivery has come. `due_at` is the time of the next attempt; None once delivery has
    ended. While an attempt is being made, it is when another process may take over."""

    due_at: int | None
    retry_until: int
    state: State = State.PENDING
    attempts: int = 0

    def claimed(self, lease_until: int) -> "Progress":
        """As it stands while an attempt is being made."""
        return replace(self, due_at=lease_until, attempts=self.attempts + 1)

    def delivered(self) -> "Progress":
        return replace(self, due_at=None, state=State.DELIVERED)

    def dead(self) -> "Progress":
        return replace(self, due_at=None, state=State.DEAD)

    def cancelled(self) -> "Progress":
        return replace(self, due_at=None, state=State.CANCELLED)

    def failed(self, now: int, jitter: float, wait_milliseconds: int = 0) -> "Progress":
        """After a failed attempt: due again after a pause that grows and is spread by `jitter`
        (0 to 1), at least after `wait_milliseconds`; dead when it could be tried no more. The last
        attempt is made at `retry_until`."""
        if now >= self.retry_until:
            return self.dead()
        pause_milliseconds = FIRST_PAUSE_MILLISECONDS * PAUSE_FACTOR ** min(self.attempts - 1, 9)
        spread = min(pause_milliseconds, MAX_PAUSE_MILLISECONDS) * (0.75 + 0.5 * jitter)
        wait = min(wait_milliseconds, MAX_PAUSE_MILLISECONDS)
        return replace(self, due_at=min(now + max(round(spread), wait), self.retry_until))


@dataclass(frozen=True)
class OutboxMessage:
    """An event that has still to be handed on, or has been."""

    event: Event
    progress: Progress


@dataclass(frozen=True)
class Attempt:
    """One request to an endpoint. `status` is None where no response came, `error` then says why;
    `response` is the beginning of the body."""

    at: int
    milliseconds: int
    status: int | None = None
    error: str = ""
    response: str = ""
    wait_milliseconds: int = 0

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """The receiver wants no more of them."""
        return self.status == 410


@dataclass(frozen=True)
class Delivery:
    """An event on its way to one endpoint."""

    endpoint_id: str
    event: Event
    progress: Progress
    last: Attempt | None = None
    ended_at: int | None = None


@dataclass(frozen=True)
class Endpoint:
    """An address of the house that receives events: those of the types in `events`, of every type
    if it names none. The secrets are sealed; the previous one signs until `previous_until`.
    `failing_since` is the time of the first failure after the last success."""

    endpoint_id: str
    url: str
    events: frozenset[EventType]
    description: str
    created_at: int
    updated_at: int
    version: int = 1
    state: EndpointState = EndpointState.ENABLED
    disabled_reason: str = ""
    failing_since: int | None = None
    secret: bytes = field(default=b"", repr=False)
    previous_secret: bytes = field(default=b"", repr=False)
    previous_until: int = 0

    def receives(self, kind: EventType) -> bool:
        return self.state is EndpointState.ENABLED and (not self.events or kind in self.events)

    def changed(self, now: int, **changes: object) -> "Endpoint":
        """Its next version."""
        typed: dict[str, object] = {"updated_at": now, "version": self.version + 1, **changes}
        return replace(self, **typed)  # type: ignore[arg-type]


@dataclass(frozen=True)
class EndpointEdit:
    """What an operator changes of an endpoint; None: not that."""

    url: str | None = None
    events: frozenset[EventType] | None = None
    description: str | None = None
    enabled: bool | None = None

    def changes(self) -> dict[str, object]:
        wanted = {"url": self.url, "events": self.events, "description": self.description}
        found: dict[str, object] = {name: each for name, each in wanted.items() if each is not None}
        if self.enabled is not None:
            found["state"] = EndpointState.ENABLED if self.enabled else EndpointState.DISABLED
            found["disabled_reason"] = "" if self.enabled else BY_OPERATOR
            found["failing_since"] = None
        return found


def event(
    kind: EventType, user_id: str, business_key: str, at: int, data: Mapping[str, object]
) -> Event:
    """The event of that kind about a user. `business_key` distinguishes it from the others of its
    kind, `at` is when it happened: both are the same whenever the same thing is reported."""
    event_id = derived_id("evt", at, f"{kind}\n{user_id}\n{business_key}")
    content = {"type": kind, "timestamp": iso(at), "data": {"userId": user_id, **data}}
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return Event(event_id, kind, user_id, at, body)


def is_taken(low: Event) -> bool:
    """Whether that balance was lowered by an operator, or with money that went back, and not by its
    user. One that was written without saying so was not."""
    return bool(json.loads(low.body)["data"].get("taken"))


def daily_event(kind: EventType, user_id: str, now: int, data: Mapping[str, object]) -> Event:
    """That event of that user and day, of which there is one."""
    day = day_of(now)
    return event(kind, user_id, str(day), day, data)


def new_message(happened: Event, now: int) -> OutboxMessage:
    return OutboxMessage(happened, Progress(due_at=now, retry_until=now + RETRY_MILLISECONDS))


def new_delivery(happened: Event, endpoint_id: str, now: int) -> Delivery:
    progress = Progress(due_at=now, retry_until=now + RETRY_MILLISECONDS)
    return Delivery(endpoint_id, happened, progress)


def day_of(at: int) -> int:
    """The beginning of that time's day in UTC."""
    return at - at % DAY


def url_fault(url: str, *, allow_private: bool) -> str | None:
    """Why an address cannot receive webhooks, None if it can. Where private addresses are allowed,
    plain http, other ports and literal addresses are too. What the name leads to is checked at
    every connection."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"must be at most {MAX_URL} printable ASCII characters"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is not an address"
    if not host or parts.username is not None or parts.fragment or "\\" in url:
        return "must name a host, without credentials or a fragment"
    if allow_private:
        return None if parts.scheme in ("http", "https") else "must be http or https"
    if parts.scheme != "https" or port not in (None, 443):
        return "must be https on port 443"
    if "." not in host.strip(".") or is_address(host):
        return "must have the name of a public host"
    return None
