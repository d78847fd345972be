"""The operators' routes of prices."""

from flask import Blueprint, Response

from service.admin.price_schemas import (
    NewPriceRequestSchema,
    PriceCancellationRequestSchema,
    PriceHistoryQuerySchema,
    PriceHistorySchema,
    PricePerformedSchema,
    price_record_body,
    terms_of,
)
from service.admin.prices import Prices
from service.admin.routes import ACTION_ERRORS, ACTION_HEADERS, action_of, performed_response
from service.catalog.entities import (
    IMAGE_TO_VIDEO,
    PriceConflict,
    PriceNotFound,
    PriceNotPending,
    PricesFull,
    PricesUnavailable,
    PriceTooFar,
    PriceTooSoon,
    PriceUnusable,
)
from service.catalog.pricing import Price
from service.core.clock import iso
from service.core.principal import Operator
from service.storage.cursor import PageTokenInvalid
from service.storage.table import StorageUnavailable
from service.web.body import read_body, read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

GET_HISTORY = Endpoint(
    access=Access.OPERATOR,
    summary="List the prices of an operation",
    operation_id="listPrices",
    description="Every price that was ever scheduled, with who did it and why.",
    query=PriceHistoryQuerySchema,
    response=PriceHistorySchema,
    errors=(PageTokenInvalid, PricesUnavailable, StorageUnavailable),
)
POST_PRICE = Endpoint(
    access=Access.OPERATOR,
    fresh=True,
    second_factor=True,
    summary="Schedule a price",
    operation_id="schedulePrice",
    description="It applies from `effectiveAt` on, at the same moment in every process; jobs that "
    "were requested before cost what they were quoted.",
    body=NewPriceRequestSchema,
    response=PricePerformedSchema,
    errors=(
        PriceUnusable,
        PriceTooSoon,
        PriceTooFar,
        PriceNotFound,
        PriceConflict,
        PricesFull,
        PricesUnavailable,
        *ACTION_ERRORS,
    ),
    example={
        "operation": IMAGE_TO_VIDEO,
        "credits": 2,
        "effectiveAt": "2026-12-01T00:00:00.000Z",
        "reason": "Kling has raised its prices.",
    },
    headers=ACTION_HEADERS,
)
POST_CANCELLATION = Endpoint(
    access=Access.OPERATOR,
    fresh=True,
    second_factor=True,
    summary="Cancel a price that is not yet in effect",
    operation_id="cancelPrice",
    description="As long before it takes effect as a price has to be scheduled.",
    body=PriceCancellationRequestSchema,
    response=PricePerformedSchema,
    errors=(PriceNotFound, PriceNotPending, PricesUnavailable, *ACTION_ERRORS),
    example={
        "operation": IMAGE_TO_VIDEO,
        "effectiveAt": "2026-12-01T00:00:00.000Z",
        "reason": "Kling has not raised its prices after all.",
    },
    headers=ACTION_HEADERS,
)


def prices_blueprint(prices: Prices) -> Blueprint:
    blueprint = Blueprint("prices", __name__)
    query_schema = PriceHistoryQuerySchema()
    new_schema, cancellation_schema = NewPriceRequestSchema(), PriceCancellationRequestSchema()

    @blueprint.get("/admin/prices")
    @endpoint(GET_HISTORY)
    def get_prices(operator: Operator) -> Response:
        del operator
        query = read_query(query_schema)
        page = prices.history(query["operation"], query["limit"], query["next_token"])
        return success(
            {
                "prices": list(map(price_record_body, page.records)),
                "nextToken": page.next_token,
                "earliestEffectiveAt": iso(prices.earliest_start()),
            }
        )

    @blueprint.post("/admin/prices")
    @endpoint(POST_PRICE)
    def post_price(operator: Operator) -> Response:
        body = read_body(new_schema)
        price = Price(body["operation"], terms_of(body), body["effective_at"])
        facts = {
            "operation": price.operation,
            "effectiveAt": iso(body["effective_at"]),
            "terms": price.terms.text,
            "priceVersion": price.version,
        }
        action = action_of(operator, "schedule price", None, body, facts=facts)
        performed, record = prices.schedule(action, price)
        return performed_response(performed, price=price_record_body(record))

    @blueprint.post("/admin/prices/cancel")
    @endpoint(POST_CANCELLATION)
    def post_cancellation(operator: Operator) -> Response:
        body = read_body(cancellation_schema)
        operation, effective_at = body["operation"], body["effective_at"]
        facts = {"operation": operation, "effectiveAt": iso(effective_at)}
        action = action_of(operator, "cancel price", None, body, facts=facts)
        performed, record = prices.cancel(action, operation, effective_at)
        return performed_response(performed, price=price_record_body(record))

    return blueprint
