"""What operations cost."""

from dataclasses import dataclass

from service.core.settings import Section, setting


@dataclass(frozen=True, kw_only=True)
class CatalogSettings(Section):
    video_price_credits: int = setting(1, "credits one video costs")
