"""`GET /admin/analytics`. In a file of its own because it is for operators."""

from flask import Blueprint, Response

from service.analytics.entities import RangeTooLarge
from service.analytics.house_schemas import (
    HOUSE_COLUMNS,
    HouseAnalyticsSchema,
    HouseQuerySchema,
    house_body,
    house_rows,
)
from service.analytics.operations import HouseAnalytics
from service.core.principal import Operator
from service.storage.table import StorageUnavailable
from service.web.body import read_query
from service.web.csv_responses import csv_response, prefers_csv
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_GET_ANALYTICS = (
    "Sums over everybody's ledgers, as the audits' walks have found them: a day is closed by the "
    "first audit after it, and its sums never change, but for what is delivered late. A job counts "
    "on the day on which it ended, in UTC. Today's figures are metrics, not sums: the response "
    "says so. With `creditValueMicros` and `currency`, the totals have revenue and margin. With "
    "`Accept: text/csv`, the rows of `usage` come as a file."
)


def house_blueprint(house: HouseAnalytics) -> Blueprint:
    blueprint = Blueprint("house_analytics", __name__)
    query_schema = HouseQuerySchema()

    @blueprint.get("/admin/analytics")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="Sum up what everybody's credits did",
            operation_id="getAnalytics",
            description=_GET_ANALYTICS,
            query=HouseQuerySchema,
            response=HouseAnalyticsSchema,
            csv=True,
            errors=(RangeTooLarge, StorageUnavailable),
        )
    )
    def get_analytics(operator: Operator) -> Response:
        del operator
        query = read_query(query_schema)
        report = house.report(query["from_day"], query["to_day"])
        if prefers_csv():
            return csv_response(HOUSE_COLUMNS, house_rows(report), "analytics")
        micros, currency = query["credit_value_micros"], query["currency"]
        value = None if micros is None else (micros, currency)
        return success(house_body(report, value), headers={"Vary": "Accept"})

    return blueprint
