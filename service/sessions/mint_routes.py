"""The route by which a back end mints sessions for its users."""

from flask import Blueprint, Response

from service.core.principal import Principal
from service.core.scopes import KeyScope
from service.ledger.entities import AccountClosing, AccountDisabled, UserNotFound
from service.sessions.mint_schemas import (
    MintedSchema,
    MintRequestSchema,
    minted_body,
    wanted_from,
)
from service.sessions.minting import Minting
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

# A back end has few addresses, and a guess at its key costs no read.
ADDRESS_LIMIT = 0
KEY_LIMIT = 6000
MINT = Endpoint(
    access=Access.SERVER,
    key_scope=KeyScope.SESSIONS,
    summary="Mint a session for a user of your back end",
    operation_id="mintSession",
    description="For back ends with a server key. Returns an access token for 15 minutes, which "
    "the back end hands to its user's browser or app: it works for pages of `origins`, for routes "
    "within `scopes`, and for requests that cost at most `creditLimit` together. Revoking the key "
    "ends it within 10 seconds.",
    body=MintRequestSchema,
    response=MintedSchema,
    errors=(UserNotFound, AccountDisabled, AccountClosing),
    caller_limit=KEY_LIMIT,
    address_limit=ADDRESS_LIMIT,
    example={
        "externalId": "customer-42",
        "origins": ["https://app.example.com"],
        "creditLimit": 5,
    },
)


def minting_blueprint(minting: Minting) -> Blueprint:
    blueprint = Blueprint("minting", __name__)
    schema = MintRequestSchema()

    @blueprint.post("/auth/sessions")
    @endpoint(MINT)
    def post_minted_session(principal: Principal) -> Response:
        wanted = wanted_from(read_body(schema))
        return success(minted_body(minting.mint(principal, wanted)))

    return blueprint
