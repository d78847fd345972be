"""The ledger routes."""

from flask import Blueprint, Response

from service.core.principal import Principal
from service.ledger.operations import Ledger
from service.ledger.schemas import CreditsSchema, credits_body
from service.storage.table import StorageUnavailable
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success


def ledger_blueprint(ledger: Ledger) -> Blueprint:
    blueprint = Blueprint("ledger", __name__)

    @blueprint.get("/credits")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get your credits",
            operation_id="getCredits",
            description='A valid token without an account returns zeros and `"registered": false`.',
            response=CreditsSchema,
            errors=(StorageUnavailable,),
        )
    )
    def get_credits(principal: Principal) -> Response:
        balance = ledger.balance(principal.subject)
        return success(credits_body(balance.wallet, balance.at))

    return blueprint
