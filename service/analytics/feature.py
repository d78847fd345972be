"""Analytics: `GET /credits/usage`, `GET /admin/analytics`, and the days that audits close."""

from service.analytics import keys
from service.analytics.checks import closed_day_check
from service.analytics.closed_days import ClosedDays
from service.analytics.house_routes import house_blueprint
from service.analytics.operations import Analytics, HouseAnalytics
from service.analytics.routes import analytics_blueprint
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.operations import Jobs
from service.ledger.history import History


def build(core: Core, parts: Parts) -> Feature:
    mac_key = core.keyring.mac_key
    analytics = Analytics(parts.get(History), parts.get(Jobs), core.clock)
    house = HouseAnalytics(core.table, core.clock, mac_key)
    return Feature(
        operations={
            Analytics: analytics,
            HouseAnalytics: house,
            ClosedDays: ClosedDays(core.table, core.clock, mac_key),
        },
        blueprints=lambda: (analytics_blueprint(analytics), house_blueprint(house)),
        checks=(closed_day_check(mac_key),),
    )


ANALYTICS = Declaration(name="analytics", build=build, items=keys.ITEMS)
