"""The routes of one's own account."""

from flask import Blueprint, Response

from service.accounts.operations import Accounts
from service.accounts.schemas import (
    IdentitiesSchema,
    LinkRequestSchema,
    MeSchema,
    identities_body,
    me_body,
)
from service.core.errors import FareboxError
from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.ledger.entities import OutcomeUnknown, UserNotFound, WalletBusy
from service.storage.data_keys import DataErased, DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.users.entities import (
    EmailAlreadyUsed,
    IdentityInUse,
    IdentityLimitReached,
    IdentityNotFound,
    IdentityRequired,
    OtherTokenRejected,
)
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_READ_ERRORS: tuple[type[FareboxError], ...] = (
    DataKeyUnavailable,
    DataUnreadable,
    StorageUnavailable,
)
_CHANGE_ERRORS: tuple[type[FareboxError], ...] = (
    UserNotFound,
    WalletBusy,
    OutcomeUnknown,
    *_READ_ERRORS,
)
_LINK = (
    "From now on both sign in as this user. Both must have signed in within the last 15 minutes: "
    "send one token in the header, the other in the body. With the linked one, open a session "
    "(`POST /auth/session`); its own token returns `IDENTITY_LINKED` elsewhere."
)


def accounts_blueprint(accounts: Accounts) -> Blueprint:
    blueprint = Blueprint("accounts", __name__)
    _add_me(blueprint, accounts)
    _add_identities(blueprint, accounts)
    _add_linking(blueprint, accounts)
    return blueprint


def _add_me(blueprint: Blueprint, accounts: Accounts) -> None:
    @blueprint.get("/me")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get your account",
            operation_id="getMe",
            scope=SessionScope.READ_ACCOUNT,
            description='A valid token without an account returns zeros and `"registered": false`.',
            response=MeSchema,
            checks_account=True,
            errors=(UserNotFound, *_READ_ERRORS),
        )
    )
    def get_me(principal: Principal) -> Response:
        return success(me_body(accounts.get(principal)))


def _add_identities(blueprint: Blueprint, accounts: Accounts) -> None:
    @blueprint.get("/me/identities")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="List what you sign in with",
            operation_id="listIdentities",
            description="The one that the account was opened with, then those that were linked.",
            response=IdentitiesSchema,
            errors=(UserNotFound, *_READ_ERRORS),
        )
    )
    def get_identities(principal: Principal) -> Response:
        return success(identities_body(accounts.identities(principal)))

    @blueprint.delete("/me/identities/<identity_id>")
    @endpoint(
        Endpoint(
            access=Access.USER,
            fresh=True,
            summary="Unlink an identity",
            operation_id="unlinkIdentity",
            description="It may open an account of its own then. Your other sessions end.",
            response=IdentitiesSchema,
            errors=(IdentityNotFound, IdentityRequired, *_CHANGE_ERRORS),
        )
    )
    def delete_identity(principal: Principal, identity_id: str) -> Response:
        return success(identities_body(accounts.unlink(principal, identity_id)))


def _add_linking(blueprint: Blueprint, accounts: Accounts) -> None:
    schema = LinkRequestSchema()

    @blueprint.post("/me/identities")
    @endpoint(
        Endpoint(
            access=Access.USER,
            fresh=True,
            summary="Link another sign-in to your account",
            operation_id="linkIdentity",
            description=_LINK,
            body=LinkRequestSchema,
            response=IdentitiesSchema,
            errors=(
                *(
                    OtherTokenRejected,
                    IdentityInUse,
                    EmailAlreadyUsed,
                    IdentityLimitReached,
                    DataErased,
                ),
                *_CHANGE_ERRORS,
            ),
            example={"token": "eyJhbGciOiJSUzI1NiIs…"},
        )
    )
    def post_identity(principal: Principal) -> Response:
        token = read_body(schema)["token"]
        return success(identities_body(accounts.link(principal, token)))
