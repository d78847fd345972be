"""Looking prompts up, and quoting prices."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil

from service.catalog.current_prices import CurrentPrices
from service.catalog.entities import (
    Cost,
    PricedOperation,
    PriceNotFound,
    Prompt,
    ProviderRates,
    unknown_prompt,
)
from service.catalog.pricing import Flat, Price, Usage, total
from service.core.amounts import MICROS, Amount, Micros
from service.core.clock import Clock

MAX_SHOWN = 100


class Catalog:
    """The prompts of one release, and the prices of all operations."""

    def __init__(
        self,
        prompts: Iterable[Prompt],
        operations: Iterable[PricedOperation],
        provider_rates: Mapping[str, ProviderRates],
        current: CurrentPrices,
        clock: Clock,
    ) -> None:
        self._prompts = {prompt.key: prompt for prompt in prompts}
        self._operations = {operation.name: operation for operation in operations}
        self._provider_rates = dict(provider_rates)
        self._current = current
        self._clock = clock

    def prompts(self) -> tuple[Prompt, ...]:
        return tuple(self._prompts.values())

    def prompt(self, key: str) -> Prompt:
        """Raises `UnknownPromptKey`."""
        if key not in self._prompts:
            raise unknown_prompt(self._prompts)
        return self._prompts[key]

    def quote(self, operation: str) -> Price:
        """The price of an operation now, usually without a call to the table. Raises
        `PriceNotFound` and `PricesUnavailable`."""
        known = self._operations.get(operation)
        if known is None:
            raise price_not_found(operation)
        scheduled = self._current.get().effective(operation, self._clock.now())
        if scheduled is not None:
            return scheduled
        if known.default is None:
            raise price_not_found(operation)
        return Price(operation, known.default)

    def max_hold(self) -> Amount:
        """What the most expensive request holds now, as far as its price says it. Raises
        `PricesUnavailable`."""
        return max((self._hold(name) for name in self._operations), default=0)

    def _hold(self, operation: str) -> Amount:
        try:
            terms = self.quote(operation).terms
        except PriceNotFound:
            return 0
        return terms.amount if isinstance(terms, Flat) else terms.maximum or 0

    def provider_cost(
        self, operation: str, model: str, usage: Usage, units: Micros | None = None
    ) -> Cost | None:
        """What the provider bills for work of that model, rounded up: by the millionths of its own
        units that it reports, else by usage. None where the reviewed file has no rate. Raises
        `UsageNotCounted`."""
        rates = self._provider_rates.get(operation)
        if rates is None:
            return None
        if units is not None and rates.unit is not None:
            return Cost(ceil(Fraction(units * rates.unit, MICROS)), rates.currency)
        if model not in rates.models:
            return None
        return Cost(ceil(total(rates.models[model], usage)), rates.currency)


def price_not_found(operation: str) -> PriceNotFound:
    return PriceNotFound(details={"operation": operation[:MAX_SHOWN]})
