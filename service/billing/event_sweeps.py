"""Background work on Stripe's events: deals with those that are due, and finds those that were
never delivered. Bounded batches, safe to run twice and side by side."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from service.billing import event_store, keys
from service.billing.entities import StripeRefused
from service.billing.events import DAY, SECOND, EventFacts, WebhookRefused, facts_of
from service.billing.inbox import Inbox
from service.billing.stripe_client import Stripe
from service.core.clock import Clock
from service.core.errors import Unavailable
from service.core.metrics import Metric, Metrics
from service.storage.codec import Item, Value, whole_number
from service.storage.table import ConditionFailed, IndexHit, Table
from service.storage.writes import Update, When

log = structlog.get_logger()

BATCH = 25
# Dead events wait for an operator: no one needs their number every other second.
RUNS_BETWEEN_COUNTS = 30
SWEPT_MILLISECONDS = 7 * DAY
# Stripe delivers within seconds, and again within the hour: what is younger may still come.
GRACE_MILLISECONDS = 3600 * SECOND
PAGE_LEASE_MILLISECONDS = 120 * SECOND
# A walk of more pages than these is not one over seven days of events.
MAX_PAGES = 5000


ListEvents = Callable[[int, str], tuple[tuple[EventFacts, ...], str]]
"""A page of at most 100 of Stripe's events that were created at or after that time (epoch
milliseconds), newest first, beyond the event of that id; and the id after which the next page
begins, empty where there is none."""


def listed_events(stripe: Stripe, since: int, after: str) -> tuple[tuple[EventFacts, ...], str]:
    """`ListEvents` of Stripe's. An event that cannot be kept is left out. Raises what `Stripe`
    raises."""
    found, has_more = stripe.events_page(since, after)
    kept = []
    for event in found:
        with suppress(WebhookRefused):
            kept.append(facts_of(event))
    return tuple(kept), found[-1].id if has_more and found else ""


@dataclass(frozen=True)
class Walk:
    """How far the walk over Stripe's list has come: `after` is the last event of the page before,
    `found` how many events that should have been delivered were not. Times are epoch milliseconds;
    `ended_at` is None while it is under way, `leased_until` when another process may go on;
    `completed_at` is when a walk last came to the end of the list, and the beginning of the first
    walk before any has."""

    started_at: int = 0
    since: int = 0
    after: str = ""
    pages: int = 0
    found: int = 0
    ended_at: int | None = None
    leased_until: int = 0
    completed_at: int = 0
    version: int = 0


class DueEvents:
    """Deals with the events that are due, oldest first, shard by shard. One that cannot be dealt
    with stops neither the others nor those behind it."""

    name = "stripe_events"

    def __init__(
        self,
        inbox: Inbox,
        clock: Clock,
        metrics: Metrics,
        stopping: Callable[[], bool],
        interval_seconds: float,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._inbox = inbox
        self._clock = clock
        self._metrics = metrics
        self._stopping = stopping
        self._runs = 0

    def run_once(self) -> bool:
        """One batch of each shard. Returns whether a shard may have more. Raises
        `StorageUnavailable`."""
        if self._runs % RUNS_BETWEEN_COUNTS == 0:
            self._metrics.gauge(Metric.STRIPE_DEAD_EVENTS, self._inbox.count_dead())
        self._runs += 1
        more, oldest = False, self._clock.now()
        for partition in keys.DUE_EVENTS.partitions:
            hits = self._inbox.due(partition, BATCH)
            oldest = min([oldest, *(int(hit.sort) for hit in hits)])
            done = [self._dispatched(hit) for hit in hits]
            more |= len(hits) == BATCH and any(done)
        age_seconds = (self._clock.now() - oldest) / 1000
        self._metrics.gauge(Metric.STRIPE_EVENT_AGE_SECONDS, age_seconds)
        return more

    def _dispatched(self, hit: IndexHit) -> bool:
        if self._stopping():
            return False
        try:
            return self._inbox.dispatch(hit)
        except Unavailable as error:
            log.warning("stripe_event_not_dispatched", item=str(hit.key), reason=error.code)
        except Exception:
            log.exception("stripe_event_not_dispatched", item=str(hit.key))
        return False


class MissedEvents:
    """Walks over Stripe's list of the last 7 days every few hours and puts what is unknown into the
    inbox, page by page; how far it has come is stored, so that any process goes on. Raises the
    alarm when it finds any that should have been delivered: the endpoint may be disabled."""

    name = "missed_stripe_events"

    def __init__(
        self,
        table: Table,
        inbox: Inbox,
        list_events: ListEvents,
        clock: Clock,
        metrics: Metrics,
        stopping: Callable[[], bool],
        interval_seconds: float,
        pause_seconds: float,
    ) -> None:
        self.interval_seconds = pause_seconds
        self._table = table
        self._inbox = inbox
        self._list_events = list_events
        self._clock = clock
        self._metrics = metrics
        self._stopping = stopping
        self._interval_milliseconds = round(interval_seconds * SECOND)

    def run_once(self) -> bool:
        """One page. Returns whether the walk goes on. Raises `StorageUnavailable`,
        `StripeUnavailable` and `StripeRefused`: the page is taken up again when its lease is over.
        Where Stripe does not know the last event any more, the walk begins anew. Measures before
        anything can fail how long ago a walk was last completed."""
        stored = walk_from(self._table.get(keys.SWEEP))
        if stored.version:
            age_seconds = (self._clock.now() - stored.completed_at) / 1000
            self._metrics.gauge(Metric.STRIPE_SEARCH_AGE_SECONDS, age_seconds)
        walk = self._claimed(stored)
        if walk is None:
            return False
        try:
            events, after = self._list_events(walk.since, walk.after)
        except StripeRefused as refusal:
            if not (walk.after and refusal.is_missing):
                raise
            # The list is another account's now, or no longer goes back so far.
            log.warning("stripe_walk_begins_anew", after=walk.after)
            anew = Walk(ended_at=self._clock.now(), completed_at=walk.completed_at)
            self._store(walk, anew)
            return False
        missed = self._fed(events)
        now = self._clock.now()
        pages, found = walk.pages + 1, walk.found + missed
        is_over = not after or pages >= MAX_PAGES
        self._store(
            walk,
            replace(
                walk,
                after="" if is_over else after,
                pages=pages,
                found=found,
                ended_at=now if is_over else None,
                leased_until=0,
                completed_at=now if not after else walk.completed_at,
            ),
        )
        return not is_over and not self._stopping()

    def _claimed(self, walk: Walk) -> Walk | None:
        """The walk, of which no other process reads a page until the lease ends; None when it is
        not time, or another process is at it."""
        now = self._clock.now()
        if walk.ended_at is not None or walk.version == 0:
            if walk.version and now < walk.started_at + self._interval_milliseconds:
                return None
            fresh = Walk(
                started_at=now,
                since=now - SWEPT_MILLISECONDS,
                completed_at=walk.completed_at or now,
                version=walk.version,
            )
        elif now < walk.leased_until:
            return None
        else:
            fresh = walk
        return self._store(walk, replace(fresh, leased_until=now + PAGE_LEASE_MILLISECONDS))

    def _fed(self, events: tuple[EventFacts, ...]) -> int:
        """How many of the events should have been delivered and were not."""
        concerning = [event for event in events if event.ref is not None]
        known = event_store.read_known(self._table, [event.event_id for event in concerning])
        missed = 0
        for event in concerning:
            if event.event_id in known or not self._inbox.feed(event):
                continue
            if event.created_at <= self._clock.now() - GRACE_MILLISECONDS:
                missed += 1
                log.error("stripe_event_missed", event_id=event.event_id, type=event.type)
        if missed:
            self._metrics.count(Metric.STRIPE_EVENTS_MISSED, missed)
        return missed

    def _store(self, before: Walk, after: Walk) -> Walk | None:
        """None when another process has gone on with the walk."""
        stored = replace(after, version=before.version + 1)
        try:
            self._table.write(_walk_write(before, stored))
        except ConditionFailed:
            return None
        return stored


def walk_from(item: Item | None) -> Walk:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    if item is None:
        return Walk()
    fields: Any = item
    ended_at = fields.get("endedAt")
    return Walk(
        started_at=whole_number(fields["startedAt"]),
        since=whole_number(fields["since"]),
        after=fields.get("after", ""),
        pages=whole_number(fields["pages"]),
        found=whole_number(fields["found"]),
        ended_at=None if ended_at is None else whole_number(ended_at),
        leased_until=whole_number(fields["leasedUntil"]),
        completed_at=whole_number(fields.get("completedAt", ended_at or fields["startedAt"])),
        version=whole_number(fields["version"]),
    )


def _walk_write(before: Walk, after: Walk) -> Update:
    item: dict[str, Value] = {
        "startedAt": after.started_at,
        "since": after.since,
        "after": after.after or None,
        "pages": after.pages,
        "found": after.found,
        "endedAt": after.ended_at,
        "leasedUntil": after.leased_until,
        "completedAt": after.completed_at,
        "version": after.version,
    }
    guard = When(equals={"version": before.version or None})
    kept = {name: value for name, value in item.items() if value is not None}
    gone = tuple(name for name, value in item.items() if value is None)
    return Update(keys.SWEEP, guard, set=kept, remove=gone)
