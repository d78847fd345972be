"""Promo codes and `POST /credits/redeem`."""

from dataclasses import replace

from service.feature import Core, Declaration, Feature, Parts
from service.ledger.operations import Ledger
from service.promo_codes import keys
from service.promo_codes.checks import promo_checks
from service.promo_codes.operations import PromoCodes
from service.promo_codes.routes import REDEEM, promo_codes_blueprint
from service.promo_codes.settings import PromoCodesSettings


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
    redeem = replace(
        REDEEM,
        caller_limit=settings.user_redeem_limit,
        address_limit=settings.address_redeem_limit,
    )
    return Feature(
        operations={PromoCodes: promo_codes},
        blueprints=lambda: (promo_codes_blueprint(promo_codes, redeem),),
        checks=promo_checks(core.keyring.mac_key),
    )


PROMO_CODES = Declaration(
    name="promo_codes", build=build, settings=PromoCodesSettings, items=keys.ITEMS
)
