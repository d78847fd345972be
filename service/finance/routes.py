"""`GET /admin/finance`."""

from flask import Blueprint, Response

from service.core.principal import Operator
from service.finance.documents import SUM_COLUMNS, sum_rows
from service.finance.entities import ReportDamaged, ReportNotFound
from service.finance.operations import Finance
from service.finance.schemas import FinanceQuerySchema, FinanceSchema
from service.storage.table import StorageUnavailable
from service.web.body import read_query
from service.web.csv_responses import csv_response, prefers_csv
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_GET_FINANCE = (
    "The last report of a month that `farebox finance` has made: credits, money by currency, "
    "margin, and what does not match between Stripe's balance transactions and our purchases. "
    "Making one reads the whole table, so this route makes none. With `Accept: text/csv`, the "
    "figures and differences come as a file; every single transaction is in the files that the "
    "command writes."
)


def finance_blueprint(finance: Finance) -> Blueprint:
    blueprint = Blueprint("finance", __name__)
    query_schema = FinanceQuerySchema()

    @blueprint.get("/admin/finance")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="Get the finance report of a month",
            operation_id="getFinanceReport",
            description=_GET_FINANCE,
            query=FinanceQuerySchema,
            response=FinanceSchema,
            csv=True,
            errors=(ReportNotFound, ReportDamaged, StorageUnavailable),
        )
    )
    def get_finance(operator: Operator) -> Response:
        del operator
        month = read_query(query_schema)["month"]
        document = finance.last(month)
        if prefers_csv():
            return csv_response(SUM_COLUMNS, sum_rows(document), f"finance-{month}")
        return success(document, headers={"Vary": "Accept"})

    return blueprint
