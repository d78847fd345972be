"""Which prices at Stripe the plans have."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, setting
from service.entitlements.plans import prices_of, read_plans


@dataclass(frozen=True, kw_only=True)
class EntitlementsSettings(Section):
    plan_prices: tuple[str, ...] = setting(
        (),
        "plan:price pairs, as in starter:price_1Nf3a,pro:price_1Nf3b: the prices at Stripe of the "
        "plans in service/entitlements/plans.json, where they differ from the file's",
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        try:
            read_plans(prices_of(self.plan_prices))
        except ValueError as error:
            yield f"PLAN_PRICES cannot be used: {error}"
