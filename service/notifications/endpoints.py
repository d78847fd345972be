"""The endpoints that receive webhooks, their secrets and their health.

In a file of its own because endpoints outlive the deliveries to them."""

import base64
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

import structlog

from service.core.clock import Clock
from service.core.ids import Ids, is_id
from service.core.metrics import Metric, Metrics
from service.notifications import keys, store
from service.notifications.entities import (
    DISABLE_MILLISECONDS,
    MAX_ENDPOINTS,
    ROTATION_MILLISECONDS,
    Attempt,
    Endpoint,
    EndpointChanged,
    EndpointEdit,
    EndpointInvalid,
    EndpointLimitReached,
    EndpointNotFound,
    EndpointState,
    EventType,
    url_fault,
)
from service.storage.codec import Item
from service.storage.keys import HOUSE, Key
from service.storage.table import ConditionFailed, Table

log = structlog.get_logger()

# Removed endpoints stay for a while, and new ones may have taken their place.
PAGE_SIZE = 100
MAX_PAGES = 20
SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"
GONE = "the receiver wants no more (410)"
FAILING = "nothing was accepted for five days"


class Seals(Protocol):
    """Encrypts what must not be readable in the table, bound to its place there."""

    def seal(self, user_id: str, key: Key, attribute: str, text: str) -> bytes: ...

    def open(self, user_id: str, key: Key, attribute: str, sealed: bytes) -> str | None: ...


