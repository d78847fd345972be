"""The route that a Cognito user pool's forwarding function calls."""

from flask import Blueprint, Response, request

from service.accounts.entities import HookSignatureRejected, HookTooSlow
from service.accounts.hook_schemas import ConfirmationRequestSchema, HandledSchema, confirmation_of
from service.accounts.hook_signatures import HEADER
from service.accounts.post_confirmation import PostConfirmation
from service.ledger.entities import (
    AccountClosed,
    AccountDisabled,
    OutcomeUnknown,
    TooManyWaiting,
    WalletBusy,
    WalletFrozen,
)
from service.storage.data_keys import DataUnreadable
from service.storage.secrets import SecretUnavailable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.users.entities import EmailAlreadyUsed, IdentityLinked, SystemLimitReached
from service.web.body import peek_raw, read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_DESCRIPTION = (
    "For the forwarding function of cloudformation/identity.yaml: it sends the event of the "
    "trigger as it comes. Someone with a verified address that is not disposable becomes a user, "
    "without welcome credits, which wait for the first request from a device. The same event again "
    "does nothing. Whatever this returns, the sign-up at Cognito stands, and the user is made by "
    "their first request."
)


def hook_blueprint(post_confirmation: PostConfirmation) -> Blueprint:
    blueprint = Blueprint("cognito_hook", __name__)
    schema = ConfirmationRequestSchema()

    @blueprint.post("/hooks/cognito/post-confirmation")
    @endpoint(
        Endpoint(
            access=Access.PUBLIC,
            internal=True,
            summary="Take the post-confirmation event of a Cognito user pool",
            operation_id="handlePostConfirmation",
            description=_DESCRIPTION,
            body=ConfirmationRequestSchema,
            response=HandledSchema,
            errors=(
                *(HookSignatureRejected, AccountClosed, AccountDisabled, SystemLimitReached),
                *(EmailAlreadyUsed, IdentityLinked),
                *(WalletFrozen, WalletBusy, TooManyWaiting, OutcomeUnknown, SecretUnavailable),
                *(HookTooSlow, StorageUnavailable, DataKeyUnavailable, DataUnreadable),
            ),
            headers={HEADER: "`t=<epoch seconds>,v1=<HMAC-SHA-256 of time, dot and body, in hex>`"},
            example={
                "triggerSource": "PostConfirmation_ConfirmSignUp",
                "userPoolId": "us-east-1_Farebox01",
                "request": {
                    "userAttributes": {
                        "sub": "0b5f7b1e-9f0e-4b46-9d1c-5c3a1f6e2d01",
                        "email": "ann@example.com",
                        "email_verified": "true",
                    }
                },
            },
        )
    )
    def post_confirmed() -> Response:
        until = post_confirmation.deadline()
        header, body = request.headers.get(HEADER, ""), peek_raw()
        signed_at = post_confirmation.check_in_time(header, body, until)
        confirmation = confirmation_of(read_body(schema))
        handled = post_confirmation.handle_in_time(confirmation, signed_at, until)
        return success({"handled": handled})

    return blueprint
