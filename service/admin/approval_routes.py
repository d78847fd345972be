"""Routes of the adjustments that wait for a second operator."""

from flask import Blueprint, Response

from service.admin.approvals import Approvals
from service.admin.correction_routes import MOVE_ERRORS, corrected_response
from service.admin.correction_schemas import (
    ApprovalPageSchema,
    CorrectedSchema,
    RejectedSchema,
    approval_body,
)
from service.admin.entities import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotFound,
    LogDamaged,
    NamedOperatorRequired,
    SecondOperatorRequired,
)
from service.admin.routes import (
    ACTION_ERRORS,
    ACTION_HEADERS,
    PRIVATE_ERRORS,
    action_of,
    performed_response,
)
from service.admin.schemas import ActionSchema, RecordPageSchema
from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.principal import Operator
from service.ledger.entities import (
    ExpiryInvalid,
    GrantConflict,
    InsufficientCredits,
    LotNotFound,
)
from service.storage.cursor import PageTokenInvalid
from service.storage.data_keys import DataErased
from service.web.body import read_body, read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_DECISION_ERRORS: tuple[type[FareboxError], ...] = (
    ApprovalNotFound,
    ApprovalDecided,
    ApprovalExpired,
    NamedOperatorRequired,
)


def approvals_blueprint(approvals: Approvals, clock: Clock) -> Blueprint:
    blueprint = Blueprint("approvals", __name__)
    _add_list(blueprint, approvals, clock)
    _add_approve(blueprint, approvals)
    _add_reject(blueprint, approvals, clock)
    return blueprint


def _add_list(blueprint: Blueprint, approvals: Approvals, clock: Clock) -> None:
    page_schema = RecordPageSchema()

    @blueprint.get("/admin/approvals")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="List the adjustments that wait for a second operator",
            operation_id="listApprovals",
            description="Newest first, decided ones too.",
            query=RecordPageSchema,
            response=ApprovalPageSchema,
            errors=(PageTokenInvalid, LogDamaged, *PRIVATE_ERRORS),
        )
    )
    def get_approvals(operator: Operator) -> Response:
        del operator
        query, now = read_query(page_schema), clock.now()
        page = approvals.page(query["limit"], query["next_token"])
        shown = [approval_body(approval, now) for approval in page.approvals]
        return success({"approvals": shown, "nextToken": page.next_token})


def _add_approve(blueprint: Blueprint, approvals: Approvals) -> None:
    schema = ActionSchema()

    @blueprint.post("/admin/approvals/<approval_id>/approve")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            fresh=True,
            second_factor=True,
            summary="Approve an adjustment that another operator requested",
            operation_id="approveAdjustment",
            description="Moves the credits. `reason` is for the log; the user reads that of the "
            "request.",
            body=ActionSchema,
            response=CorrectedSchema,
            errors=(
                *_DECISION_ERRORS,
                *(SecondOperatorRequired, InsufficientCredits, LotNotFound),
                *(ExpiryInvalid, GrantConflict, DataErased),
                *MOVE_ERRORS,
            ),
            headers=ACTION_HEADERS,
        )
    )
    def post_approve(operator: Operator, approval_id: str) -> Response:
        action = action_of(operator, "approve-adjustment", None, read_body(schema))
        return corrected_response(approvals.approve(approval_id, action))


def _add_reject(blueprint: Blueprint, approvals: Approvals, clock: Clock) -> None:
    schema = ActionSchema()

    @blueprint.post("/admin/approvals/<approval_id>/reject")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            fresh=True,
            second_factor=True,
            summary="Reject an adjustment that waits for approval",
            operation_id="rejectAdjustment",
            description="Whoever requested it may take it back so.",
            body=ActionSchema,
            response=RejectedSchema,
            errors=(*_DECISION_ERRORS, *ACTION_ERRORS),
            headers=ACTION_HEADERS,
        )
    )
    def post_reject(operator: Operator, approval_id: str) -> Response:
        action = action_of(operator, "reject-adjustment", None, read_body(schema))
        performed, approval = approvals.reject(approval_id, action)
        return performed_response(performed, approval=approval_body(approval, clock.now()))