class Endpoints:
    """Adds, changes and reads endpoints. Every change is guarded by the version that was read."""

    def __init__(
        self,
        table: Table,
        seals: Seals,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
        random_bytes: Callable[[int], bytes],
        *,
        allow_private: bool,
    ) -> None:
        self._table = table
        self._seals = seals
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._random_bytes = random_bytes
        self._allow_private = allow_private

    def all(self) -> tuple[Endpoint, ...]:
        """Those that have not been removed, oldest first. One that cannot be read is logged and
        left out. Raises `StorageUnavailable`."""
        found = map(_readable, self._items())
        return tuple(each for each in found if each and each.state is not EndpointState.REMOVED)

    def with_removed(self) -> tuple[Endpoint, ...]:
        """As `all`, with those that were removed within 90 days: they may have deliveries."""
        return tuple(each for each in map(_readable, self._items()) if each)

    def _items(self) -> Iterator[Item]:
        after = ""
        for _ in range(MAX_PAGES):
            page = self._table.query(
                keys.SYSTEM, keys.ENDPOINT_PREFIX, limit=PAGE_SIZE, after=after
            )
            yield from page.items
            if not page.more:
                return
            after = str(page.items[-1]["SK"])
        log.error("webhook_endpoints_not_all_read", read=MAX_PAGES * PAGE_SIZE)

    def get(self, endpoint_id: str) -> Endpoint:
        """Raises `EndpointNotFound`."""
        item = self._table.get(keys.endpoint(endpoint_id)) if is_id("whk", endpoint_id) else None
        endpoint = store.endpoint_from(item) if item else None
        if endpoint is None or endpoint.state is EndpointState.REMOVED:
            raise EndpointNotFound
        return endpoint

    def new(
        self, url: str, events: Collection[EventType], description: str
    ) -> tuple[Endpoint, str]:
        """An endpoint that is not stored yet, and its secret. Raises `EndpointInvalid`."""
        self._check(url)
        now = self._clock.now()
        endpoint_id = self._ids.new("whk", now)
        sealed, secret = self.new_secret(endpoint_id)
        endpoint = Endpoint(
            endpoint_id, url, frozenset(events), description, now, now, secret=sealed
        )
        return endpoint, secret

    def require_room(self) -> None:
        """Raises `EndpointLimitReached` when there may be no further endpoint."""
        if len(self.all()) >= MAX_ENDPOINTS:
            raise EndpointLimitReached(details={"max": MAX_ENDPOINTS})

    def add(
        self, url: str, events: Collection[EventType], description: str
    ) -> tuple[Endpoint, str]:
        """Stores a new endpoint. Its secret is shown this once. Raises `EndpointLimitReached`
        and what `new` raises."""
        self.require_room()
        endpoint, secret = self.new(url, events, description)
        return self._write(None, endpoint), secret

    def edited(self, before: Endpoint, edit: EndpointEdit) -> Endpoint:
        """The endpoint with those changes, not stored yet. Enabling forgets earlier failures.
        Raises `EndpointInvalid`."""
        if edit.url is not None:
            self._check(edit.url)
        return before.changed(self._clock.now(), **edit.changes())

    def rotated(self, before: Endpoint, sealed: bytes) -> Endpoint:
        """The endpoint with a further secret, not stored yet. The one before signs as well for
        another day."""
        now = self._clock.now()
        return before.changed(
            now,
            secret=sealed,
            previous_secret=before.secret,
            previous_until=now + ROTATION_MILLISECONDS,
        )

    def secrets(self, endpoint: Endpoint) -> tuple[str, ...]:
        """What signs at the moment, the newest first."""
        is_rotating = self._clock.now() < endpoint.previous_until
        sealed = [endpoint.secret, *([endpoint.previous_secret] if is_rotating else [])]
        opened = (self._opened(endpoint.endpoint_id, each) for each in sealed)
        return tuple(secret for secret in opened if secret)

    def note(self, endpoint: Endpoint, attempt: Attempt) -> Endpoint:
        """The endpoint after that attempt: a receiver that wants no more, or has accepted nothing
        for five days, is disabled, and an operator called. Writes only what changes."""
        after = self._after(endpoint, attempt)
        if after is endpoint:
            return endpoint
        try:
            self._write(endpoint, after)
        except EndpointChanged:
            # Someone else has changed it: the next attempt decides anew.
            return endpoint
        if after.state is EndpointState.DISABLED:
            log.error("webhook_disabled", endpoint_id=after.endpoint_id, why=after.disabled_reason)
            self._metrics.count(Metric.WEBHOOKS_DISABLED)
        return after

    def _after(self, endpoint: Endpoint, attempt: Attempt) -> Endpoint:
        now, since = self._clock.now(), endpoint.failing_since
        if attempt.accepted:
            return endpoint if since is None else endpoint.changed(now, failing_since=None)
        failing = endpoint if since is not None else endpoint.changed(now, failing_since=now)
        if attempt.is_gone or (since is not None and now - since >= DISABLE_MILLISECONDS):
            reason = GONE if attempt.is_gone else FAILING
            return endpoint.changed(now, state=EndpointState.DISABLED, disabled_reason=reason)
        return failing

    def _check(self, url: str) -> None:
        if fault := url_fault(url, allow_private=self._allow_private):
            raise EndpointInvalid(f"url {fault}.")

    def new_secret(self, endpoint_id: str) -> tuple[bytes, str]:
        """A new secret for that endpoint, sealed and as it is shown."""
        raw = self._random_bytes(SECRET_BYTES)
        secret = SECRET_PREFIX + base64.b64encode(raw).decode()
        place = keys.endpoint(endpoint_id)
        return self._seals.seal(HOUSE, place, "secret", secret), secret

    def _opened(self, endpoint_id: str, sealed: bytes) -> str | None:
        return self._seals.open(HOUSE, keys.endpoint(endpoint_id), "secret", sealed)

    def _write(self, before: Endpoint | None, after: Endpoint) -> Endpoint:
        try:
            self._table.write(store.endpoint_write(before, after))
        except ConditionFailed:
            raise EndpointChanged from None
        return after


def _readable(item: Item) -> Endpoint | None:
    try:
        return store.endpoint_from(item)
    except (KeyError, TypeError, ValueError, AttributeError):
        log.exception("webhook_endpoint_unreadable", item=str(Key.of_item(item)))
        return None


def by_id(endpoints: Sequence[Endpoint]) -> dict[str, Endpoint]:
    return {each.endpoint_id: each for each in endpoints}
