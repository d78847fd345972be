"""The prices as this process knows them. No one who requests work waits for them to be read.

In a file of its own because it is the only state of the catalog that changes."""

import math
import threading
from dataclasses import dataclass

import structlog

from service.catalog.entities import PricesUnavailable
from service.catalog.price_list import PriceList
from service.catalog.store import PricesDamaged, read_list
from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.storage.table import StorageUnavailable, Table

log = structlog.get_logger()


@dataclass(frozen=True)
class _Reading:
    """A price list, and the monotonic time at which its reading began."""

    prices: PriceList
    at: float


class CurrentPrices:
    """Keeps the price list that was read last.

    A price is written at least its lead before it takes effect. A list that was read less than
    `max_age_seconds` ago, which is shorter than the lead, therefore has every price that is in
    effect; an older one is not used."""

    def __init__(
        self,
        table: Table,
        clock: Clock,
        metrics: Metrics,
        mac_key: bytes,
        max_age_seconds: float,
    ) -> None:
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._mac_key = mac_key
        self._max_age_seconds = max_age_seconds
        self._reading: _Reading | None = None
        self._lock = threading.Lock()
        self._attempts = 0

    def get(self) -> PriceList:
        """The list, without a call to the table unless the last one is too old. Raises
        `PricesUnavailable`."""
        if (usable := self._usable()) is not None:
            return usable
        attempts = self._attempts
        with self._lock:
            # Whoever waited for another's attempt takes its outcome, a failure too: a thousand
            # requests would otherwise wait for the table one after the other.
            if self._attempts == attempts:
                self._attempt()
        if (usable := self._usable()) is None:
            raise PricesUnavailable
        return usable

    def refresh(self) -> None:
        """Reads the list now. Whatever prevents it is logged."""
        with self._lock:
            self._attempt()

    def _usable(self) -> PriceList | None:
        reading = self._reading
        if reading is None or self._clock.monotonic() - reading.at >= self._max_age_seconds:
            return None
        return reading.prices

    def _attempt(self) -> None:
        try:
            self._read()
        finally:
            self._attempts += 1

    def _read(self) -> None:
        began_at = self._clock.monotonic()
        try:
            prices = read_list(self._table, self._mac_key)
        except StorageUnavailable as error:
            log.warning("prices_not_read", reason=error.code)
            return
        except PricesDamaged as error:
            self._refuse(str(error))
            return
        known = self._reading.prices.version if self._reading else 0
        if prices.version < known:
            self._refuse(f"version {prices.version} of the price list follows {known}")
            return
        self._reading = _Reading(prices, began_at)

    def _refuse(self, fault: str) -> None:
        """Another's prices are never charged: an operator has to act. The version stays known, so
        that an older list is not taken for a new one."""
        log.error("prices_damaged", fault=fault)
        self._metrics.count(Metric.LEDGER_DAMAGED)
        if self._reading is not None:
            self._reading = _Reading(self._reading.prices, -math.inf)
