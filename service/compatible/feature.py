"""OpenAI's own routes. Where no text is written, there are none."""

from functools import partial
from pathlib import Path

from service.compatible.error_schemas import OpenAiErrors
from service.compatible.model_routes import models_blueprint
from service.compatible.operations import Compatible
from service.compatible.routes import compatible_blueprint
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.operations import Jobs
from service.jobs.work import Operations
from service.sessions.minting import Minting
from service.text.event_schemas import run_pieces
from service.text.operations import Text
from service.web.settings import WebSettings


def build(core: Core, parts: Parts) -> Feature:
    if Text not in parts.features["text"].operations:
        return Feature()
    flag = core.section(WebSettings).drain_flag_path

    def is_draining() -> bool:
        return bool(flag) and Path(flag).exists()

    compatible = Compatible(
        parts.get(Text), parts.get(Minting), parts.get(Jobs), parts.get(Operations), is_draining
    )
    live = partial(run_pieces, clock=core.clock)
    return Feature(
        operations={Compatible: compatible},
        blueprints=lambda: (compatible_blueprint(compatible, live), models_blueprint(compatible)),
        error_shapes=(OpenAiErrors(),),
    )


COMPATIBLE = Declaration(name="compatible", build=build)
