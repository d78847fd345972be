"""Background work of every web process: reading the prices before anybody needs them."""

from dataclasses import dataclass

from service.catalog.current_prices import CurrentPrices


@dataclass(frozen=True)
class PriceRefresh:
    """See `service.core.sweep.Sweep`."""

    current: CurrentPrices
    interval_seconds: float
    name: str = "price_refresh"

    def run_once(self) -> bool:
        self.current.refresh()
        return False
