"""What goes in and out of the operators' routes about server keys."""

from marshmallow import fields, validate

from service.admin.schemas import ActionSchema, PerformedSchema
from service.core.clock import iso
from service.core.scopes import KeyScope
from service.server_keys.entities import MAX_KEYS, MAX_NAME, ServerKey
from service.web.schemas import StrictSchema, Text

_NAME = {"description": "Whose key it is.", "example": "Web shop"}
_SCOPES = {
    "description": "`sessions`: mint sessions for the back end's own users, and act for them at "
    "OpenAI's routes. `existing_users`: mint them for any user. `verified_emails`: state that an "
    "e-mail address is verified.",
    "example": ["sessions"],
}


class ServerKeyRequestSchema(ActionSchema):
    name = Text(required=True, max_length=MAX_NAME, metadata=_NAME)
    scopes = fields.List(
        fields.Enum(KeyScope, by_value=True),
        required=True,
        validate=validate.Length(1, len(KeyScope)),
        metadata=_SCOPES,
    )


class ServerKeySchema(StrictSchema):
    """A key of a back end, without its secret."""

    key_id = fields.String(
        required=True,
        data_key="keyId",
        metadata={"description": "Names it.", "example": "key_01kb7r3v6q8f2x0m4n5p6q7r8s"},
    )
    name = fields.String(required=True, metadata=_NAME)
    scopes = fields.List(
        fields.Enum(KeyScope, by_value=True),
        required=True,
        validate=validate.Length(1, len(KeyScope)),
        metadata=_SCOPES,
    )
    created_at = fields.DateTime(
        required=True, data_key="createdAt", metadata={"description": "When it was made (UTC)."}
    )
    last_used_at = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="lastUsedAt",
        metadata={"description": "Its last use (UTC), to about a minute; null: none yet."},
    )
    revoked_at = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="revokedAt",
        metadata={"description": "When it was revoked (UTC); null: it is good."},
    )


class ServerKeyListSchema(StrictSchema):
    server_keys = fields.List(
        fields.Nested(ServerKeySchema),
        required=True,
        data_key="serverKeys",
        validate=validate.Length(0, MAX_KEYS),
        metadata={"description": "Those that are good, oldest first."},
    )


class ServerKeyPerformedSchema(PerformedSchema):
    server_key = fields.Nested(
        ServerKeySchema,
        required=True,
        data_key="serverKey",
        metadata={"description": "As it is now."},
    )


class ServerKeyMadeSchema(ServerKeyPerformedSchema):
    key = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The key itself. Shown this once: null when repeated.",
            "example": "sk_01kb7r3v6q8f2x0m4n5p6q7r8s_…",
        },
    )


def server_key_body(key: ServerKey) -> dict[str, object]:
    return {
        "keyId": key.key_id,
        "name": key.name,
        "scopes": sorted(scope.value for scope in key.scopes),
        "createdAt": iso(key.created_at),
        "lastUsedAt": None if key.last_used_at is None else iso(key.last_used_at),
        "revokedAt": None if key.revoked_at is None else iso(key.revoked_at),
    }
