"""Promo codes and `POST /credits/redeem`."""

from service.core.rate_limits import Window
from service.feature import Core, Declaration, Feature, Parts
from service.ledger.operations import Ledger
from service.promo_codes import keys
from service.promo_codes.checks import promo_checks
from service.promo_codes.operations import PromoCodes
from service.promo_codes.routes import promo_codes_blueprint
from service.promo_codes.settings import PromoCodesSettings

WINDOW_SECONDS = 60.0


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(PromoCodesSettings)
    promo_codes = PromoCodes(
        core.table,
        parts.get(Ledger),
        core.clock,
        core.ids,
        core.metrics,
        core.keyring.peppers,
        core.keyring.mac_key,
    )
    of_user = Window(settings.user_redeem_limit, WINDOW_SECONDS, core.clock)
    of_address = Window(settings.address_redeem_limit, WINDOW_SECONDS, core.clock)
    return Feature(
        operations={PromoCodes: promo_codes},
        blueprints=(promo_codes_blueprint(promo_codes, of_user, of_address),),
        checks=promo_checks(core.keyring.mac_key),
    )


PROMO_CODES = Declaration(
    name="promo_codes", build=build, settings=PromoCodesSettings, items=keys.ITEMS
)
