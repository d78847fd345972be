"""The catalog: prompts and prices, `GET /prompts`."""

from service.catalog.entities import IMAGE_TO_VIDEO
from service.catalog.operations import Catalog
from service.catalog.routes import catalog_blueprint
from service.catalog.settings import CatalogSettings
from service.catalog.store import read_prompts
from service.core.amounts import amount_of
from service.feature import Core, Declaration, Feature, Parts


def build(core: Core, parts: Parts) -> Feature:
    del parts
    prices = {IMAGE_TO_VIDEO: amount_of(core.section(CatalogSettings).video_price_credits)}
    catalog = Catalog(read_prompts(), prices)
    return Feature(operations={Catalog: catalog}, blueprints=(catalog_blueprint(catalog),))


CATALOG = Declaration(name="catalog", build=build, settings=CatalogSettings)
