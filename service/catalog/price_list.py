"""The prices that have been scheduled, as one list. Pure.

In a file of its own because everything that decides which price applies, and when, is here."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.catalog.pricing import Price

MAX_PENDING = 10
"""Prices of one operation that are not yet in effect."""


@dataclass(frozen=True)
class PriceList:
    """Of each operation the price that was in effect at the last change, and those to come.
    `version` counts the changes."""

    version: int = 0
    prices: tuple[Price, ...] = ()

    def effective(self, operation: str, now: int) -> Price | None:
        """The newest price of that operation that is in effect; None: none has been scheduled."""
        return max(
            (price for price in self.of(operation) if starts_at(price) <= now),
            key=starts_at,
            default=None,
        )

    def of(self, operation: str) -> tuple[Price, ...]:
        return tuple(price for price in self.prices if price.operation == operation)

    def pending(self, operation: str, now: int) -> tuple[Price, ...]:
        """Those that are not yet in effect, in time order."""
        return tuple(
            sorted((price for price in self.of(operation) if starts_at(price) > now), key=starts_at)
        )

    def at(self, operation: str, effective_at: int) -> Price | None:
        """The price that takes effect at exactly that time."""
        return next(
            (price for price in self.of(operation) if price.effective_at == effective_at), None
        )

    def with_price(self, price: Price, now: int) -> "PriceList":
        """The next list, with that price and without what has been superseded."""
        return self._next((*self.prices, price), now)

    def without(self, price: Price, now: int) -> "PriceList":
        """The next list, without that price and what has been superseded."""
        return self._next(tuple(each for each in self.prices if each != price), now)

    def _next(self, prices: tuple[Price, ...], now: int) -> "PriceList":
        latest: Mapping[str, int] = {
            operation: max(
                (
                    starts_at(price)
                    for price in prices
                    if price.operation == operation and starts_at(price) <= now
                ),
                default=0,
            )
            for operation in {price.operation for price in prices}
        }
        kept = [price for price in prices if starts_at(price) >= latest[price.operation]]
        kept.sort(key=lambda price: (price.operation, starts_at(price)))
        return PriceList(self.version + 1, tuple(kept))


def starts_at(price: Price) -> int:
    return price.effective_at or 0
