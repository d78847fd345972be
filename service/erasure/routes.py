"""The routes by which users leave, and receive a copy of what is held on them."""

from flask import Blueprint, Response

from service.core.principal import Principal
from service.erasure.entities import ErasureNotFound
from service.erasure.export import Export
from service.erasure.operations import Erasures
from service.erasure.schemas import ErasureSchema, ExportSchema, erasure_body
from service.ledger.entities import (
    AccountDisabled,
    OutcomeUnknown,
    TooManyWaiting,
    UserNotFound,
    WalletBusy,
    WalletFrozen,
)
from service.storage.data_keys import DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.web.csv_responses import TooManyExports
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.json_streams import Documents
from service.web.request_log import current_request_id
from service.web.responses import json_response, success

LOCATION = "/me/account/erasure"
_ERASE = (
    "Begins the erasure, which no crash and no outage stops. From this moment nothing new can be "
    "requested. Running jobs still settle; then everything personal is removed here and at the "
    "companies that we use, and the account is closed. What credits are left then are given up: "
    "have a purchase refunded before. The ledger stays as an accounting record under the user id. "
    "Repeated, it begins nothing new. Takes no body."
)
_STATUS = (
    "Readable with a token of before, for as long as it is valid; afterwards by signing in again. "
    "404 for an account that is not being erased, and for someone who has come back since."
)
_EXPORT = (
    "Everything held on the user as one JSON document, sent as it is read: each feature adds one "
    "member, and there may be new ones. A connection that is cut before its end means an "
    "incomplete document. Devices are listed by when they were first used: their fingerprints are "
    "kept only as keyed digests."
)


def erasure_blueprint(erasures: Erasures) -> Blueprint:
    blueprint = Blueprint("erasure", __name__)

    @blueprint.delete("/me/account")
    @endpoint(
        Endpoint(
            access=Access.USER,
            fresh=True,
            checks_account=True,
            summary="Erase your account",
            operation_id="eraseAccount",
            description=_ERASE,
            response=ErasureSchema,
            statuses=(202,),
            errors=(
                UserNotFound,
                AccountDisabled,
                WalletFrozen,
                WalletBusy,
                TooManyWaiting,
                OutcomeUnknown,
                StorageUnavailable,
            ),
            headers={"Location": "The address of the erasure."},
        )
    )
    def delete_account(principal: Principal) -> Response:
        erasure = erasures.request(principal.subject, current_request_id(), principal)
        body = {"success": True, "data": erasure_body(erasure, erasures.step_names)}
        return json_response(body, status=202, headers={"Location": LOCATION})

    @blueprint.get(LOCATION)
    @endpoint(
        Endpoint(
            access=Access.USER,
            checks_account=True,
            summary="Follow the erasure of your account",
            operation_id="getErasure",
            description=_STATUS,
            response=ErasureSchema,
            errors=(ErasureNotFound, StorageUnavailable),
        )
    )
    def get_erasure(principal: Principal) -> Response:
        erasure = erasures.read(principal.subject, principal)
        return success(erasure_body(erasure, erasures.step_names))

    return blueprint


def export_blueprint(export: Export) -> Blueprint:
    blueprint = Blueprint("export", __name__)
    documents = Documents()

    @blueprint.get("/me/export")
    @endpoint(
        Endpoint(
            access=Access.USER,
            fresh=True,
            summary="Get a copy of everything held on you",
            operation_id="exportAccount",
            description=_EXPORT,
            response=ExportSchema,
            errors=(
                UserNotFound,
                TooManyExports,
                DataKeyUnavailable,
                DataUnreadable,
                StorageUnavailable,
            ),
        )
    )
    def get_export(principal: Principal) -> Response:
        return documents.send(principal.subject, export.members(principal.subject), "farebox")

    return blueprint
