"""What the routes of sign-ups under review return."""

from typing import Any

from marshmallow import fields

from service.core.clock import iso
from service.users.entities import Review
from service.web.schemas import StrictSchema


class ReviewSchema(StrictSchema):
    """A sign-up that waits for a decision."""

    user_id = fields.String(
        required=True, data_key="userId", metadata={"description": "Who signed up."}
    )
    device = fields.String(
        required=True,
        metadata={"description": "The digest of the device, which belongs to another user."},
    )
    created_at = fields.DateTime(
        required=True, data_key="createdAt", metadata={"description": "When (UTC)."}
    )


class ReviewsSchema(StrictSchema):
    reviews = fields.List(
        fields.Nested(ReviewSchema), required=True, metadata={"description": "Oldest first."}
    )


def review_body(review: Review) -> dict[str, Any]:
    """A review as the schema describes it."""
    return {
        "userId": review.user_id,
        "device": review.device,
        "createdAt": iso(review.created_at),
    }
