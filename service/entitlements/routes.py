"""The routes of entitlements: load, call one operation, dump."""

from flask import Blueprint, Response

from service.core.principal import Principal
from service.entitlements.operations import Entitlements
from service.entitlements.schemas import (
    EntitlementSchema,
    PlansSchema,
    SubscriptionStatusSchema,
    entitlement_body,
    plans_body,
    subscription_body,
)
from service.storage.table import StorageUnavailable
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_STATUS = (
    "By what Stripe last reported. Right after a checkout, `GET /stripe/orders/{id}` brings it up "
    "to date without waiting for Stripe."
)


def entitlements_blueprint(entitlements: Entitlements) -> Blueprint:
    blueprint = Blueprint("entitlements", __name__)

    @blueprint.get("/me/entitlements")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get what your subscription entitles you to",
            operation_id="getEntitlements",
            description="Without a subscription the status is `none`.",
            response=EntitlementSchema,
            errors=(StorageUnavailable,),
        )
    )
    def get_entitlements(principal: Principal) -> Response:
        return success(entitlement_body(entitlements.of(principal.subject)))

    @blueprint.get("/subscription/status")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Get your subscription",
            operation_id="getSubscriptionStatus",
            description=_STATUS,
            response=SubscriptionStatusSchema,
            errors=(StorageUnavailable,),
        )
    )
    def get_subscription_status(principal: Principal) -> Response:
        found = entitlements.of(principal.subject)
        return success(subscription_body(found, entitlements.plans))

    @blueprint.get("/subscription/plans")
    @endpoint(
        Endpoint(
            access=Access.PUBLIC,
            summary="List the plans on sale",
            operation_id="listPlans",
            description="What a subscription costs, and what it brings.",
            response=PlansSchema,
        )
    )
    def get_plans() -> Response:
        return success(plans_body(entitlements.plans))

    return blueprint
