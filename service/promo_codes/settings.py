"""How often promo codes may be tried."""

from dataclasses import dataclass

from service.core.settings import Section, setting


@dataclass(frozen=True, kw_only=True)
class PromoCodesSettings(Section):
    user_redeem_limit: int = setting(
        10, "promo codes that one user may try in a minute, in one web process"
    )
    address_redeem_limit: int = setting(
        60, "promo codes that may be tried from one address in a minute, in one web process"
    )
