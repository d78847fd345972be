"""What every operator's route that changes anything has in common, and the routes of the log. Other
concerns have a file and a blueprint of their own."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response
from marshmallow import Schema

from service.admin.entities import Action, ActionKeyReused, LogDamaged
from service.admin.log import OperatorLog
from service.admin.operations import Actions, Performed
from service.admin.schemas import (
    ActionSchema,
    OperatorActionPageSchema,
    PerformedSchema,
    RecordPageSchema,
    record_body,
)
from service.core.amounts import Amount
from service.core.errors import FareboxError
from service.core.principal import Operator, is_subject
from service.ledger.entities import OutcomeUnknown, UserNotFound
from service.storage.cursor import PageTokenInvalid
from service.storage.data_keys import DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.web.body import read_body, read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.idempotency_key import (
    IDEMPOTENCY_HEADER,
    IdempotencyKeyMalformed,
    IdempotencyKeyRequired,
    require_idempotency_key,
)
from service.web.request_log import current_request_id
from service.web.responses import success

REPLAYED_HEADER = "Idempotency-Replayed"
ACTION_HEADERS = {
    IDEMPOTENCY_HEADER: "Required. Sent again, it does nothing and returns what was done.",
    REPLAYED_HEADER: "`true` if the action had been carried out before.",
}
# Reasons that no user reads are sealed with the user's data key.
PRIVATE_ERRORS: tuple[type[FareboxError], ...] = (
    DataKeyUnavailable,
    DataUnreadable,
    StorageUnavailable,
)
ACTION_ERRORS: tuple[type[FareboxError], ...] = (
    IdempotencyKeyRequired,
    IdempotencyKeyMalformed,
    ActionKeyReused,
    LogDamaged,
    OutcomeUnknown,
    *PRIVATE_ERRORS,
)


def change(
    summary: str,
    operation_id: str,
    description: str,
    *errors: type[FareboxError],
    body: type[Schema] = ActionSchema,
    response: type[Schema] = PerformedSchema,
    second_factor: bool = True,
    **more: Any,
) -> Endpoint:
    """How a route is declared that changes something, under the operators' log."""
    return Endpoint(
        access=Access.OPERATOR,
        fresh=True,
        second_factor=second_factor,
        summary=summary,
        operation_id=operation_id,
        description=description,
        body=body,
        response=response,
        errors=(*errors, *ACTION_ERRORS),
        headers=ACTION_HEADERS,
        **more,
    )


def action_of(
    operator: Operator,
    name: str,
    subject: str | None,
    body: Mapping[str, Any],
    *,
    amount: Amount | None = None,
    facts: Mapping[str, str] | None = None,
) -> Action:
    """The action that the present request wants, `body` being loaded by an `ActionSchema`. Raises
    `IdempotencyKeyRequired` or `IdempotencyKeyMalformed`, and `UserNotFound` for a subject that can
    be no user's id."""
    if subject is not None:
        require_user_id(subject)
    return Action(
        operator=operator,
        name=name,
        subject=subject,
        reason=body["reason"],
        request_id=current_request_id(),
        idempotency_key=require_idempotency_key(),
        amount=amount,
        facts=facts or {},
    )


def require_user_id(user_id: str) -> None:
    """Refuses what can be no user's id before a key of the table is made of it. Raises
    `UserNotFound`."""
    if not is_subject(user_id):
        raise UserNotFound


def performed_response(performed: Performed, **more: object) -> Response:
    """The record of the action, with what it changed."""
    headers = {REPLAYED_HEADER: "true"} if performed.replayed else {}
    return success({"action": record_body(performed.record), **more}, headers=headers)


def log_blueprint(log: OperatorLog, actions: Actions) -> Blueprint:
    blueprint = Blueprint("operator_log", __name__)
    page_schema = RecordPageSchema()

    def page(subject: str | None) -> Response:
        if subject is not None:
            require_user_id(subject)
        query = read_query(page_schema)
        found = log.page(subject, query["limit"], query["next_token"])
        return success(
            {"actions": list(map(record_body, found.records)), "nextToken": found.next_token}
        )

    @blueprint.get("/admin/users/<user_id>/actions")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="List what operators did to a user",
            operation_id="listUserActions",
            description="Newest first. An unknown user has none.",
            query=RecordPageSchema,
            response=OperatorActionPageSchema,
            errors=(UserNotFound, PageTokenInvalid, LogDamaged, *PRIVATE_ERRORS),
        )
    )
    def get_user_actions(operator: Operator, user_id: str) -> Response:
        del operator
        return page(user_id)

    @blueprint.get("/admin/actions")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="List what operators did that concerns no single user",
            operation_id="listHouseActions",
            description="Newest first.",
            query=RecordPageSchema,
            response=OperatorActionPageSchema,
            errors=(PageTokenInvalid, LogDamaged, StorageUnavailable),
        )
    )
    def get_house_actions(operator: Operator) -> Response:
        del operator
        return page(None)

    _add_notes(blueprint, actions)
    return blueprint


def _add_notes(blueprint: Blueprint, actions: Actions) -> None:
    schema = ActionSchema()

    @blueprint.post("/admin/users/<user_id>/notes")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            fresh=True,
            summary="Note something about a user",
            operation_id="noteUser",
            description="Adds `reason` to the log of the user. Nothing else changes.",
            body=ActionSchema,
            response=PerformedSchema,
            errors=(UserNotFound, *ACTION_ERRORS),
            headers=ACTION_HEADERS,
        )
    )
    def post_note(operator: Operator, user_id: str) -> Response:
        action = action_of(operator, "note", user_id, read_body(schema))
        return performed_response(actions.note(action))
