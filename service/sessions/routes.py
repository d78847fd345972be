"""The routes of sessions: load, call one operation, dump."""

import json
from collections.abc import Callable

from flask import Blueprint, Response, after_this_request, request

from service.core.principal import Principal
from service.identity.access_tokens import AccessTokens
from service.ledger.entities import (
    AccountClosed,
    AccountClosing,
    AccountDisabled,
    OutcomeUnknown,
    TooManyWaiting,
    WalletBusy,
    WalletFrozen,
)
from service.sessions.entities import (
    MAX_DEVICE,
    NoSession,
    ProviderTokenRequired,
    RefreshFault,
    RefreshTokenRejected,
    SessionEnd,
    SessionNotFound,
    SignedIn,
)
from service.sessions.operations import Sessions
from service.sessions.schemas import (
    JsonWebKeySetSchema,
    LogoutRequestSchema,
    OpenSessionRequestSchema,
    RefreshRequestSchema,
    SessionListSchema,
    SessionsEndedSchema,
    SignedInSchema,
    session_list_body,
    signed_in_body,
)
from service.sessions.sign_ins import SignIns
from service.storage.data_keys import DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.users.entities import (
    DeviceAlreadyUsed,
    EmailAlreadyUsed,
    IdentityLinked,
    SystemLimitReached,
)
from service.web.body import read_body_if_any
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.openapi.document import cacheable
from service.web.page_cookie import CSRF_HEADER, CsrfRejected, PageCookie
from service.web.responses import success

COOKIE_NAME = "farebox-refresh"
COOKIE_PATH = "/auth"

_CSRF_TEXT = "`1`; required with a cookie. Only a page of an allowed origin can send it."
_STORAGE_ERRORS = (StorageUnavailable, DataKeyUnavailable, DataUnreadable)
OPEN_SESSION = Endpoint(
    access=Access.USER,
    summary="Open a session with the token of a sign-in",
    operation_id="openSession",
    description="Takes a Google or Cognito token once, and returns an access token for 15 minutes "
    "and a refresh token for 30 days. With `Fingerprint`, a user without an account is signed up; "
    "without it, `registered` is false until the first paid request. With `cookie`, the refresh "
    "token is in an `HttpOnly` cookie for pages of the allowed origins, and `refreshToken` is "
    "null.",
    body=OpenSessionRequestSchema,
    body_required=False,
    response=SignedInSchema,
    errors=(
        CsrfRejected,
        ProviderTokenRequired,
        SystemLimitReached,
        DeviceAlreadyUsed,
        EmailAlreadyUsed,
        IdentityLinked,
        AccountClosing,
        WalletFrozen,
        TooManyWaiting,
        WalletBusy,
        OutcomeUnknown,
        *_STORAGE_ERRORS,
    ),
    example={"Fingerprint": "fp-4be1a2c09d"},
    headers={CSRF_HEADER: _CSRF_TEXT},
)
REFRESH = Endpoint(
    access=Access.PUBLIC,
    summary="Exchange a refresh token",
    operation_id="refreshSession",
    description="Returns a new access token, and the refresh token that replaces the one sent. "
    "Whoever lost the response repeats the request: for ten seconds the same token has the same "
    "successor. After that it counts as stolen, and ends its session. Without `refreshToken` the "
    "cookie is read.",
    body=RefreshRequestSchema,
    body_required=False,
    response=SignedInSchema,
    errors=(
        CsrfRejected,
        RefreshTokenRejected,
        AccountClosed,
        AccountDisabled,
        WalletBusy,
        *_STORAGE_ERRORS,
    ),
    example={"refreshToken": "rt_YW5u.ses_01kbx3v9m2t7q8r5w6y4z1h0ce.c2VjcmV0.bWFj"},
    headers={CSRF_HEADER: _CSRF_TEXT},
)
LOG_OUT = Endpoint(
    access=Access.USER,
    summary="End this session, or all of them",
    operation_id="logOut",
    description="Its tokens are refused at once. With `all`, so are those of all of the user's "
    "sessions; the token of a sign-in does for that as well. The cookie is removed.",
    body=LogoutRequestSchema,
    body_required=False,
    response=SessionsEndedSchema,
    errors=(NoSession, WalletBusy, StorageUnavailable),
    example={"all": True},
)
LIST = Endpoint(
    access=Access.USER,
    summary="List your sessions",
    operation_id="listSessions",
    description="Those that have not ended, newest first.",
    response=SessionListSchema,
    errors=(StorageUnavailable,),
)
END = Endpoint(
    access=Access.USER,
    summary="End one of your sessions",
    operation_id="endSession",
    description="Its tokens are refused at once. The user's other sessions have to refresh their "
    "access tokens. Again without effect.",
    response=SessionsEndedSchema,
    errors=(SessionNotFound, StorageUnavailable),
)
JWKS = Endpoint(
    access=Access.PUBLIC,
    summary="Get the keys that our access tokens are signed with",
    operation_id="getSigningKeys",
    description="A JSON Web Key Set (RFC 7517), for back ends that verify access tokens "
    "themselves. Cache it, and fetch it again for an unknown `kid`.",
    response=JsonWebKeySetSchema,
    bare=True,
)


