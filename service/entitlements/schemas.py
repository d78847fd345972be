"""What the routes of entitlements return."""

from typing import Any

from marshmallow import fields, validate

from service.core.amounts import credits_number
from service.core.clock import iso
from service.entitlements.entities import Entitlement, EntitlementStatus, Plan, Plans
from service.web.schemas import StrictSchema, credits_field

_STATUS = (
    "`active` and `trialing`; `past_due`: a payment has failed and is tried again; `canceled`: it "
    "has ended, or is unpaid; `none`: there never was one."
)
_UNIX = "(seconds since 1970, UTC)"


def _status_field() -> fields.String:
    return fields.String(
        required=True,
        validate=validate.OneOf([each.value for each in EntitlementStatus]),
        metadata={"description": _STATUS, "example": "active"},
    )


class EntitlementSchema(StrictSchema):
    """What the user's subscription entitles them to."""

    status = _status_field()
    plan = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The price of the plan at Stripe.", "example": "price_1Nf3a"},
    )
    current_period_end = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": f"Until when it is paid for {_UNIX}.", "example": 1798761600},
    )
    trial_expires_at = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": f"The end of its trial, if it has or had one {_UNIX}."},
    )
    updated_at = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="updatedAt",
        metadata={"description": "When Stripe was last queried about it (UTC)."},
    )


class SubscriptionStatusSchema(StrictSchema):
    """The user's subscription, the best one if there are several."""

    id = fields.String(
        required=True, allow_none=True, metadata={"description": "The subscription, null without."}
    )
    user_id = fields.String(
        required=True, data_key="userId", metadata={"description": "Whose it is."}
    )
    stripe_subscription_id = fields.String(
        required=True,
        allow_none=True,
        data_key="stripeSubscriptionId",
        metadata={"description": "Its id at Stripe.", "example": "sub_1Nf3a"},
    )
    status = _status_field()
    plan_id = fields.String(
        required=True,
        allow_none=True,
        data_key="planId",
        metadata={"description": "The plan; null for one that is not sold any more."},
    )
    current_period_start = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="currentPeriodStart",
        metadata={"description": "Since when the present period is paid for (UTC)."},
    )
    current_period_end = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="currentPeriodEnd",
        metadata={"description": "Until when (UTC)."},
    )
    cancel_at_period_end = fields.Boolean(
        required=True,
        data_key="cancelAtPeriodEnd",
        metadata={"description": "Whether it ends with the present period."},
    )


class PlanSchema(StrictSchema):
    """A plan on sale."""

    id = fields.String(required=True, metadata={"description": "Names it.", "example": "pro"})
    name = fields.String(required=True, metadata={"description": "For people.", "example": "Pro"})
    price_id = fields.String(
        required=True,
        data_key="priceId",
        metadata={"description": "What `POST /stripe/checkout` takes.", "example": "price_1Nf3a"},
    )
    amount_cents = fields.Integer(
        required=True,
        data_key="amountCents",
        metadata={"description": "What a month costs, in the currency's smallest unit."},
    )
    currency = fields.String(required=True, metadata={"description": "ISO 4217.", "example": "usd"})
    monthly_credits = credits_field(
        "Credits of each period; they expire with it.", data_key="monthlyCredits"
    )
    trial_days = fields.Integer(
        required=True, data_key="trialDays", metadata={"description": "0: there is no trial."}
    )
    trial_credits = credits_field(
        "Credits of the trial, once per person and card.", data_key="trialCredits"
    )
    operations = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "What only subscribers of this plan may request."},
    )


class PlansSchema(StrictSchema):
    plans = fields.List(
        fields.Nested(PlanSchema), required=True, metadata={"description": "In the file's order."}
    )


def entitlement_body(entitlement: Entitlement) -> dict[str, Any]:
    """An entitlement as the schema describes it."""
    return {
        "status": entitlement.status.value,
        "plan": entitlement.price_id,
        "current_period_end": _seconds(entitlement.period_end_at),
        "trial_expires_at": _seconds(entitlement.trial_ends_at),
        "updatedAt": _iso(entitlement.updated_at),
    }


def subscription_body(entitlement: Entitlement, plans: Plans) -> dict[str, Any]:
    """The same as `SubscriptionStatusSchema` describes it."""
    plan = plans.by_price(entitlement.price_id or "")
    return {
        "id": entitlement.subscription_id,
        "userId": entitlement.user_id,
        "stripeSubscriptionId": entitlement.subscription_id,
        "status": entitlement.status.value,
        "planId": plan.plan_id if plan else None,
        "currentPeriodStart": _iso(entitlement.period_start_at),
        "currentPeriodEnd": _iso(entitlement.period_end_at),
        "cancelAtPeriodEnd": entitlement.cancels_at_period_end,
    }


def plans_body(plans: Plans) -> dict[str, Any]:
    """Plans as the schema describes them."""
    return {"plans": [*map(_plan_body, plans.on_sale)]}


def _plan_body(plan: Plan) -> dict[str, Any]:
    return {
        "id": plan.plan_id,
        "name": plan.name,
        "priceId": plan.price_id,
        "amountCents": plan.amount_cents,
        "currency": plan.currency,
        "monthlyCredits": credits_number(plan.monthly_credits),
        "trialDays": plan.trial_days,
        "trialCredits": credits_number(plan.trial_credits),
        "operations": sorted(plan.operations),
    }


def _seconds(at: int | None) -> int | None:
    return None if at is None else at // 1000


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)
