"""What the routes of one's own account receive and return."""

from typing import Any

from marshmallow import fields

from service.accounts.entities import Account
from service.core.amounts import credits_number
from service.core.clock import iso
from service.ledger.entities import Wallet, WalletStatus
from service.users.entities import LinkedIdentity, is_open
from service.web.schemas import StrictSchema, Text, credits_field

MAX_TOKEN = 8192


class LinkRequestSchema(StrictSchema):
    """The token of the identity to link."""

    token = Text(
        required=True,
        max_length=MAX_TOKEN,
        metadata={"description": "A token of the other sign-in, at most 15 minutes after it."},
    )


class IdentitySchema(StrictSchema):
    """Something that the user signs in with."""

    identity_id = fields.String(
        required=True,
        data_key="identityId",
        metadata={"description": "Names it here; `DELETE /me/identities/{identityId}`."},
    )
    provider = fields.String(
        required=True,
        metadata={
            "description": "`https://accounts.google.com`, `cognito` or `password`.",
            "example": "cognito",
        },
    )
    email = fields.String(
        required=True, allow_none=True, metadata={"description": "The address, if one is known."}
    )
    linked_at = fields.DateTime(
        required=True, data_key="linkedAt", metadata={"description": "Since when (UTC)."}
    )
    is_first = fields.Boolean(
        required=True,
        data_key="isFirst",
        metadata={"description": "The account was opened with it: it stays."},
    )


class IdentitiesSchema(StrictSchema):
    identities = fields.List(
        fields.Nested(IdentitySchema),
        required=True,
        metadata={"description": "The first one, then the others, oldest first."},
    )


class MeSchema(IdentitiesSchema):
    """The account of the caller."""

    user_id = fields.String(
        required=True, data_key="userId", metadata={"description": "Who the caller is here."}
    )
    registered = fields.Boolean(
        required=True, metadata={"description": "Whether there is an account yet."}
    )
    email = fields.String(
        required=True, allow_none=True, metadata={"description": "The address, if one is known."}
    )
    email_verified = fields.Boolean(
        required=True,
        data_key="emailVerified",
        metadata={"description": "Whether it was proved to be the user's."},
    )
    created_at = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="createdAt",
        metadata={"description": "When the account was opened (UTC)."},
    )
    last_login = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="lastLogin",
        metadata={
            "description": "The last sign-in that is known (UTC): with the password, or that of "
            "the present token, if it says when."
        },
    )
    is_active = fields.Boolean(
        required=True,
        data_key="isActive",
        metadata={"description": "Whether the account can spend: it is neither new nor frozen."},
    )
    welcomed = fields.Boolean(
        required=True, metadata={"description": "Whether the welcome credits were granted."}
    )
    subscription_tier = fields.String(
        required=True,
        data_key="subscriptionTier",
        metadata={
            "description": "The plan that the user subscribes to, `none` without one; "
            "`GET /subscription/status` has the rest.",
            "example": "none",
        },
    )
    credits_balance = credits_field("What can be spent now.", data_key="creditsBalance")
    credits_held = credits_field("What open jobs hold.", data_key="creditsHeld")
    total_credits_granted = credits_field(
        "All credits ever granted, the welcome included.", data_key="totalCreditsGranted"
    )
    total_usage = credits_field("All credits ever spent.", data_key="totalUsage")


def identities_body(found: list[LinkedIdentity]) -> dict[str, Any]:
    """Identities as the schema describes them."""
    return {"identities": [*map(_identity_body, found)]}


def _identity_body(identity: LinkedIdentity) -> dict[str, Any]:
    return {
        "identityId": identity.identity_id,
        "provider": identity.provider,
        "email": identity.email,
        "linkedAt": iso(identity.linked_at),
        "isFirst": identity.is_first,
    }


def me_body(account: Account) -> dict[str, Any]:
    """An account as the schema describes it."""
    principal, wallet = account.principal, account.balance.wallet
    registered = is_open(wallet)
    shown = wallet if wallet is not None and registered else Wallet("", welcomed=False)
    signed_in_at = account.last_login_at
    return {
        "userId": principal.subject,
        "registered": registered,
        "email": account.email,
        "emailVerified": account.email_verified,
        "createdAt": iso(account.identities[0].linked_at) if account.identities else None,
        "lastLogin": None if signed_in_at is None else iso(signed_in_at),
        "isActive": registered and shown.status is WalletStatus.OPEN,
        "welcomed": shown.welcomed,
        "subscriptionTier": account.tier,
        "creditsBalance": credits_number(shown.spendable(account.balance.at)),
        "creditsHeld": credits_number(shown.held),
        "totalCreditsGranted": credits_number(shown.granted),
        "totalUsage": credits_number(shown.captured),
        **identities_body(list(account.identities)),
    }
