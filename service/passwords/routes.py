"""The routes of password accounts: load, call one operation, dump."""

from flask import Blueprint, Response

from service.core.mailboxes import address_of
from service.core.principal import Principal
from service.core.rate_limits import Window
from service.ledger.entities import (
    AccountClosing,
    AccountDisabled,
    OutcomeUnknown,
    TooManyWaiting,
    WalletBusy,
)
from service.passwords.entities import (
    InvalidCredentials,
    LinkInvalid,
    NoPassword,
    RegistrationPasswordWrong,
    TooManyPasswordRequests,
)
from service.passwords.hashing import PasswordsBusy
from service.passwords.operations import Passwords
from service.passwords.policy import PasswordRejected
from service.passwords.resets import PasswordResets
from service.passwords.schemas import (
    AcceptedSchema,
    ChangePasswordRequestSchema,
    ForgotPasswordRequestSchema,
    LoginRequestSchema,
    PasswordChangedSchema,
    RegisterRequestSchema,
    ResetPasswordRequestSchema,
    VerifiedSchema,
    VerifyEmailRequestSchema,
)
from service.passwords.sign_ins import Attempt, PasswordSignIns
from service.passwords.throttle import TooManyTries, network_of
from service.sessions.entities import SessionEnd, SignedIn
from service.sessions.operations import Sessions
from service.sessions.routes import device_of_request, signed_in_response
from service.sessions.schemas import SignedInSchema
from service.storage.data_keys import DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.users.entities import DeviceAlreadyUsed, EmailAlreadyUsed, SystemLimitReached
from service.web.body import read_body
from service.web.client_address import client_address
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.page_cookie import CSRF_HEADER, CsrfRejected, PageCookie
from service.web.responses import json_response, success

_EXAMPLE_TOKEN = "q3ZkX0v7bN5t2mJ8hR4cW6yL1sD9fGaEuKpQzVxTnBo"
_EXAMPLE_PASSWORD = "seven tired otters"

REGISTER = Endpoint(
    access=Access.PUBLIC,
    summary="Register with an e-mail address and a password",
    operation_id="register",
    description="Always 202, after the same time, whether or not the address is known: a mail says "
    "what follows. The one to a new address has a link, valid for 24 hours, with a token for `POST "
    "/auth/verify-email`. Until then nothing is reserved.",
    body=RegisterRequestSchema,
    response=AcceptedSchema,
    statuses=(202,),
    errors=(
        PasswordRejected,
        TooManyPasswordRequests,
        PasswordsBusy,
        DataKeyUnavailable,
        StorageUnavailable,
    ),
    example={
        "email": "ann@example.org",
        "password": _EXAMPLE_PASSWORD,
        "Fingerprint": "fp-4be1a2c09d",
    },
)
VERIFY = Endpoint(
    access=Access.PUBLIC,
    summary="Verify an e-mail address",
    operation_id="verifyEmail",
    description="Signs up whoever registered, with the device of the registration, and grants the "
    "welcome credits. It takes the token of the mail and the password of the registration, so that "
    "no one confirms an account that a stranger has registered for them. A token works once. "
    "Afterwards sign in with `POST /auth/login`.",
    body=VerifyEmailRequestSchema,
    response=VerifiedSchema,
    errors=(
        LinkInvalid,
        RegistrationPasswordWrong,
        PasswordsBusy,
        EmailAlreadyUsed,
        AccountDisabled,
        DeviceAlreadyUsed,
        SystemLimitReached,
        TooManyPasswordRequests,
        TooManyWaiting,
        WalletBusy,
        OutcomeUnknown,
        DataKeyUnavailable,
        StorageUnavailable,
    ),
    example={"token": _EXAMPLE_TOKEN, "password": _EXAMPLE_PASSWORD},
)
LOGIN = Endpoint(
    access=Access.PUBLIC,
    summary="Sign in with an e-mail address and a password",
    operation_id="login",
    description="Opens a session. An unknown address, a wrong password and an address that is not "
    "verified yet have the same response after the same time. Whoever fails repeatedly has to wait "
    "longer and longer, whether or not the address is known.",
    body=LoginRequestSchema,
    response=SignedInSchema,
    errors=(
        CsrfRejected,
        InvalidCredentials,
        AccountDisabled,
        AccountClosing,
        TooManyTries,
        TooManyPasswordRequests,
        PasswordsBusy,
        DataKeyUnavailable,
        DataUnreadable,
        StorageUnavailable,
    ),
    example={"email": "ann@example.org", "password": _EXAMPLE_PASSWORD},
    headers={CSRF_HEADER: "`1`; required with `cookie`."},
)
FORGOT = Endpoint(
    access=Access.PUBLIC,
    summary="Have a link mailed that replaces a forgotten password",
    operation_id="forgotPassword",
    description="Always 202, after the same time. Only the very address that was verified receives "
    "a link; it is valid for 30 minutes, and until the password is changed.",
    body=ForgotPasswordRequestSchema,
    response=AcceptedSchema,
    statuses=(202,),
    errors=(TooManyPasswordRequests, DataKeyUnavailable, StorageUnavailable),
    example={"email": "ann@example.org"},
)
RESET = Endpoint(
    access=Access.PUBLIC,
    summary="Replace a forgotten password",
    operation_id="resetPassword",
    description="Ends all sessions of the user, who is mailed at every verified address. A token "
    "works once.",
    body=ResetPasswordRequestSchema,
    response=PasswordChangedSchema,
    errors=(
        LinkInvalid,
        PasswordRejected,
        TooManyPasswordRequests,
        PasswordsBusy,
        DataKeyUnavailable,
        DataUnreadable,
        StorageUnavailable,
    ),
    example={"token": _EXAMPLE_TOKEN, "password": _EXAMPLE_PASSWORD},
)
CHANGE = Endpoint(
    access=Access.USER,
    fresh=True,
    summary="Change the password",
    operation_id="changePassword",
    description="Ends all other sessions of the user, who is mailed at every verified address.",
    body=ChangePasswordRequestSchema,
    response=PasswordChangedSchema,
    errors=(
        PasswordRejected,
        InvalidCredentials,
        NoPassword,
        TooManyTries,
        TooManyPasswordRequests,
        PasswordsBusy,
        DataKeyUnavailable,
        DataUnreadable,
        StorageUnavailable,
    ),
    example={"currentPassword": _EXAMPLE_PASSWORD, "newPassword": "eight tired otters"},
)


