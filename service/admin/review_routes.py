"""Routes of the sign-ups that wait for an operator's decision."""

from flask import Blueprint, Response

from service.admin.correction_routes import MOVE_ERRORS, corrected_response
from service.admin.correction_schemas import CorrectedSchema
from service.admin.entities import NothingToReview
from service.admin.review_schemas import ReviewsSchema, review_body
from service.admin.reviews import Reviews
from service.admin.routes import ACTION_ERRORS, ACTION_HEADERS, action_of, performed_response
from service.admin.schemas import ActionSchema, PerformedSchema
from service.core.principal import Operator
from service.ledger.entities import UserNotFound
from service.storage.table import StorageUnavailable
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_APPROVE = (
    "The user can spend, and gets the welcome credits unless their address is unverified or "
    "disposable. The device stays the other user's. Do it where two people share a device, or "
    "where their devices have the same fingerprint."
)


def reviews_blueprint(reviews: Reviews) -> Blueprint:
    blueprint = Blueprint("reviews", __name__)
    _add_list(blueprint, reviews)
    _add_decisions(blueprint, reviews)
    return blueprint


def _add_list(blueprint: Blueprint, reviews: Reviews) -> None:
    @blueprint.get("/admin/reviews")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="List the sign-ups that wait for a decision",
            operation_id="listReviews",
            description="Where `DEVICE_POLICY` is `review`. Oldest first, at most 100.",
            response=ReviewsSchema,
            errors=(StorageUnavailable,),
        )
    )
    def get_reviews(operator: Operator) -> Response:
        del operator
        return success({"reviews": list(map(review_body, reviews.waiting()))})


def _add_decisions(blueprint: Blueprint, reviews: Reviews) -> None:
    schema = ActionSchema()

    @blueprint.post("/admin/users/<user_id>/review/approve")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            fresh=True,
            second_factor=True,
            summary="Approve a sign-up under review",
            operation_id="approveSignUp",
            description=_APPROVE,
            body=ActionSchema,
            response=CorrectedSchema,
            errors=(NothingToReview, *MOVE_ERRORS),
            headers=ACTION_HEADERS,
        )
    )
    def post_approve(operator: Operator, user_id: str) -> Response:
        action = action_of(operator, "approve-sign-up", user_id, read_body(schema))
        return corrected_response(reviews.approve(action))

    @blueprint.post("/admin/users/<user_id>/review/reject")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            fresh=True,
            second_factor=True,
            summary="Reject a sign-up under review",
            operation_id="rejectSignUp",
            description="The wallet stays frozen.",
            body=ActionSchema,
            response=PerformedSchema,
            errors=(NothingToReview, UserNotFound, *ACTION_ERRORS),
            headers=ACTION_HEADERS,
        )
    )
    def post_reject(operator: Operator, user_id: str) -> Response:
        action = action_of(operator, "reject-sign-up", user_id, read_body(schema))
        return performed_response(reviews.reject(action))
