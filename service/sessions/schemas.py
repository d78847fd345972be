"""What comes into and goes out of the routes of sessions."""

from collections.abc import Sequence

from marshmallow import fields

from service.core.amounts import credits_number
from service.core.clock import iso
from service.sessions.ceilings import Ceiling
from service.sessions.entities import Session, SignedIn
from service.sessions.refresh_tokens import MAX_TOKEN
from service.web.schemas import DeviceFingerprint, Flag, StrictSchema, Text

MAX_FINGERPRINT = 256
ACCESS_EXAMPLE = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl"
REFRESH_EXAMPLE = "rt_YW5u.ses_01kbx3v9m2t7q8r5w6y4z1h0ce.c2VjcmV0.bWFj"
SESSION_EXAMPLE = "ses_01kbx3v9m2t7q8r5w6y4z1h0ce"


class OpenSessionRequestSchema(StrictSchema):
    fingerprint = DeviceFingerprint(
        data_key="Fingerprint",
        max_length=MAX_FINGERPRINT,
        load_default=None,
        metadata={
            "description": "Identifies the device, as in `POST /videos`. With it, a user without "
            "an account is signed up.",
            "example": "fp-4be1a2c09d",
        },
    )
    cookie = Flag(
        load_default=False,
        metadata={
            "description": "Keep the refresh token in a cookie, out of reach of the page's "
            "scripts; for browsers.",
            "example": False,
        },
    )


class RefreshRequestSchema(StrictSchema):
    refresh_token = Text(
        data_key="refreshToken",
        max_length=MAX_TOKEN,
        load_default=None,
        metadata={
            "description": "The latest refresh token of the session; left out where it is in the "
            "cookie.",
            "example": REFRESH_EXAMPLE,
        },
    )


class LogoutRequestSchema(StrictSchema):
    all = Flag(
        load_default=False,
        metadata={"description": "End every session of the user.", "example": False},
    )


class SignedInUserSchema(StrictSchema):
    user_id = fields.String(
        required=True,
        data_key="userId",
        metadata={"description": "The user.", "example": "110248495921238986420"},
    )
    email = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The address at the sign-in; null where the token said none.",
            "example": "ada@example.com",
        },
    )
    registered = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether the user has an account. The first paid request makes one, "
            "too.",
            "example": True,
        },
    )


class SignedInSchema(StrictSchema):
    access_token = fields.String(
        required=True,
        data_key="accessToken",
        metadata={
            "description": "The bearer token of all other requests.",
            "example": ACCESS_EXAMPLE,
        },
    )
    token_type = fields.String(
        required=True, data_key="tokenType", metadata={"description": "", "example": "Bearer"}
    )
    expires_in = fields.Integer(
        required=True,
        data_key="expiresIn",
        metadata={"description": "Seconds until the access token ends.", "example": 900},
    )
    refresh_token = fields.String(
        required=True,
        allow_none=True,
        data_key="refreshToken",
        metadata={
            "description": "Exchange it at `POST /auth/refresh`, once; null where it is in the "
            "cookie.",
            "example": REFRESH_EXAMPLE,
        },
    )
    session_id = fields.String(
        required=True,
        data_key="sessionId",
        metadata={"description": "The session.", "example": SESSION_EXAMPLE},
    )
    user = fields.Nested(SignedInUserSchema, required=True, metadata={"description": "The user."})


class SessionSchema(StrictSchema):
    session_id = fields.String(
        required=True,
        data_key="sessionId",
        metadata={"description": "The session.", "example": SESSION_EXAMPLE},
    )
    device = fields.String(
        required=True,
        metadata={
            "description": "The `User-Agent` that it was opened with.",
            "example": "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_2)",
        },
    )
    created_at = fields.DateTime(
        required=True, data_key="createdAt", metadata={"description": "The sign-in (UTC)."}
    )
    last_used_at = fields.DateTime(
        required=True,
        data_key="lastUsedAt",
        metadata={"description": "The sign-in or the last refresh (UTC)."},
    )
    ends_at = fields.DateTime(
        required=True,
        data_key="endsAt",
        metadata={"description": "When the user has to sign in again (UTC)."},
    )
    current = fields.Boolean(
        required=True,
        metadata={"description": "Whether this request was made with it.", "example": True},
    )


class SessionListSchema(StrictSchema):
    sessions = fields.List(
        fields.Nested(SessionSchema),
        required=True,
        metadata={"description": "Those that have not ended, newest first, 50 at most."},
    )


class SessionsEndedSchema(StrictSchema):
    ended = fields.Integer(
        required=True,
        metadata={"description": "How many sessions this request ended.", "example": 1},
    )


class JsonWebKeySchema(StrictSchema):
    kty = fields.String(required=True, metadata={"description": "", "example": "EC"})
    crv = fields.String(required=True, metadata={"description": "", "example": "P-256"})
    x = fields.String(required=True, metadata={"description": "", "example": "f83OJ3D2xF1Bg8vub9"})
    y = fields.String(required=True, metadata={"description": "", "example": "x_FEzRu9m36HLN_tue"})
    kid = fields.String(
        required=True, metadata={"description": "Names the key.", "example": "5f0c1d2e3b4a5968"}
    )
    use = fields.String(required=True, metadata={"description": "", "example": "sig"})
    alg = fields.String(required=True, metadata={"description": "", "example": "ES256"})


class JsonWebKeySetSchema(StrictSchema):
    keys = fields.List(
        fields.Nested(JsonWebKeySchema),
        required=True,
        metadata={"description": "Those that sign or have signed access tokens."},
    )


def signed_in_body(signed_in: SignedIn, *, in_cookie: bool) -> dict[str, object]:
    session = signed_in.session
    return {
        "accessToken": session.access_token,
        "tokenType": "Bearer",
        "expiresIn": session.expires_in_seconds,
        "refreshToken": None if in_cookie else session.refresh_token,
        "sessionId": session.session_id,
        "user": {
            "userId": signed_in.user_id,
            "email": signed_in.email,
            "registered": signed_in.registered,
        },
    }


def session_list_body(sessions: Sequence[Session], current: str | None) -> dict[str, object]:
    listed = [
        {**exported_session(session), "current": session.session_id == current}
        for session in sessions
    ]
    return {"sessions": listed}


def exported_session(session: Session) -> dict[str, object]:
    """A session in the document of everything that is held on a user."""
    return {
        "sessionId": session.session_id,
        "device": session.device,
        "createdAt": iso(session.created_at),
        "lastUsedAt": iso(session.last_used_at),
        "endsAt": iso(session.ends_at),
    }


def exported_ceiling(ceiling: Ceiling) -> dict[str, object]:
    """A session that a back end minted, in the same document."""
    return {
        "sessionId": ceiling.session_id,
        "createdAt": iso(ceiling.created_at),
        "endsAt": iso(ceiling.ends_at),
        "creditLimit": credits_number(ceiling.limit),
        "creditsUsed": credits_number(ceiling.used),
    }
