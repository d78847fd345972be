"""What one operator may do alone."""

from dataclasses import dataclass
from decimal import Decimal

from service.core.settings import Section, setting


@dataclass(frozen=True, kw_only=True)
class AdminSettings(Section):
    admin_approval_credits: Decimal = setting(
        Decimal(1000),
        "adjustments of more credits than this, up or down, wait for a second operator (0: all); "
        "a promo code or bulk grant grants each user at most so many",
        minimum=0,
    )
