"""Routes by which operators erase a user who wrote to them, and see which erasures run."""

from flask import Blueprint, Response
from marshmallow import fields

from service.admin.correction_routes import MOVE_ERRORS
from service.admin.corrections import Corrections
from service.admin.routes import ACTION_HEADERS, action_of, performed_response
from service.admin.schemas import ActionSchema, PerformedSchema
from service.core.principal import Operator
from service.erasure.entities import Erasure, ErasureRunning
from service.erasure.operations import Erasures
from service.erasure.schemas import ErasureSchema, erasure_body
from service.storage.table import StorageUnavailable
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success
from service.web.schemas import StrictSchema


class ErasureBegunSchema(PerformedSchema):
    """What began, and how far it has come."""

    erasure = fields.Nested(
        ErasureSchema, required=True, metadata={"description": "The erasure of the user."}
    )


class RunningErasureSchema(ErasureSchema):
    """An erasure that has not ended."""

    user_id = fields.String(
        required=True,
        data_key="userId",
        metadata={"description": "Who is erased.", "example": "110248495921238986420"},
    )
    requested_by = fields.String(
        required=True,
        data_key="requestedBy",
        metadata={"description": "`user`, or the operator's id.", "example": "user"},
    )
    held_up = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        data_key="heldUp",
        metadata={
            "description": "Why each step was not done with the last attempt: `waiting`, the code "
            "of an error, or the name of an exception.",
            "example": {"user_pool": "UserPoolUnavailable"},
        },
    )


class RunningErasuresSchema(StrictSchema):
    """The erasures that have not ended."""

    erasures = fields.List(
        fields.Nested(RunningErasureSchema),
        required=True,
        metadata={"description": "Oldest first, at most 100."},
    )


def erasures_blueprint(corrections: Corrections, erasures: Erasures) -> Blueprint:
    blueprint = Blueprint("operator_erasures", __name__)
    schema = ActionSchema()

    @blueprint.post("/admin/users/<user_id>/erasure")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            fresh=True,
            second_factor=True,
            summary="Erase a user",
            operation_id="eraseUser",
            description="For someone who wrote to you. Begins what `DELETE /me/account` begins; "
            "nothing of it can be undone. The reason stays: write nothing personal in it.",
            body=ActionSchema,
            response=ErasureBegunSchema,
            errors=(ErasureRunning, *MOVE_ERRORS),
            headers=ACTION_HEADERS,
        )
    )
    def post_erasure(operator: Operator, user_id: str) -> Response:
        action = action_of(operator, "erase", user_id, read_body(schema))
        wish = erasures.request_of(user_id, operator.operator_id)
        performed = corrections.erase(action, wish).performed
        erasure = erasure_body(erasures.read(user_id), erasures.step_names)
        return performed_response(performed, erasure=erasure)

    @blueprint.get("/admin/erasures")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="List the erasures that run",
            operation_id="listErasures",
            description="Those that have not ended, and what holds each up.",
            response=RunningErasuresSchema,
            errors=(StorageUnavailable,),
        )
    )
    def get_erasures(operator: Operator) -> Response:
        del operator
        names = erasures.step_names
        return success({"erasures": [_running_body(each, names) for each in erasures.running()]})

    return blueprint


def _running_body(erasure: Erasure, names: tuple[str, ...]) -> dict[str, object]:
    return {
        **erasure_body(erasure, names),
        "userId": erasure.user_id,
        "requestedBy": erasure.requested_by,
        "heldUp": dict(erasure.held_up),
    }
