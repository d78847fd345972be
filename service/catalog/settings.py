"""What operations cost."""

from dataclasses import dataclass
from decimal import Decimal

from service.core.settings import Section, setting


@dataclass(frozen=True, kw_only=True)
class CatalogSettings(Section):
    video_price_credits: Decimal = setting(Decimal(1), "credits one video costs")
