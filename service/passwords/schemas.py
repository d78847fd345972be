"""What comes into and goes out of the routes of password accounts."""

from typing import Any

from marshmallow import fields

from service.passwords.policy import MAX_PASSWORD_BYTES
from service.web.schemas import DeviceFingerprint, EmailField, Flag, StrictSchema, Text

MAX_FINGERPRINT = 256
MAX_TOKEN = 128


class PasswordField(fields.String):
    """A password, with any characters. Nothing is trimmed."""

    default_error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "required": "Is required.",
        "null": "Must not be null.",
        "invalid": "Must be a string.",
        "bytes": "Must have 1 to {max_bytes} bytes in UTF-8.",
    }

    def __init__(self, description: str, **options: Any) -> None:
        about = {
            "description": description,
            "example": "seven tired otters",
            "format": "password",
            "minLength": 1,
            "maxLength": MAX_PASSWORD_BYTES,
        }
        super().__init__(required=True, metadata=about, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise self.make_error("invalid") from None
        if not 1 <= size <= MAX_PASSWORD_BYTES:
            raise self.make_error("bytes", max_bytes=MAX_PASSWORD_BYTES)
        return text


_NEW = (
    "At least 15 characters (a setting of the service), any of Unicode; not among those that are "
    "guessed first."
)


def _token() -> Text:
    about = {"description": "What follows the # in the mailed link.", "example": "q3Zk…"}
    return Text(required=True, max_length=MAX_TOKEN, metadata=about)


class RegisterRequestSchema(StrictSchema):
    email = EmailField(required=True)
    password = PasswordField(_NEW)
    fingerprint = DeviceFingerprint(
        data_key="Fingerprint",
        required=True,
        max_length=MAX_FINGERPRINT,
        metadata={
            "description": "Identifies the device, as in `POST /videos`.",
            "example": "fp-4be1a2c09d",
        },
    )


class VerifyEmailRequestSchema(StrictSchema):
    token = _token()
    password = PasswordField("The password that the registration was made with.")


class LoginRequestSchema(StrictSchema):
    email = EmailField(required=True)
    password = PasswordField("The person's password.")
    cookie = Flag(
        load_default=False,
        metadata={
            "description": "As in `POST /auth/session`: keep the refresh token in a cookie.",
            "example": False,
        },
    )


class ForgotPasswordRequestSchema(StrictSchema):
    email = EmailField(required=True)


class ResetPasswordRequestSchema(StrictSchema):
    token = _token()
    password = PasswordField(_NEW)


class ChangePasswordRequestSchema(StrictSchema):
    current_password = PasswordField("The password so far.", data_key="currentPassword")
    new_password = PasswordField(_NEW, data_key="newPassword")


class AcceptedSchema(StrictSchema):
    status = fields.Constant(
        "accepted", required=True, metadata={"description": "Always the same.", "type": "string"}
    )


class VerifiedSchema(StrictSchema):
    user_id = fields.String(
        required=True,
        data_key="userId",
        metadata={"description": "The user, who may sign in now.", "example": "usr_01kb7r…"},
    )
    email = fields.String(
        required=True,
        metadata={"description": "The verified address.", "example": "ann@example.org"},
    )


class PasswordChangedSchema(StrictSchema):
    status = fields.Constant(
        "changed", required=True, metadata={"description": "Always the same.", "type": "string"}
    )
