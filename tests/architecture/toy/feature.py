"""Everything that a feature can contribute, in its smallest form."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click
from flask import Blueprint, Response
from marshmallow import fields

from service.core.console import print_result
from service.core.erasure import ErasureStep, ExportPart, StepOutcome
from service.core.settings import Section, setting
from service.core.sweep import Background
from service.feature import Core, Declaration, Feature, Parts
from service.storage.checks import ItemCheck
from service.storage.codec import Item
from service.storage.keys import DueKind, ItemKind, Key
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success
from service.web.schemas import StrictSchema

SHELF = ItemKind("shelf", "toy", "SHELF#<id>", "TOYS", "how many toys lie on a shelf")


@dataclass(frozen=True, kw_only=True)
class ToySettings(Section):
    toy_limit: int = setting(7, "how many toys a shelf takes")


class Toys:
    def __init__(self, limit: int) -> None:
        self.limit = limit


class TidyShelves:
    name = "tidy_shelves"
    interval_seconds = 5.0

    def __init__(self) -> None:
        self.runs = 0

    def run_once(self) -> bool:
        self.runs += 1
        return False


class ShelfSchema(StrictSchema):
    limit = fields.Integer()


@click.command(short_help="print how many toys a shelf takes")
@click.pass_obj
def toys(parts: Callable[[], Parts]) -> int:
    print_result(f"{parts().get(Toys).limit} toys")
    return 0


def shelf(shelf_id: str) -> Key:
    return Key(f"SHELF#{shelf_id}", "TOYS")


def build(core: Core, parts: Parts) -> Feature:
    del parts
    limit = core.section(ToySettings).toy_limit

    def too_many(item: Item) -> Iterator[str]:
        count = item["count"]
        if not isinstance(count, int) or count > limit:
            yield f"holds {count} toys, {limit} at most"

    return Feature(
        operations={Toys: Toys(limit)},
        blueprints=lambda: (_blueprint(limit),),
        sweeps=_sweeps,
        checks=(ItemCheck(SHELF, too_many),),
        erasure=(ErasureStep("toys", _without_toys),),
        exports=(ExportPart("toys", lambda user_id: [user_id]),),
    )


def _without_toys(user_id: str) -> StepOutcome:
    del user_id
    return StepOutcome.DONE


def _sweeps(background: Background) -> tuple[TidyShelves]:
    del background
    return (TidyShelves(),)


def _blueprint(limit: int) -> Blueprint:
    blueprint = Blueprint("toy", __name__)

    @blueprint.get("/toys")
    @endpoint(Endpoint(access=Access.PUBLIC, summary="See the limit", response=ShelfSchema))
    def get_toys() -> Response:
        return success({"limit": limit})

    return blueprint


TOY = Declaration(
    name="toy",
    build=build,
    settings=ToySettings,
    items=(SHELF,),
    due=(DueKind("SHELF", "toy", shards=1),),
    commands={"Toys": (toys,)},
)
