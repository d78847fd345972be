"""What the hook of a Cognito user pool receives and returns."""

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from service.accounts.post_confirmation import CONFIRMED, PASSWORD_RESET, Confirmation
from service.core.mailboxes import MAX_ADDRESS
from service.core.principal import is_uuid
from service.web.schemas import StrictSchema, Text


class _Open(Schema):
    """Cognito may add to its events."""

    class Meta:
        unknown = EXCLUDE


def _is_subject(text: str) -> None:
    if not is_uuid(text):
        raise ValidationError("Must be a UUID in lower case.")


class UserAttributesRequestSchema(_Open):
    sub = fields.String(required=True, validate=_is_subject)
    email = Text(max_length=MAX_ADDRESS, load_default=None)
    email_verified = Text(max_length=10, load_default="false")


class TriggerRequestSchema(_Open):
    user_attributes = fields.Nested(
        UserAttributesRequestSchema, required=True, data_key="userAttributes"
    )


class ConfirmationRequestSchema(_Open):
    """The event of a post-confirmation trigger; what is not named here is ignored."""

    trigger = fields.String(
        required=True,
        data_key="triggerSource",
        validate=validate.OneOf([CONFIRMED, PASSWORD_RESET]),
    )
    user_pool_id = Text(max_length=100, required=True, data_key="userPoolId")
    request = fields.Nested(TriggerRequestSchema, required=True)


def confirmation_of(event: Mapping[str, Any]) -> Confirmation:
    """What the schema has loaded."""
    attributes = event["request"]["user_attributes"]
    return Confirmation(
        event["trigger"],
        event["user_pool_id"],
        attributes["sub"],
        attributes["email"],
        attributes["email_verified"],
    )


class HandledSchema(StrictSchema):
    handled = fields.Boolean(
        required=True,
        metadata={"description": "Whether the event concerned a user: they exist now."},
    )
