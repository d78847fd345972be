"""What comes into and goes out of `POST /auth/sessions`."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from service.core.amounts import credits_number
from service.core.placeholders import is_placeholder
from service.core.principal import is_subject
from service.core.scopes import SessionScope
from service.ledger.entities import MAX_CREDITS
from service.sessions.entities import EXTERNAL_ID, MAX_EXTERNAL_ID
from service.sessions.minting import MintedSession, WantedSession
from service.sessions.schemas import ACCESS_EXAMPLE
from service.web.origins import Origin
from service.web.schemas import CreditsInput, EmailField, Flag, StrictSchema, Text, credits_field

MAX_ORIGINS = 10
MAX_ORIGIN = 200
MAX_USER_ID = 255
DEFAULT_SCOPES = (SessionScope.CREATE_JOBS, SessionScope.READ_JOBS, SessionScope.READ_CREDITS)
MINTED_EXAMPLE = "mint_01kbx3v9m2t7q8r5w6y4z1h0ce"

_SCOPES = "`jobs:create`, `jobs:read`, `credits:read`, `account:read`"


class _ExternalId(Text):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        if not EXTERNAL_ID.fullmatch(text):
            raise ValidationError("Must consist of letters, digits, dots, ~, _ and -.")
        if is_placeholder(text):
            raise ValidationError("Must name the user, not say that there is none.")
        return text


class _UserId(Text):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        if not is_subject(text):
            raise ValidationError("Must be a user id.")
        return text


class _OriginField(Text):
    """An exact origin, loaded in the form in which browsers send it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        try:
            return str(Origin(text))
        except ValueError:
            raise ValidationError("Must be an origin such as https://app.example.com.") from None


class MintRequestSchema(StrictSchema):
    external_id = _ExternalId(
        data_key="externalId",
        max_length=MAX_EXTERNAL_ID,
        load_default=None,
        metadata={
            "description": "Your own id of the user, who becomes the user `ext_<id>` here. It "
            "stays in the accounts for good: send no name and no address.",
            "example": "customer-42",
        },
    )
    user_id = _UserId(
        data_key="userId",
        max_length=MAX_USER_ID,
        load_default=None,
        metadata={
            "description": "Instead of `externalId`: a user that exists already. The key needs the "
            "scope `existing_users`.",
        },
    )
    email = EmailField(
        load_default=None,
        metadata={
            "description": "The address of your own user. Only a verified one brings the welcome "
            "credits.",
            "example": "ada@example.com",
        },
    )
    email_verified = Flag(
        data_key="emailVerified",
        load_default=False,
        metadata={
            "description": "That you have verified it. The key needs the scope `verified_emails`.",
            "example": False,
        },
    )
    origins = fields.List(
        _OriginField(max_length=MAX_ORIGIN),
        required=True,
        validate=validate.Length(0, MAX_ORIGINS),
        metadata={
            "description": "Whose pages may use the session; none: no page of another origin.",
            "example": ["https://app.example.com"],
        },
    )
    scopes = fields.List(
        fields.Enum(SessionScope, by_value=True),
        load_default=DEFAULT_SCOPES,
        validate=validate.Length(1, len(SessionScope)),
        metadata={
            "description": f"What it may do, of {_SCOPES}; all but the last if left out.",
            "example": [scope.value for scope in DEFAULT_SCOPES],
        },
    )
    credit_limit = CreditsInput(
        minimum=1,
        maximum=MAX_CREDITS,
        data_key="creditLimit",
        load_default=None,
        metadata={
            "description": "How much all its requests may cost together; none: what the user has.",
            "example": 5,
        },
    )

    @validates_schema
    def _check(self, loaded: Mapping[str, Any], **_: Any) -> None:
        external_id, email = loaded.get("external_id"), loaded.get("email")
        if (external_id is None) == (loaded.get("user_id") is None):
            raise ValidationError("Send either externalId or userId.", "externalId")
        if external_id is None and email is not None:
            raise ValidationError("Is for users with an externalId.", "email")
        if email is None and loaded.get("email_verified"):
            raise ValidationError("Needs an email.", "emailVerified")


class MintedUserSchema(StrictSchema):
    user_id = fields.String(
        required=True,
        data_key="userId",
        metadata={"description": "The user.", "example": "ext_customer-42"},
    )
    registered = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether the user has an account. The first paid request makes one.",
            "example": True,
        },
    )


class MintedSchema(StrictSchema):
    access_token = fields.String(
        required=True,
        data_key="accessToken",
        metadata={"description": "For the user's browser or app.", "example": ACCESS_EXAMPLE},
    )
    token_type = fields.String(
        required=True, data_key="tokenType", metadata={"description": "", "example": "Bearer"}
    )
    expires_in = fields.Integer(
        required=True,
        data_key="expiresIn",
        metadata={
            "description": "Seconds until it ends. There is no refresh token: mint another.",
            "example": 900,
        },
    )
    session_id = fields.String(
        required=True,
        data_key="sessionId",
        metadata={"description": "The session.", "example": MINTED_EXAMPLE},
    )
    origins = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Whose pages may use it, as browsers send them."},
    )
    scopes = fields.List(
        fields.Enum(SessionScope, by_value=True),
        required=True,
        metadata={"description": "What it may do."},
    )
    credit_limit = credits_field(
        "How much its requests may cost together; null: what the user has.",
        example=5,
        data_key="creditLimit",
        allow_none=True,
    )
    user = fields.Nested(MintedUserSchema, required=True, metadata={"description": "The user."})


def wanted_from(body: Mapping[str, Any]) -> WantedSession:
    return WantedSession(
        user_id=body["user_id"],
        external_id=body["external_id"],
        email=body["email"],
        email_verified=body["email_verified"],
        origins=frozenset(body["origins"]),
        scopes=frozenset(body["scopes"]),
        ceiling=body["credit_limit"],
    )


def minted_body(minted: MintedSession) -> dict[str, object]:
    wanted = minted.wanted
    limit = wanted.ceiling
    return {
        "accessToken": minted.access_token,
        "tokenType": "Bearer",
        "expiresIn": minted.expires_in_seconds,
        "sessionId": minted.session_id,
        "origins": sorted(wanted.origins),
        "scopes": sorted(scope.value for scope in wanted.scopes),
        "creditLimit": None if limit is None else credits_number(limit),
        "user": {"userId": minted.user_id, "registered": minted.registered},
    }
