"""The catalog routes."""

from flask import Blueprint, Response

from service.catalog.entities import IMAGE_TO_VIDEO, PriceNotFound, PricesUnavailable
from service.catalog.operations import Catalog
from service.catalog.schemas import CostQuerySchema, PriceSchema, PromptsSchema, price_body
from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.web.body import read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success


def catalog_blueprint(catalog: Catalog) -> Blueprint:
    blueprint = Blueprint("catalog", __name__)
    cost_schema = CostQuerySchema()

    @blueprint.get("/prompts")
    @endpoint(
        Endpoint(
            access=Access.PUBLIC,
            summary="List the available prompts",
            operation_id="listPrompts",
            description="Each `promptKey` can be sent to `POST /videos`.",
            response=PromptsSchema,
            errors=(PriceNotFound, PricesUnavailable),
        )
    )
    def get_prompts() -> Response:
        price = price_body(catalog.quote(IMAGE_TO_VIDEO))
        return success(
            {
                "prompts": [
                    {"promptKey": prompt.key, "prompt": prompt.text, "price": price}
                    for prompt in catalog.prompts()
                ]
            }
        )

    @blueprint.get("/credits/cost")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get the price of an operation",
            operation_id="getOperationCost",
            scope=SessionScope.READ_CREDITS,
            description="The price at this moment. A job costs what was quoted when it was "
            "requested, whatever the price becomes meanwhile.",
            query=CostQuerySchema,
            response=PriceSchema,
            errors=(PriceNotFound, PricesUnavailable),
        )
    )
    def get_cost(principal: Principal) -> Response:
        del principal
        query = read_query(cost_schema)
        return success(price_body(catalog.quote(f"{query['provider']}:{query['operation']}")))

    return blueprint
