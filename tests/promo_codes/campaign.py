"""Promo codes and users to redeem them, made through the real operations."""

from dataclasses import replace
from typing import Any

from service.core.amounts import SCALE
from service.core.principal import Principal
from service.ledger.grant_terms import GrantTerms
from service.ledger.lots import LotKind
from service.promo_codes.entities import NewPromoCode, PromoCode, Redemption
from service.promo_codes.operations import PromoCodes
from tests.doubles.service_harness import ServiceHarness, order

TEXT = "LAUNCH-2027"
TERMS = GrantTerms(5 * SCALE, LotKind.PROMO)
NEW = NewPromoCode("Launch week", TERMS, max_uses=10, created_by="op-1", text=TEXT)


class Campaign:
    def __init__(self, world: ServiceHarness) -> None:
        self.world = world
        self.promo_codes = world.parts.get(PromoCodes)

    def make(self, new: NewPromoCode = NEW, **changes: Any) -> PromoCode:
        prepared = self.promo_codes.prepare(replace(new, **changes))
        self.world.table.transact([each.write for each in prepared.writes])
        return prepared.promo

    def user(self, user_id: str = "ann", device: str | None = None) -> Principal:
        """Someone who has signed up, on a device of their own."""
        principal = order(user_id).principal
        device = device or f"device-of-{user_id}"
        self.world.users.sign_up(principal, self.world.users.digests(device))
        return principal

    def redeem(
        self,
        principal: Principal,
        text: str = TEXT,
        fingerprint: str | None = None,
        key: str | None = None,
    ) -> Redemption:
        return self.promo_codes.redeem(principal, text, fingerprint, key)

    def revoke(self, promo: PromoCode) -> None:
        self.world.table.write(self.promo_codes.revocation(promo).write)

    def stored(self, promo: PromoCode) -> PromoCode:
        return self.promo_codes.find(promo.promo_id)
