"""Prices to come: scheduling one, cancelling it, and the history.

In a file of its own because only operators do this, and never while somebody requests work."""

from collections.abc import Callable, Iterable, Sequence
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
    PricesBusy,
    PricesFull,
    PricesUnavailable,
    PriceTooFar,
    PriceTooSoon,
    PriceUnusable,
)
from service.catalog.price_list import MAX_PENDING, PriceList, starts_at
from service.catalog.pricing import Price, uncounted
from service.core.clock import Clock, iso
from service.core.errors import FareboxError
from service.storage.cursor import PageTokens
from service.storage.table import Cancelled, MaybeApplied, NotApplied, Table
from service.storage.writes import Write

MAX_TRIES = 5
PAUSE_SECONDS = 0.1
MAX_AHEAD_MILLISECONDS = 366 * 24 * 3600 * 1000

AlsoWrite = Callable[[PriceRecord], Sequence[Write]]
"""What another feature adds to the transaction that changes a price."""


@dataclass(frozen=True)
class PricePage:
    """Prices of one operation, the last to take effect first."""

    records: list[PriceRecord]
    next_token: str | None


@dataclass(frozen=True)
class _Change:
    """What one attempt would write: the next list, and the record."""

    after: PriceList
    write: Write
    record: PriceRecord


def nothing_else(record: PriceRecord) -> Sequence[Write]:
    del record
    return ()


class PriceSchedule:
    """Changes the price list, from any number of processes."""

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

    def schedule(self, new: NewPrice, also: AlsoWrite = nothing_else) -> PriceRecord:
        """Writes a price that takes effect in the future, and what `also` adds, in one transaction.
        The same price at the same time again returns the record that is there.

        Raises, with nothing written: `PriceNotFound` for an unknown operation, `PriceUnusable`,
        `PriceTooSoon`, `PriceTooFar`, `PriceConflict`, `PricesFull`, `PricesBusy`,
        `PricesUnavailable`. Raises `StorageUnavailable` when the table did not respond: repeat the
        call to learn the outcome."""
        self._check_terms(new.price)

        def propose(prices: PriceList, now: int) -> _Change | PriceRecord:
            stored = self._record(new.price.operation, starts_at(new.price))
            if stored is None:
                return self._addition(new, prices, now)
            if stored.price != new.price or stored.cancelled_at is not None:
                raise PriceConflict
            return stored

        return self._change(propose, also)

    def cancel(self, given: PriceCancellation, also: AlsoWrite = nothing_else) -> PriceRecord:
        """Takes a price back, as long before it takes effect as one has to be scheduled. Cancelling
        it again returns the record.

        Raises, with nothing written: `PriceNotFound`, `PriceNotPending`, `PricesBusy`,
        `PricesUnavailable`. Raises `StorageUnavailable` as `schedule` does."""

        def propose(prices: PriceList, now: int) -> _Change | PriceRecord:
            stored = self._record(given.operation, given.effective_at)
            if stored is None:
                raise PriceNotFound("No price of this operation takes effect at this time.")
            if stored.cancelled_at is not None:
                return stored
            return self._cancellation(stored, given, prices, now)

        return self._change(propose, also)

    def history(self, operation: str, limit: int, token: str | None) -> PricePage:
        """The prices that were ever scheduled for an operation. Raises `PageTokenInvalid`,
        `PricesUnavailable` for a damaged record, and `StorageUnavailable`."""
        scope = ("prices", operation)
        before = self._page_tokens.open(scope, token) if token else ""
        try:
            found, last = store.records(
                self._table, operation, self._mac_key, limit=limit, before=before
            )
        except store.PricesDamaged as error:
            raise PricesUnavailable(str(error)) from error
        return PricePage(found, self._page_tokens.seal(scope, last) if last else None)

    def _addition(self, new: NewPrice, prices: PriceList, now: int) -> _Change:
        start = starts_at(new.price)
        if start < now + self._lead:
            raise PriceTooSoon(details={"earliestEffectiveAt": iso(now + self._lead)})
        if start > now + MAX_AHEAD_MILLISECONDS:
            raise PriceTooFar
        if len(prices.pending(new.price.operation, now)) >= MAX_PENDING:
            raise PricesFull(details={"limit": MAX_PENDING})
        record = PriceRecord(new.price, now, new.operator_id, new.reason)
        write = store.record_write(record, self._mac_key)
        return _Change(prices.with_price(new.price, now), write, record)

    def _cancellation(
        self, stored: PriceRecord, given: PriceCancellation, prices: PriceList, now: int
    ) -> _Change:
        if given.effective_at < now + self._lead:
            raise PriceNotPending
        cancelled = replace(
            stored,
            cancelled_at=now,
            cancelled_by=given.operator_id,
            cancel_reason=given.reason,
        )
        write = store.cancel_write(stored, cancelled, self._mac_key)
        return _Change(prices.without(stored.price, now), write, cancelled)

    def _check_terms(self, price: Price) -> None:
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

    def _record(self, operation: str, effective_at: int) -> PriceRecord | None:
        item = self._table.get(keys.record(operation, effective_at))
        try:
            return store.record_from(item, self._mac_key) if item else None
        except store.PricesDamaged as error:
            raise PricesUnavailable(str(error)) from error

    def _list(self) -> PriceList:
        try:
            return store.read_list(self._table, self._mac_key)
        except store.PricesDamaged as error:
            raise PricesUnavailable(str(error)) from error

    def _change(
        self, propose: Callable[[PriceList, int], _Change | PriceRecord], also: AlsoWrite
    ) -> PriceRecord:
        """Moves the list from exactly the version that was read. An attempt without a response is
        followed by another: either the first was stored, which its record shows, or the second
        takes the version that the first expects, so that it can never be stored."""
        doubt: MaybeApplied | None = None
        for _ in range(MAX_TRIES):
            before = self._list()
            try:
                change = propose(before, self._clock.now())
            except FareboxError as refusal:
                # While an attempt is in doubt no refusal is final.
                raise doubt or refusal from refusal
            if isinstance(change, PriceRecord):
                return change
            of_list = store.list_write(before, change.after, self._mac_key)
            try:
                self._table.transact([of_list, change.write, *also(change.record)])
            except MaybeApplied as error:
                doubt = error
            except (Cancelled, NotApplied):
                pass
            else:
                return change.record
            self._clock.sleep(PAUSE_SECONDS)
        raise doubt or PricesBusy()
