"""The operators' API: routes below `/admin`, and the log of what operators did."""

from service.admin import keys
from service.admin.campaign_routes import bulk_grants_blueprint, promo_codes_blueprint
from service.admin.campaigns import Campaigns
from service.admin.checks import house_log_check, user_log_check
from service.admin.commands import COMMANDS
from service.admin.correction_routes import corrections_blueprint
from service.admin.corrections import Corrections
from service.admin.log import OperatorLog
from service.admin.operations import Actions
from service.admin.price_routes import prices_blueprint
from service.admin.prices import Prices
from service.admin.routes import log_blueprint
from service.bulk_grants.operations import BulkGrants
from service.catalog.scheduling import PriceSchedule
from service.feature import Core, Declaration, Feature, Parts
from service.ledger.operations import Ledger
from service.promo_codes.operations import PromoCodes
from service.storage.cursor import PageTokens


def build(core: Core, parts: Parts) -> Feature:
    mac_key = core.keyring.mac_key
    log = OperatorLog(core.table, mac_key, PageTokens(core.keyring.token_keys))
    actions = Actions(core.table, parts.get(Ledger), log, core.clock, core.jitter)
    corrections = Corrections(parts.get(Ledger), log, core.clock)
    promo_codes, bulk_grants = parts.get(PromoCodes), parts.get(BulkGrants)
    campaigns = Campaigns(actions, promo_codes, bulk_grants)
    page_tokens = PageTokens(core.keyring.token_keys)
    prices = Prices(actions, parts.get(PriceSchedule))
    return Feature(
        operations={
            OperatorLog: log,
            Actions: actions,
            Corrections: corrections,
            Campaigns: campaigns,
            Prices: prices,
        },
        blueprints=(
            log_blueprint(log, actions),
            corrections_blueprint(corrections),
            promo_codes_blueprint(campaigns, promo_codes, page_tokens),
            bulk_grants_blueprint(campaigns, bulk_grants, page_tokens),
            prices_blueprint(prices),
        ),
        checks=(user_log_check(mac_key), house_log_check(mac_key)),
    )


ADMIN = Declaration(name="admin", build=build, items=keys.ITEMS, commands=COMMANDS)
