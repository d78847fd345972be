"""Webhook endpoints: signs events and passes them on, dropped, doubled, delayed or out of order as
the switches say (https://docs.stripe.com/webhooks)."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from devstack.simulators.stripe.events import Recorded
from devstack.simulators.stripe.wire import Wire

UNTIL_CHANGED = -1


@dataclass(frozen=True)
class Endpoint:
    """Where events go. Each secret signs: two during a rotation. `events` has types, or `*`."""

    url: str
    secrets: tuple[str, ...]
    events: tuple[str, ...] = ("*",)

    def wants(self, type_: str) -> bool:
        return "*" in self.events or type_ in self.events


@dataclass
class Switches:
    """`drop`: so many of the next events are never sent (-1: all until changed); `drop_types`:
    these types never are. `copies`: how often each is sent. `delay_seconds`: how long it waits.
    `reorder`: so many events are held back and then sent last one first."""

    drop: int = 0
    drop_types: tuple[str, ...] = ()
    copies: int = 1
    delay_seconds: float = 0.0
    reorder: int = 0


@dataclass(frozen=True)
class Message:
    """One event for one endpoint. `headers()` signs it anew for each attempt."""

    endpoint: Endpoint
    event: Recorded
    now: Callable[[], int]
    delay_seconds: float = 0.0

    @property
    def body(self) -> bytes:
        return self.event.body

    def headers(self) -> Mapping[str, str]:
        return signature_headers(self.endpoint.secrets, self.now(), self.body)


Post = Callable[[Message], object]


@dataclass
class Webhooks:
    """Passes each event to `post` for each endpoint that wants it. `now` is the time in seconds
    that signatures carry."""

    now: Callable[[], int]
    post: Post
    endpoints: tuple[Endpoint, ...] = ()
    switches: Switches = field(default_factory=Switches)
    dropped: int = 0
    _held: list[Recorded] = field(default_factory=list)

    def listen(self, event: Recorded) -> None:
        """Sends the event as the switches say."""
        if self._is_dropped(event):
            self.dropped += 1
            return
        self._held.append(event)
        if len(self._held) >= max(1, self.switches.reorder):
            self.flush()

    def _is_dropped(self, event: Recorded) -> bool:
        if event.type in self.switches.drop_types:
            return True
        if self.switches.drop == 0:
            return False
        if self.switches.drop != UNTIL_CHANGED:
            self.switches.drop -= 1
        return True

    def flush(self) -> None:
        """Sends what is held back, last one first."""
        held, self._held = self._held, []
        for event in reversed(held):
            for _ in range(self.switches.copies):
                self.send(event)

    def send(self, event: Recorded) -> None:
        """Sends the event to each endpoint that wants it, whatever the switches say but for the
        delay."""
        for endpoint in self.endpoints:
            if endpoint.wants(event.type):
                delay = self.switches.delay_seconds
                self.post(Message(endpoint, event, self.now, delay))

    def shown(self) -> Wire:
        """Endpoints and switches as JSON."""
        return {
            "endpoints": [asdict(each) for each in self.endpoints],
            **asdict(self.switches),
            "dropped": self.dropped,
            "held": len(self._held),
        }


def signature_headers(secrets: tuple[str, ...], at: int, body: bytes) -> Mapping[str, str]:
    """`Stripe-Signature`: HMAC-SHA256 of `<unix seconds>.<raw body>` with the whole text of each
    secret."""
    signed = f"{at}.".encode() + body
    parts = [f"t={at}"]
    for secret in secrets:
        parts.append(f"v1={hmac.digest(secret.encode(), signed, hashlib.sha256).hex()}")
    return {"Stripe-Signature": ",".join(parts), "User-Agent": "Stripe/1.0"}
