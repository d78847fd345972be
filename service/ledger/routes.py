"""The ledger routes."""

from typing import Any

from flask import Blueprint, Response

from service.core.days import end_of, start_of
from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.ledger.entities import check_wallet
from service.ledger.history import History, HistoryFilter
from service.ledger.operations import Ledger
from service.ledger.schemas import (
    CSV_COLUMNS,
    CreditsSchema,
    HistoryQuerySchema,
    HistorySchema,
    credits_body,
    history_body,
    history_row,
)
from service.storage.cursor import PageTokenInvalid
from service.storage.table import StorageUnavailable
from service.web.body import read_query
from service.web.csv_responses import Exports, TooManyExports, prefers_csv
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_GET_HISTORY = (
    "One line for every change of the balance, newest first: the amounts add up to it. What a "
    "request holds is its `USAGE`; what comes back of it, because it failed or cost less, is a "
    "`RELEASE`. Where `type` is rare, a page may be shorter than `limit`, even empty, and still "
    "have a `nextToken`. With `Accept: text/csv`, all lines come as one file, whatever `limit` and "
    "`nextToken`; a connection that is cut before its end means an incomplete file."
)


def ledger_blueprint(ledger: Ledger, history: History) -> Blueprint:
    blueprint = Blueprint("ledger", __name__)
    _add_credits(blueprint, ledger)
    _add_history(blueprint, history)
    return blueprint


def _add_credits(blueprint: Blueprint, ledger: Ledger) -> None:
    @blueprint.get("/credits")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get your credits",
            operation_id="getCredits",
            scope=SessionScope.READ_CREDITS,
            description='A valid token without an account returns zeros and `"registered": false`.',
            response=CreditsSchema,
            checks_account=True,
            errors=(StorageUnavailable,),
        )
    )
    def get_credits(principal: Principal) -> Response:
        balance = ledger.balance(principal.subject)
        check_wallet(balance.wallet, principal)
        return success(credits_body(balance.wallet, balance.at))


def _add_history(blueprint: Blueprint, history: History) -> None:
    query_schema = HistoryQuerySchema()
    exports = Exports()

    @blueprint.get("/credits/history")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="List what changed your credits, newest first",
            operation_id="listCreditHistory",
            scope=SessionScope.READ_CREDITS,
            description=_GET_HISTORY,
            query=HistoryQuerySchema,
            response=HistorySchema,
            csv=True,
            errors=(PageTokenInvalid, TooManyExports, StorageUnavailable),
        )
    )
    def get_history(principal: Principal) -> Response:
        query = read_query(query_schema)
        wanted = _filter(query)
        if prefers_csv():
            lines = history.lines(principal.subject, wanted)
            rows = map(history_row, lines)
            return exports.send(principal.subject, CSV_COLUMNS, rows, "credit-history")
        page = history.page(principal.subject, wanted, query["limit"], query["next_token"])
        return success(history_body(page), headers={"Vary": "Accept"})


def _filter(query: dict[str, Any]) -> HistoryFilter:
    first, last = query["from_day"], query["to_day"]
    return HistoryFilter(
        type=query["type"],
        from_at=start_of(first) if first else None,
        before_at=end_of(last) if last else None,
    )
