"""Prices to come: what scheduling one or cancelling it writes, and the history.

In a file of its own because only operators do this, and never while somebody requests work. The
writes are sent with the record of the operator's action (`service.admin.prices`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from service.catalog import keys, store
from service.catalog.entities import (
    NewPrice,
    PriceCancellation,
    PriceConflict,
    PricedOperation,
    PriceNotFound,
    PriceNotPending,
    PriceRecord,
    PricesFull,
    PricesUnavailable,
    PriceTooFar,
    PriceTooSoon,
    PriceUnusable,
)
from service.catalog.price_list import MAX_PENDING, PriceList, starts_at
from service.catalog.pricing import Price, uncounted
from service.core.clock import Clock, iso
from service.storage.codec import Item
from service.storage.cursor import PageTokens
from service.storage.keys import Key
from service.storage.table import Table
from service.storage.writes import Write

MAX_AHEAD_MILLISECONDS = 366 * 24 * 3600 * 1000

Items = Mapping[Key, Item | None]
"""The items of `related_to`, as they were at one moment."""


@dataclass(frozen=True)
class PricePage:
    """Prices of one operation, the last to take effect first."""

    records: list[PriceRecord]
    next_token: str | None


@dataclass(frozen=True)
class _Known:
    """What an attempt is decided from."""

    prices: PriceList
    record: PriceRecord | None
    now: int


def related_to(operation: str, effective_at: int) -> tuple[Key, Key]:
    """What has to be read before a price is scheduled or cancelled."""
    return keys.LIST, keys.record(operation, effective_at)


class PriceSchedule:
    """Decides what changes the price list, and reads the history."""

    def __init__(
        self,
        operations: Iterable[PricedOperation],
        table: Table,
        clock: Clock,
        page_tokens: PageTokens,
        mac_key: bytes,
        lead_seconds: float,
    ) -> None:
        self._operations = {operation.name: operation for operation in operations}
        self._table = table
        self._clock = clock
        self._page_tokens = page_tokens
        self._mac_key = mac_key
        self._lead = round(lead_seconds * 1000)

    def earliest_start(self) -> int:
        """The first time at which a price that is scheduled now can take effect."""
        return self._clock.now() + self._lead

    def check(self, price: Price) -> None:
        """Raises `PriceNotFound` for an operation that this release does not know, and
        `PriceUnusable`."""
        known = self._operations.get(price.operation)
        if known is None:
            raise PriceNotFound(details={"knownOperations": sorted(self._operations)})
        faults = [*price.terms.faults()]
        faults += [
            f"{price.operation} does not count {counter}."
            for counter in uncounted(price.terms, known.counters)
        ]
        if faults:
            raise PriceUnusable(" ".join(faults))

    def schedule_writes(self, new: NewPrice, items: Items) -> Sequence[Write]:
        """Adds a price that takes effect in the future: to the list, from exactly the version that
        was read, and to the history. Raises what `check` raises, `PriceTooSoon`, `PriceTooFar`,
        `PriceConflict`, `PricesFull`, and `PricesUnavailable` for damaged items."""
        self.check(new.price)
        known = self._known(new.price.operation, starts_at(new.price), items)
        if known.record is not None:
            raise PriceConflict
        self._check_time(starts_at(new.price), known.now)
        if len(known.prices.pending(new.price.operation, known.now)) >= MAX_PENDING:
            raise PricesFull(details={"limit": MAX_PENDING})
        record = PriceRecord(new.price, known.now, new.operator_id, new.reason)
        after = known.prices.with_price(new.price, known.now)
        return (
            store.list_write(known.prices, after, self._mac_key),
            store.record_write(record, self._mac_key),
        )

    def cancel_writes(self, given: PriceCancellation, items: Items) -> Sequence[Write]:
        """Takes a price back, as long before it takes effect as one has to be scheduled. Raises
        `PriceNotFound`, `PriceNotPending`, and `PricesUnavailable` for damaged items."""
        known = self._known(given.operation, given.effective_at, items)
        stored = known.record
        if stored is None:
            raise PriceNotFound("No price of this operation takes effect at this time.")
        if stored.cancelled_at is not None or given.effective_at < known.now + self._lead:
            raise PriceNotPending
        cancelled = replace(
            stored,
            cancelled_at=known.now,
            cancelled_by=given.operator_id,
            cancel_reason=given.reason,
        )
        after = known.prices.without(stored.price, known.now)
        return (
            store.list_write(known.prices, after, self._mac_key),
            store.cancel_write(stored, cancelled, self._mac_key),
        )

    def record(self, operation: str, effective_at: int) -> PriceRecord:
        """One price of the history. Raises `PriceNotFound`, `PricesUnavailable` for a damaged one,
        and `StorageUnavailable`."""
        item = self._table.get(keys.record(operation, effective_at))
        if item is None:
            raise PriceNotFound("No price of this operation takes effect at this time.")
        return self._understood(item)

    def history(self, operation: str, limit: int, token: str | None) -> PricePage:
        """The prices that were ever scheduled for an operation. Raises `PageTokenInvalid`,
        `PricesUnavailable` for a damaged record, and `StorageUnavailable`."""
        scope = ("prices", operation)
        before = self._page_tokens.open(scope, token) if token else ""
        items, last = store.read_records(self._table, operation, limit=limit, before=before)
        records = [self._understood(item) for item in items]
        return PricePage(records, self._page_tokens.seal(scope, last) if last else None)

    def _known(self, operation: str, effective_at: int, items: Items) -> _Known:
        of_list, of_record = related_to(operation, effective_at)
        item = items[of_record]
        try:
            prices = store.list_from(items[of_list], self._mac_key)
        except store.PricesDamaged as error:
            raise PricesUnavailable(str(error)) from error
        return _Known(prices, self._understood(item) if item else None, self._clock.now())

    def _understood(self, item: Item) -> PriceRecord:
        try:
            return store.record_from(item, self._mac_key)
        except store.PricesDamaged as error:
            raise PricesUnavailable(str(error)) from error

    def _check_time(self, start: int, now: int) -> None:
        if start < now + self._lead:
            raise PriceTooSoon(details={"earliestEffectiveAt": iso(now + self._lead)})
        if start > now + MAX_AHEAD_MILLISECONDS:
            raise PriceTooFar
