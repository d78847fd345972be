"""Routes that correct a wallet: adjustments, lots, freezing and thawing."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response
from marshmallow import Schema

from service.admin.approvals import Approvals
from service.admin.correction_schemas import (
    AdjustmentRequestSchema,
    CorrectedSchema,
    LotEditSchema,
    corrected_body,
    terms_of,
)
from service.admin.corrections import Corrected, Corrections
from service.admin.entities import (
    Action,
    UserDisabled,
    UserNotDisabled,
    WalletNotFrozen,
    WalletNotOpen,
    expiry_fact,
)
from service.admin.routes import ACTION_ERRORS, ACTION_HEADERS, action_of, performed_response
from service.admin.schemas import ActionSchema
from service.core.errors import FareboxError
from service.core.principal import Operator
from service.ledger.entities import (
    ExpiryInvalid,
    GrantConflict,
    InsufficientCredits,
    LotNotFound,
    TooManyWaiting,
    UserNotFound,
    WalletBusy,
    WalletFrozen,
)
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint

MOVE_ERRORS: tuple[type[FareboxError], ...] = (
    UserNotFound,
    WalletFrozen,
    WalletBusy,
    TooManyWaiting,
    *ACTION_ERRORS,
)

_ACTION = ActionSchema()


def corrections_blueprint(corrections: Corrections, approvals: Approvals) -> Blueprint:
    blueprint = Blueprint("corrections", __name__)
    _add_adjustments(blueprint, approvals)
    _add_lots(blueprint, corrections)
    _add_statuses(blueprint, corrections)
    _add_disabling(blueprint, corrections)
    return blueprint


def _declared(
    summary: str,
    operation_id: str,
    description: str,
    errors: tuple[type[FareboxError], ...],
    body: type[Schema] = ActionSchema,
    example: Mapping[str, Any] | None = None,
) -> Endpoint:
    return Endpoint(
        access=Access.OPERATOR,
        fresh=True,
        second_factor=True,
        summary=summary,
        operation_id=operation_id,
        description=description,
        body=body,
        response=CorrectedSchema,
        errors=(*errors, *MOVE_ERRORS),
        headers=ACTION_HEADERS,
        example=example,
    )


def corrected_response(corrected: Corrected) -> Response:
    return performed_response(corrected.performed, **corrected_body(corrected))


def _add_adjustments(blueprint: Blueprint, approvals: Approvals) -> None:
    schema = AdjustmentRequestSchema()

    @blueprint.post("/admin/users/<user_id>/adjustments")
    @endpoint(
        _declared(
            "Add credits to a user, or take some",
            "adjustCredits",
            "Takes never more than there is. What is added pays debt first. Above "
            "`ADMIN_APPROVAL_CREDITS` nothing moves yet: `approval` is the request that a second "
            "operator has to approve.",
            (InsufficientCredits, LotNotFound, ExpiryInvalid, GrantConflict),
            AdjustmentRequestSchema,
            {"amount": 5, "reason": "The video was delivered broken."},
        )
    )
    def post_adjustment(operator: Operator, user_id: str) -> Response:
        body = read_body(schema)
        terms, amount = terms_of(body), body["amount"]
        facts = terms.facts(amount)
        action = action_of(operator, "adjust", user_id, body, amount=amount, facts=facts)
        return corrected_response(approvals.adjust(action, terms))


def _add_lots(blueprint: Blueprint, corrections: Corrections) -> None:
    void_schema, edit_schema = ActionSchema(), LotEditSchema()

    @blueprint.post("/admin/users/<user_id>/lots/<lot_id>/void")
    @endpoint(
        _declared(
            "Take all that is left of a lot",
            "voidLot",
            "What open jobs hold of it comes back if they fail.",
            (LotNotFound,),
        )
    )
    def post_void(operator: Operator, user_id: str, lot_id: str) -> Response:
        body = read_body(void_schema)
        action = action_of(operator, "void", user_id, body, facts={"lotId": lot_id})
        return corrected_response(corrections.void(action, lot_id))

    @blueprint.post("/admin/users/<user_id>/lots/<lot_id>/edit")
    @endpoint(
        _declared(
            "Change when a lot expires",
            "editLot",
            "No credit moves.",
            (LotNotFound, ExpiryInvalid),
            LotEditSchema,
        )
    )
    def post_edit(operator: Operator, user_id: str, lot_id: str) -> Response:
        body = read_body(edit_schema)
        expires_at = body["expires_at"]
        facts = {"lotId": lot_id, **expiry_fact(expires_at)}
        action = action_of(operator, "edit", user_id, body, facts=facts)
        return corrected_response(corrections.edit_lot(action, lot_id, expires_at))


def _carried_out(
    operator: Operator, user_id: str, name: str, act: Callable[[Action], Corrected]
) -> Response:
    body = read_body(_ACTION)
    return corrected_response(act(action_of(operator, name, user_id, body)))


def _add_statuses(blueprint: Blueprint, corrections: Corrections) -> None:
    @blueprint.post("/admin/users/<user_id>/freeze")
    @endpoint(
        _declared(
            "Stop a user from spending",
            "freezeWallet",
            "Open jobs still settle, and credits still come in.",
            (WalletNotOpen,),
        )
    )
    def post_freeze(operator: Operator, user_id: str) -> Response:
        return _carried_out(operator, user_id, "freeze", corrections.freeze)

    @blueprint.post("/admin/users/<user_id>/thaw")
    @endpoint(
        _declared(
            "Let a frozen user spend again",
            "thawWallet",
            "Also after damage has frozen the wallet: repair it first.",
            (WalletNotFrozen,),
        )
    )
    def post_thaw(operator: Operator, user_id: str) -> Response:
        return _carried_out(operator, user_id, "thaw", corrections.thaw)


def _add_disabling(blueprint: Blueprint, corrections: Corrections) -> None:
    @blueprint.post("/admin/users/<user_id>/disable")
    @endpoint(
        _declared(
            "Disable a user",
            "disableUser",
            "Every request of the user is refused from now on (`ACCOUNT_DISABLED`), whatever token "
            "it has, and their sessions end. Open jobs still settle, and credits still come in. "
            "Who is erased while disabled cannot sign up again.",
            (UserDisabled,),
        )
    )
    def post_disable(operator: Operator, user_id: str) -> Response:
        return _carried_out(operator, user_id, "disable", corrections.disable)

    @blueprint.post("/admin/users/<user_id>/enable")
    @endpoint(
        _declared(
            "Enable a disabled user",
            "enableUser",
            "The user signs in anew. A wallet that is frozen stays so.",
            (UserNotDisabled,),
        )
    )
    def post_enable(operator: Operator, user_id: str) -> Response:
        return _carried_out(operator, user_id, "enable", corrections.enable)
