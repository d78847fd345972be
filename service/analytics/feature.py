"""Analytics: `GET /credits/usage`."""

from service.analytics.operations import Analytics
from service.analytics.routes import analytics_blueprint
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.operations import Jobs
from service.ledger.history import History


def build(core: Core, parts: Parts) -> Feature:
    analytics = Analytics(parts.get(History), parts.get(Jobs), core.clock)
    return Feature(operations={Analytics: analytics}, blueprints=(analytics_blueprint(analytics),))


ANALYTICS = Declaration(name="analytics", build=build)