def sessions_blueprint(
    sign_ins: SignIns,
    sessions: Sessions,
    access_tokens: AccessTokens,
    cookie: PageCookie,
) -> Blueprint:
    blueprint = Blueprint("sessions", __name__)
    _add_open(blueprint, sign_ins, cookie)
    _add_refresh(blueprint, sign_ins, cookie)
    _add_ends(blueprint, sign_ins, sessions, cookie)
    _add_keys(blueprint, access_tokens)
    return blueprint


def _add_open(blueprint: Blueprint, sign_ins: SignIns, cookie: PageCookie) -> None:
    schema = OpenSessionRequestSchema()

    @blueprint.post("/auth/session")
    @endpoint(OPEN_SESSION)
    def post_session(principal: Principal) -> Response:
        body = read_body_if_any(schema)
        if body["cookie"]:
            cookie.require_page()
        signed_in = sign_ins.open(principal, body["fingerprint"], device_of_request())
        return signed_in_response(signed_in, cookie if body["cookie"] else None)


def _add_refresh(blueprint: Blueprint, sign_ins: SignIns, cookie: PageCookie) -> None:
    schema = RefreshRequestSchema()

    @blueprint.post("/auth/refresh")
    @endpoint(REFRESH)
    def post_refresh() -> Response:
        given = read_body_if_any(schema)["refresh_token"]
        token = cookie.read() if given is None else given
        if token is None:
            raise RefreshTokenRejected(RefreshFault.MISSING)
        try:
            signed_in = sign_ins.refresh(token)
        except (RefreshTokenRejected, AccountClosed):
            if given is None:
                after_this_request(_clearing(cookie))
            raise
        return signed_in_response(signed_in, cookie if given is None else None)


def _add_ends(
    blueprint: Blueprint, sign_ins: SignIns, sessions: Sessions, cookie: PageCookie
) -> None:
    schema = LogoutRequestSchema()

    @blueprint.post("/auth/logout")
    @endpoint(LOG_OUT)
    def post_logout(principal: Principal) -> Response:
        if read_body_if_any(schema)["all"]:
            ended = sign_ins.end_all(principal)
        elif principal.session_id is None:
            raise NoSession
        else:
            ended = sessions.end(principal.subject, principal.session_id, SessionEnd.LOGOUT)
        response = success({"ended": int(ended)})
        if cookie.is_sent():
            cookie.clear(response)
        return response

    @blueprint.get("/me/sessions")
    @endpoint(LIST)
    def get_sessions(principal: Principal) -> Response:
        found = sessions.live(principal.subject)
        return success(session_list_body(found, principal.session_id))

    @blueprint.delete("/me/sessions/<session_id>")
    @endpoint(END)
    def delete_session(principal: Principal, session_id: str) -> Response:
        ended = sessions.end(principal.subject, session_id, SessionEnd.REVOKED)
        return success({"ended": int(ended)})


def _add_keys(blueprint: Blueprint, access_tokens: AccessTokens) -> None:
    @blueprint.get("/.well-known/jwks.json")
    @endpoint(JWKS)
    def get_keys() -> Response:
        body = json.dumps(access_tokens.key_set(), separators=(",", ":")).encode()
        return cacheable(body, "application/json")


def signed_in_response(signed_in: SignedIn, cookie: PageCookie | None) -> Response:
    """What a sign-in or a refresh returns, with the refresh token in that cookie, if any."""
    response = success(signed_in_body(signed_in, in_cookie=cookie is not None))
    if cookie is not None:
        session = signed_in.session
        cookie.put(response, session.refresh_token, session.left_seconds)
    return response


def device_of_request() -> str:
    """What the client calls itself, without what no terminal should show."""
    agent = request.headers.get("User-Agent", "")[:MAX_DEVICE]
    return "".join(character for character in agent if character.isprintable())


def _clearing(cookie: PageCookie) -> Callable[[Response], Response]:
    def clear(response: Response) -> Response:
        cookie.clear(response)
        return response

    return clear
