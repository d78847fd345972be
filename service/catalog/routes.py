"""The catalog routes."""

from flask import Blueprint, Response

from service.catalog.operations import Catalog
from service.catalog.schemas import PromptsSchema
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success


def catalog_blueprint(catalog: Catalog) -> Blueprint:
    blueprint = Blueprint("catalog", __name__)

    @blueprint.get("/prompts")
    @endpoint(
        Endpoint(
            access=Access.PUBLIC,
            summary="List the available prompts",
            operation_id="listPrompts",
            description="Each `promptKey` can be sent to `POST /videos`.",
            response=PromptsSchema,
        )
    )
    def get_prompts() -> Response:
        return success(
            {
                "prompts": [
                    {"promptKey": prompt.key, "prompt": prompt.text} for prompt in catalog.prompts()
                ]
            }
        )

    return blueprint