def login_blueprint(
    sign_ins: PasswordSignIns, sessions: Sessions, cookie: PageCookie, of_network: Window
) -> Blueprint:
    """The window bounds how often someone on one network may sign in: each time costs a hash."""
    blueprint, schema = Blueprint("login", __name__), LoginRequestSchema()

    @blueprint.post("/auth/login")
    @endpoint(LOGIN)
    def post_login() -> Response:
        body = read_body(schema)
        if body["cookie"]:
            cookie.require_page()
        _limit(of_network)
        attempt = Attempt(address_of(body["email"]), body["password"], client_address())
        proven = sign_ins.sign_in(attempt)
        principal, device = proven.principal, device_of_request()
        user_id, now = principal.subject, principal.authenticated_at or 0
        session = sessions.open(user_id, principal, device, now)
        try:
            sign_ins.require_current(proven)
        except InvalidCredentials:
            sessions.end(user_id, session.session_id, SessionEnd.PASSWORD)
            raise
        signed_in = SignedIn(session, principal.subject, principal.email, registered=True)
        return signed_in_response(signed_in, cookie if body["cookie"] else None)

    return blueprint


def registration_blueprint(passwords: Passwords, of_network: Window) -> Blueprint:
    """The window bounds how often one network may call these routes: each costs a hash or a
    mail."""
    blueprint = Blueprint("registration", __name__)
    registering, verifying = RegisterRequestSchema(), VerifyEmailRequestSchema()

    @blueprint.post("/auth/register")
    @endpoint(REGISTER)
    def post_register() -> Response:
        body = read_body(registering)
        _limit(of_network)
        passwords.register(address_of(body["email"]), body["password"], body["fingerprint"])
        return json_response(_accepted(), status=202)

    @blueprint.post("/auth/verify-email")
    @endpoint(VERIFY)
    def post_verify_email() -> Response:
        body = read_body(verifying)
        _limit(of_network)
        verified = passwords.verify_email(body["token"], body["password"])
        return success({"userId": verified.user_id, "email": verified.address})

    return blueprint


def resets_blueprint(resets: PasswordResets, of_network: Window) -> Blueprint:
    """The window is that of `registration_blueprint`."""
    blueprint, forgetting = Blueprint("resets", __name__), ForgotPasswordRequestSchema()
    resetting, changing = ResetPasswordRequestSchema(), ChangePasswordRequestSchema()

    @blueprint.post("/auth/password/forgot")
    @endpoint(FORGOT)
    def post_forgot() -> Response:
        body = read_body(forgetting)
        _limit(of_network)
        resets.request(address_of(body["email"]))
        return json_response(_accepted(), status=202)

    @blueprint.post("/auth/password/reset")
    @endpoint(RESET)
    def post_reset() -> Response:
        body = read_body(resetting)
        _limit(of_network)
        resets.reset(body["token"], body["password"])
        return success({"status": "changed"})

    @blueprint.post("/auth/password/change")
    @endpoint(CHANGE)
    def post_change(principal: Principal) -> Response:
        body = read_body(changing)
        _limit(of_network)
        resets.change(principal, body["current_password"], body["new_password"])
        return success({"status": "changed"})

    return blueprint


def _accepted() -> dict[str, object]:
    return {"success": True, "data": {"status": "accepted"}}


def _limit(of_network: Window) -> None:
    if not of_network.allows(network_of(client_address())):
        raise TooManyPasswordRequests
