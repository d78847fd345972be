"""Closed days as items."""

import json
from dataclasses import dataclass

import structlog

from service.analytics import keys
from service.analytics.entities import Days
from service.analytics.figures import DayFigures, day_from_document, text_of
from service.core.clock import iso
from service.core.days import Day, day_before, day_from
from service.core.seals import holds, seal
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import Table
from service.storage.writes import ABSENT, Put, When

log = structlog.get_logger()

MAX_BYTES = 200_000


@dataclass(frozen=True)
class ClosedDay:
    """The figures of a day, when they were found, and the seal of both."""

    day: Day
    figures: DayFigures
    closed_at: str
    mac: str

    def is_sealed(self, mac_key: bytes) -> bool:
        return holds(self.mac, _facts(self.day, self.figures, self.closed_at), mac_key)


def sealed(day: Day, figures: DayFigures, now: int, mac_key: bytes) -> ClosedDay:
    closed_at = iso(now)
    return ClosedDay(day, figures, closed_at, seal(_facts(day, figures, closed_at), mac_key))


def closed_day_from(item: Item) -> ClosedDay:
    """Raises `KeyError`, `TypeError`, `ValueError` or `AttributeError` for an item that no version
    of this code wrote."""
    day = day_from(str(item["SK"]).removeprefix(keys.DAY_PREFIX))
    figures = day_from_document(json.loads(str(item["figures"])))
    return ClosedDay(day, figures, str(item["closedAt"]), str(item["mac"]))


def closed_day_write(before: ClosedDay | None, after: ClosedDay) -> Put:
    """In the place of what was read."""
    guard = When(equals={"mac": before.mac}) if before else ABSENT
    text = text_of(after.figures)
    if len(text) > MAX_BYTES:
        raise ValueError(f"the figures of {after.day} take {len(text)} bytes")
    item = {"figures": text, "closedAt": after.closed_at, "mac": after.mac}
    return Put(keys.closed_day(after.day), item, guard)


def read(table: Table, days: Days) -> dict[Day, ClosedDay]:
    """Those of the days that are closed, in one or a few queries."""
    found: dict[Day, ClosedDay] = {}
    last = keys.closed_day(days.last)
    after = keys.closed_day(day_before(days.first, 1)).sk
    for _ in range(days.count):
        page = table.query(last.pk, keys.DAY_PREFIX, limit=days.count, after=after)
        for item in page.items:
            if str(item["SK"]) > last.sk:
                return found
            closed = _readable(item)
            if closed is not None and closed.day >= days.first:
                found[closed.day] = closed
        if not page.more:
            return found
        after = str(page.items[-1]["SK"])
    return found


def read_latest(table: Table) -> Day | None:
    """The last day that is closed."""
    key = keys.closed_day(Day.max)
    page = table.query(key.pk, keys.DAY_PREFIX, limit=1, after=f"{key.sk}~", ascending=False)
    closed = _readable(page.items[0]) if page.items else None
    return closed.day if closed else None


def _readable(item: Item) -> ClosedDay | None:
    """None for an item that no version of this code wrote: the audit names it."""
    try:
        return closed_day_from(item)
    except (KeyError, TypeError, ValueError, AttributeError):
        log.exception("closed_day_unreadable", item=str(Key.of_item(item)))
        return None


def _facts(day: Day, figures: DayFigures, closed_at: str) -> list[object]:
    return ["closed day", str(keys.closed_day(day)), text_of(figures), closed_at]
