"""What goes in and out of the routes of promo codes and bulk grants."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from service.admin.correction_schemas import Moment
from service.admin.schemas import ActionSchema, PerformedSchema
from service.bulk_grants.entities import (
    MAX_LISTED_USERS,
    Audience,
    BulkGrant,
    BulkStatus,
    Failure,
    NewBulkGrant,
    Progress,
)
from service.core.amounts import SCALE, credits_number
from service.core.clock import iso
from service.core.principal import is_subject
from service.ledger.grant_terms import MAX_GRANT, MAX_LIFE_DAYS, GrantTerms
from service.ledger.lots import LotKind
from service.ledger.restrictions import RESTRICTIONS
from service.promo_codes.entities import (
    MAX_NAME,
    MAX_USES,
    MAX_USES_PER_IDENTITY,
    NewPromoCode,
    PromoCode,
)
from service.web.schemas import CreditsInput, IntegerInput, StrictSchema, Text, credits_field

MAX_BUDGET = 10**9 * SCALE
_MAX_TEXT = 64
_MAX_USER_ID = 255


class GrantRequestSchema(ActionSchema):
    """What each user receives."""

    name = Text(
        required=True,
        max_length=MAX_NAME,
        metadata={
            "description": "The campaign. Users see it as the reason of the grant.",
            "example": "Launch week",
        },
    )
    credits = CreditsInput(
        required=True,
        minimum=1,
        maximum=MAX_GRANT,
        metadata={"description": "Credits for each user.", "example": 5},
    )
    kind = fields.Enum(
        LotKind,
        by_value=True,
        load_default=LotKind.PROMO,
        metadata={"description": "What kind of credits.", "example": "promo"},
    )
    lot_expires_at = Moment(
        data_key="lotExpiresAt",
        load_default=None,
        metadata={"description": "When the granted credits expire. Left out: never."},
    )
    lot_life_days = IntegerInput(
        data_key="lotLifeDays",
        load_default=None,
        validate=validate.Range(1, MAX_LIFE_DAYS),
        metadata={
            "description": "How many days the granted credits live, in place of `lotExpiresAt`.",
            "example": 30,
        },
    )
    restriction = fields.String(
        validate=validate.OneOf(sorted(RESTRICTIONS), error="Is no restriction."),
        metadata={"description": "What alone the credits may be spent on. Left out: anything."},
    )
    budget = CreditsInput(
        load_default=None,
        minimum=1,
        maximum=MAX_BUDGET,
        metadata={"description": "Credits that may be granted in all.", "example": 500},
    )

    @validates_schema
    def check_expiry(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["lot_expires_at"] is not None and data["lot_life_days"] is not None:
            raise ValidationError("Cannot be combined with lotExpiresAt.", "lotLifeDays")


class PromoRequestSchema(GrantRequestSchema):
    """A promo code that is to be made."""

    code = Text(
        load_default=None,
        max_length=_MAX_TEXT,
        metadata={
            "description": "Its text, 8 to 32 letters and digits. Left out: one is generated that "
            "no one can guess."
        },
    )
    max_uses = IntegerInput(
        required=True,
        data_key="maxUses",
        validate=validate.Range(1, MAX_USES),
        metadata={"description": "How often it can be redeemed in all.", "example": 100},
    )
    max_uses_per_identity = IntegerInput(
        load_default=1,
        data_key="maxUsesPerIdentity",
        validate=validate.Range(1, MAX_USES_PER_IDENTITY),
        metadata={"description": "How often by one user, and on one device.", "example": 1},
    )
    starts_at = Moment(
        data_key="startsAt",
        load_default=None,
        metadata={"description": "From when it can be redeemed. Left out: at once."},
    )
    ends_at = Moment(
        data_key="endsAt",
        load_default=None,
        metadata={"description": "Until when it can be redeemed. Left out: until it is used up."},
    )


class BulkRequestSchema(GrantRequestSchema):
    """A bulk grant that is to be made."""

    user_ids = fields.List(
        Text(max_length=_MAX_USER_ID),
        data_key="userIds",
        load_default=None,
        validate=validate.Length(1, MAX_LISTED_USERS),
        metadata={
            "description": "Whom it is for. Left out: every user who has an account now; then "
            "`budget` is required.",
            "example": ["110248495921238986420"],
        },
    )
    dry_run = fields.Boolean(
        data_key="dryRun",
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "Only count whom it would be granted to.", "example": False},
    )

    @validates_schema
    def check_users(self, data: Mapping[str, Any], **_: Any) -> None:
        for user_id in data["user_ids"] or ():
            if not is_subject(user_id):
                raise ValidationError("Names what is no user id.", "userIds")


class PromoSchema(StrictSchema):
    """A promo code, and how far it is used. Its text is stored nowhere."""

    promo_id = fields.String(required=True, data_key="promoId")
    name = fields.String(required=True)
    credits = credits_field("What one use grants.", example=5)
    kind = fields.Enum(LotKind, by_value=True, required=True)
    restriction = fields.String(required=True)
    lot_expires_at = fields.DateTime(required=True, allow_none=True, data_key="lotExpiresAt")
    lot_life_days = fields.Integer(required=True, allow_none=True, data_key="lotLifeDays")
    max_uses = fields.Integer(required=True, data_key="maxUses")
    max_uses_per_identity = fields.Integer(required=True, data_key="maxUsesPerIdentity")
    uses = fields.Integer(required=True, metadata={"description": "How often it was redeemed."})
    budget = credits_field("Credits that it may grant in all.", example=500)
    granted = credits_field("Credits that it has granted.", example=25)
    starts_at = fields.DateTime(required=True, data_key="startsAt")
    ends_at = fields.DateTime(required=True, allow_none=True, data_key="endsAt")
    revoked_at = fields.DateTime(required=True, allow_none=True, data_key="revokedAt")
    created_at = fields.DateTime(required=True, data_key="createdAt")
    created_by = fields.String(required=True, data_key="createdBy")


class ChangedPromoSchema(PerformedSchema):
    promo = fields.Nested(PromoSchema, required=True)


class MadePromoSchema(ChangedPromoSchema):
    code = fields.String(
        required=True,
        metadata={
            "description": "The text to hand out. Only the same request returns it again.",
            "example": "7K3M-QX9T-2FHD-8WZA",
        },
    )


class PromoPageSchema(StrictSchema):
    promos = fields.List(fields.Nested(PromoSchema), required=True)
    next_token = fields.String(required=True, allow_none=True, data_key="nextToken")


class BulkGrantSchema(StrictSchema):
    """A bulk grant."""

    bulk_id = fields.String(required=True, data_key="bulkId")
    name = fields.String(required=True)
    credits = credits_field("What each user is granted.", example=5)
    kind = fields.Enum(LotKind, by_value=True, required=True)
    restriction = fields.String(required=True)
    lot_expires_at = fields.DateTime(required=True, allow_none=True, data_key="lotExpiresAt")
    lot_life_days = fields.Integer(required=True, allow_none=True, data_key="lotLifeDays")
    audience = fields.Enum(Audience, by_value=True, required=True)
    users = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "How many users the list has; null for all users."},
    )
    budget = credits_field("Credits that it may grant in all.", example=500)
    dry_run = fields.Boolean(required=True, data_key="dryRun")
    cancelled_at = fields.DateTime(required=True, allow_none=True, data_key="cancelledAt")
    created_at = fields.DateTime(required=True, data_key="createdAt")
    created_by = fields.String(required=True, data_key="createdBy")


class ProgressSchema(BulkGrantSchema):
    """A bulk grant, and how far it has come."""

    status = fields.Enum(BulkStatus, by_value=True, required=True)
    granted_users = fields.Integer(
        required=True,
        data_key="grantedUsers",
        metadata={"description": "Users who were granted it; in a dry run: who would be."},
    )
    failed_users = fields.Integer(required=True, data_key="failedUsers")
    granted_credits = credits_field(
        "Credits that it has granted.", example=25, data_key="grantedCredits"
    )
    parts = fields.Integer(required=True)
    finished_parts = fields.Integer(required=True, data_key="finishedParts")


class ChangedBulkGrantSchema(PerformedSchema):
    bulk_grant = fields.Nested(ProgressSchema, required=True, data_key="bulkGrant")


class BulkPageSchema(StrictSchema):
    bulk_grants = fields.List(fields.Nested(BulkGrantSchema), required=True, data_key="bulkGrants")
    next_token = fields.String(required=True, allow_none=True, data_key="nextToken")


class FailureSchema(StrictSchema):
    """A user who was granted nothing."""

    user_id = fields.String(required=True, data_key="userId")
    reason = fields.String(
        required=True, metadata={"description": "Why.", "example": "USER_UNKNOWN"}
    )
    at = fields.DateTime(required=True)


class FailurePageSchema(StrictSchema):
    failures = fields.List(fields.Nested(FailureSchema), required=True)
    next_token = fields.String(required=True, allow_none=True, data_key="nextToken")


def terms_of(body: Mapping[str, Any]) -> GrantTerms:
    return GrantTerms(
        body["credits"],
        body["kind"],
        body["lot_expires_at"],
        body["lot_life_days"],
        body.get("restriction", ""),
    )


def new_promo(body: Mapping[str, Any], operator_id: str, key: str) -> NewPromoCode:
    return NewPromoCode(
        name=body["name"],
        terms=terms_of(body),
        max_uses=body["max_uses"],
        created_by=operator_id,
        max_uses_per_identity=body["max_uses_per_identity"],
        budget=body["budget"],
        starts_at=body["starts_at"],
        ends_at=body["ends_at"],
        text=body["code"],
        seed=f"{operator_id}\n{key}",
    )


def new_bulk_grant(body: Mapping[str, Any], operator_id: str) -> NewBulkGrant:
    users = body["user_ids"]
    return NewBulkGrant(
        name=body["name"],
        terms=terms_of(body),
        created_by=operator_id,
        user_ids=None if users is None else tuple(users),
        budget=body["budget"],
        dry_run=body["dry_run"],
    )


def promo_body(promo: PromoCode) -> dict[str, object]:
    return {
        "promoId": promo.promo_id,
        "name": promo.name,
        **_terms_body(promo.terms),
        "maxUses": promo.max_uses,
        "maxUsesPerIdentity": promo.max_uses_per_identity,
        "uses": promo.uses,
        "budget": credits_number(promo.budget),
        "granted": credits_number(promo.granted),
        "startsAt": iso(promo.starts_at),
        "endsAt": _moment(promo.ends_at),
        "revokedAt": _moment(promo.revoked_at),
        "createdAt": iso(promo.created_at),
        "createdBy": promo.created_by,
    }


def bulk_body(bulk: BulkGrant) -> dict[str, object]:
    return {
        "bulkId": bulk.bulk_id,
        "name": bulk.name,
        **_terms_body(bulk.terms),
        "audience": bulk.audience.value,
        "users": bulk.users if bulk.audience is Audience.LIST else None,
        "budget": credits_number(bulk.budget),
        "dryRun": bulk.dry_run,
        "cancelledAt": _moment(bulk.cancelled_at),
        "createdAt": iso(bulk.created_at),
        "createdBy": bulk.created_by,
    }


def progress_body(progress: Progress) -> dict[str, object]:
    return {
        **bulk_body(progress.bulk),
        "status": progress.status.value,
        "grantedUsers": progress.granted,
        "failedUsers": progress.failed,
        "grantedCredits": credits_number(progress.granted_amount),
        "parts": progress.bulk.parts,
        "finishedParts": progress.finished_parts,
    }


def failure_body(failure: Failure) -> dict[str, object]:
    return {"userId": failure.user_id, "reason": failure.reason, "at": iso(failure.at)}


def _terms_body(terms: GrantTerms) -> dict[str, object]:
    return {
        "credits": credits_number(terms.amount),
        "kind": terms.kind.value,
        "restriction": terms.restriction,
        "lotExpiresAt": _moment(terms.expires_at),
        "lotLifeDays": terms.life_days,
    }


def _moment(at: int | None) -> str | None:
    return None if at is None else iso(at)
