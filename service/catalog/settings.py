"""What operations cost, and how far ahead a price is scheduled."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from service.core.settings import Section, Sections, more_than, setting

# For the difference of two processes' clocks, and for a write that is under way.
LEAD_MARGIN_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class CatalogSettings(Section):
    video_price_credits: Decimal | None = setting(
        None,
        "credits one video costs unless another price is scheduled; empty: as in "
        "service/catalog/prices.json",
    )
    price_refresh_seconds: float = setting(
        30.0, "how often a web process reads the scheduled prices"
    )
    price_lead_seconds: float = setting(
        300.0, "how long before it takes effect a price must be scheduled, at least"
    )

    @property
    def max_age_seconds(self) -> float:
        """How old a process's prices may be."""
        return self.price_lead_seconds - LEAD_MARGIN_SECONDS

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        bound = 2 * self.price_refresh_seconds + LEAD_MARGIN_SECONDS
        what = f"twice PRICE_REFRESH_SECONDS and {LEAD_MARGIN_SECONDS}"
        yield from more_than([("PRICE_LEAD_SECONDS", self.price_lead_seconds, what, bound)])
