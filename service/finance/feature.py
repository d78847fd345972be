"""Finance: `farebox finance`, `GET /admin/finance`."""

from service.analytics.operations import HouseAnalytics
from service.billing.payments import Payments
from service.billing.purchase_records import PurchaseRecords
from service.billing.stripe_client import Stripe
from service.feature import Core, Declaration, Feature, Parts
from service.finance import keys
from service.finance.checks import report_check
from service.finance.commands import finance
from service.finance.operations import Finance
from service.finance.routes import finance_blueprint


def build(core: Core, parts: Parts) -> Feature:
    mac_key = core.keyring.mac_key
    operations = Finance(
        core.table,
        parts.get(Stripe),
        parts.get(Payments),
        PurchaseRecords(core.table, mac_key),
        parts.get(HouseAnalytics),
        core.clock,
        mac_key,
    )
    return Feature(
        operations={Finance: operations},
        blueprints=lambda: (finance_blueprint(operations),),
        checks=(report_check(mac_key),),
    )


FINANCE = Declaration(
    name="finance", build=build, items=keys.ITEMS, commands={"Finance": (finance,)}
)
