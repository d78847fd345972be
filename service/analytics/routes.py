"""The analytics routes."""

from flask import Blueprint, Response

from service.analytics.entities import RangeTooLarge
from service.analytics.operations import Analytics
from service.analytics.schemas import (
    USAGE_COLUMNS,
    CreditUsageSchema,
    usage_body,
    usage_row,
)
from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.storage.table import StorageUnavailable
from service.web.body import read_query
from service.web.csv_responses import csv_response, prefers_csv
from service.web.days import DaysSchema
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_GET_USAGE = (
    "Sums by day and operation, exactly as the ledger says. A job counts on the day on which it "
    "ended, in UTC. Without `to` up to today, without `from` the last 30 days. With "
    "`Accept: text/csv`, the rows come as a file."
)


def analytics_blueprint(analytics: Analytics) -> Blueprint:
    blueprint = Blueprint("analytics", __name__)
    days_schema = DaysSchema()

    @blueprint.get("/credits/usage")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Sum up what your credits did",
            operation_id="getCreditUsage",
            scope=SessionScope.READ_CREDITS,
            description=_GET_USAGE,
            query=DaysSchema,
            response=CreditUsageSchema,
            csv=True,
            errors=(RangeTooLarge, StorageUnavailable),
        )
    )
    def get_usage(principal: Principal) -> Response:
        query = read_query(days_schema)
        usage = analytics.usage_of(principal.subject, query["from_day"], query["to_day"])
        if prefers_csv():
            rows = (usage_row(key, sums) for key, sums in usage.table.items())
            return csv_response(USAGE_COLUMNS, rows, "credit-usage")
        return success(usage_body(usage), headers={"Vary": "Accept"})

    return blueprint
