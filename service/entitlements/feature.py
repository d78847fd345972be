"""Entitlements: plans, what a subscription permits, trials."""

from service.core.settings import SettingsError
from service.entitlements import keys
from service.entitlements.checks import entitlement_checks
from service.entitlements.entities import Plans
from service.entitlements.operations import Entitlements
from service.entitlements.personal_data import EntitlementData
from service.entitlements.plans import prices_of, read_plans
from service.entitlements.routes import entitlements_blueprint
from service.entitlements.settings import EntitlementsSettings
from service.entitlements.trials import Trials
from service.feature import Core, Declaration, Feature, Parts
from service.ledger.operations import Ledger


def build(core: Core, parts: Parts) -> Feature:
    plans = parts.replacement_or(Plans, lambda: _plans(core))
    entitlements = Entitlements(core.table, core.clock, plans)
    data = EntitlementData(core.table, entitlements)
    return Feature(
        operations={
            Plans: plans,
            Entitlements: entitlements,
            Trials: Trials(parts.get(Ledger), core.keyring.peppers),
        },
        blueprints=lambda: (entitlements_blueprint(entitlements),),
        checks=entitlement_checks(),
        erasure=data.steps,
        exports=data.exports,
    )


def _plans(core: Core) -> Plans:
    try:
        return read_plans(prices_of(core.section(EntitlementsSettings).plan_prices))
    except ValueError as error:
        raise SettingsError([f"plans.json cannot be used: {error}"]) from error


ENTITLEMENTS = Declaration(
    name="entitlements",
    build=build,
    settings=EntitlementsSettings,
    items=keys.ITEMS,
)
