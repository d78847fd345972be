"""The catalog: prompts and prices, `GET /prompts`, `GET /credits/cost`."""

from collections.abc import Iterable
from dataclasses import replace

from service.catalog import keys, store
from service.catalog.checks import price_checks
from service.catalog.current_prices import CurrentPrices
from service.catalog.entities import IMAGE_TO_VIDEO, PricedOperation
from service.catalog.operations import Catalog
from service.catalog.pricing import Flat
from service.catalog.routes import catalog_blueprint
from service.catalog.scheduling import PriceSchedule
from service.catalog.settings import CatalogSettings
from service.catalog.sweeps import PriceRefresh
from service.core.amounts import amount_of
from service.feature import Core, Declaration, Feature, Parts
from service.storage.cursor import PageTokens


def build(core: Core, parts: Parts) -> Feature:
    del parts
    settings, mac_key = core.section(CatalogSettings), core.keyring.mac_key
    operations = tuple(with_setting(store.read_operations(), settings))
    current = CurrentPrices(core.table, core.clock, core.metrics, mac_key, settings.max_age_seconds)
    catalog = Catalog(
        store.read_prompts(), operations, store.read_provider_rates(), current, core.clock
    )
    schedule = PriceSchedule(
        operations,
        core.table,
        core.clock,
        PageTokens(core.keyring.token_keys),
        mac_key,
        settings.price_lead_seconds,
    )
    return Feature(
        operations={Catalog: catalog, PriceSchedule: schedule, CurrentPrices: current},
        blueprints=lambda: (catalog_blueprint(catalog),),
        web_sweeps=(PriceRefresh(current, settings.price_refresh_seconds),),
        checks=price_checks(core.table, core.clock, mac_key),
    )


def with_setting(
    operations: Iterable[PricedOperation], settings: CatalogSettings
) -> Iterable[PricedOperation]:
    """The operations of the file; the setting, where there is one, is a video's default price."""
    for each in operations:
        if each.name == IMAGE_TO_VIDEO and settings.video_price_credits is not None:
            yield replace(each, default=Flat(amount_of(settings.video_price_credits)))
        else:
            yield each


CATALOG = Declaration(name="catalog", build=build, settings=CatalogSettings, items=keys.ITEMS)
