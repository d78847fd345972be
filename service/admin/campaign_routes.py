"""Routes of promo codes and bulk grants."""

from typing import Any

from flask import Blueprint, Response
from marshmallow import Schema

from service.admin.campaign_schemas import (
    BulkPageSchema,
    BulkRequestSchema,
    ChangedBulkGrantSchema,
    ChangedPromoSchema,
    FailurePageSchema,
    MadePromoSchema,
    ProgressSchema,
    PromoPageSchema,
    PromoRequestSchema,
    bulk_body,
    failure_body,
    new_bulk_grant,
    new_promo,
    progress_body,
    promo_body,
)
from service.admin.campaigns import (
    Campaigns,
    ChangedBulkGrant,
    bulk_facts,
    promo_facts,
)
from service.admin.entities import CampaignAmountTooLarge
from service.admin.routes import ACTION_ERRORS, ACTION_HEADERS, action_of, performed_response
from service.admin.schemas import ActionSchema, RecordPageSchema
from service.bulk_grants.entities import (
    BudgetTooSmall,
    BulkGrantEnded,
    BulkGrantInvalid,
    UnknownBulkGrant,
)
from service.bulk_grants.operations import BulkGrants
from service.core.errors import FareboxError
from service.core.principal import Operator
from service.promo_codes.entities import (
    PromoExists,
    PromoInvalid,
    PromoRevoked,
    PromoTextUnusable,
    UnknownPromoId,
)
from service.promo_codes.operations import PromoCodes
from service.storage.cursor import PageTokenInvalid, PageTokens
from service.storage.table import StorageUnavailable
from service.web.body import read_body, read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.idempotency_key import require_idempotency_key
from service.web.responses import success

# Five thousand ids of a hundred characters.
MAX_BULK_BODY_BYTES = 512 * 1024
_PROMOS = ("promo codes",)
_BULKS = ("bulk grants",)


def promo_codes_blueprint(
    campaigns: Campaigns, promo_codes: PromoCodes, page_tokens: PageTokens
) -> Blueprint:
    blueprint = Blueprint("admin_promo_codes", __name__)
    _add_promo_actions(blueprint, campaigns)
    page_schema = RecordPageSchema()

    @blueprint.get("/admin/promo-codes")
    @endpoint(
        _read("List promo codes", "listPromoCodes", "Newest first.", PromoPageSchema, pages=True)
    )
    def get_promo_codes(operator: Operator) -> Response:
        del operator
        query = read_query(page_schema)
        found = promo_codes.page(query["limit"], _place(page_tokens, _PROMOS, query))
        token = page_tokens.seal(_PROMOS, found.next_id) if found.next_id else None
        return success({"promos": list(map(promo_body, found.promos)), "nextToken": token})

    return blueprint


def _add_promo_actions(blueprint: Blueprint, campaigns: Campaigns) -> None:
    make_schema, revoke_schema = PromoRequestSchema(), ActionSchema()

    @blueprint.post("/admin/promo-codes")
    @endpoint(
        _action(
            "Make a promo code",
            "createPromoCode",
            "Returns the text of the code, which is stored nowhere: only the same request returns "
            "it again.",
            MadePromoSchema,
            PromoRequestSchema,
            (PromoInvalid, PromoTextUnusable, PromoExists, CampaignAmountTooLarge),
            example={"name": "Launch week", "credits": 5, "maxUses": 100, "reason": "Launch."},
        )
    )
    def post_promo_code(operator: Operator) -> Response:
        body = read_body(make_schema)
        new = new_promo(body, operator.operator_id, require_idempotency_key())
        facts = promo_facts(new)
        action = action_of(operator, "promo code", None, body, amount=new.terms.amount, facts=facts)
        made = campaigns.make_promo(action, new)
        return performed_response(made.performed, promo=promo_body(made.promo), code=made.text)

    @blueprint.post("/admin/promo-codes/<promo_id>/revoke")
    @endpoint(
        _action(
            "Revoke a promo code",
            "revokePromoCode",
            "No one can redeem it any more; what was redeemed stays.",
            ChangedPromoSchema,
            ActionSchema,
            (UnknownPromoId, PromoRevoked),
        )
    )
    def post_revoke(operator: Operator, promo_id: str) -> Response:
        facts = {"promoId": promo_id}
        action = action_of(
            operator, "revoke promo code", None, read_body(revoke_schema), facts=facts
        )
        changed = campaigns.revoke_promo(action, promo_id)
        return performed_response(changed.performed, promo=promo_body(changed.promo))


def bulk_grants_blueprint(
    campaigns: Campaigns, bulk_grants: BulkGrants, page_tokens: PageTokens
) -> Blueprint:
    blueprint = Blueprint("admin_bulk_grants", __name__)
    _add_bulk_actions(blueprint, campaigns)
    _add_bulk_reads(blueprint, bulk_grants, page_tokens)
    return blueprint


def _add_bulk_actions(blueprint: Blueprint, campaigns: Campaigns) -> None:
    start_schema, cancel_schema = BulkRequestSchema(), ActionSchema()

    @blueprint.post("/admin/bulk-grants")
    @endpoint(
        _action(
            "Grant the same credits to many users",
            "startBulkGrant",
            "The worker makes it, each user once. Without `userIds` it is for every user who has "
            "an account now. A dry run only counts.",
            ChangedBulkGrantSchema,
            BulkRequestSchema,
            (BulkGrantInvalid, BudgetTooSmall, CampaignAmountTooLarge),
            example={"name": "Outage", "credits": 2, "userIds": ["1102"], "reason": "Outage."},
            max_body_bytes=MAX_BULK_BODY_BYTES,
        )
    )
    def post_bulk_grant(operator: Operator) -> Response:
        body = read_body(start_schema)
        new = new_bulk_grant(body, operator.operator_id)
        facts, amount = bulk_facts(new), new.terms.amount
        action = action_of(operator, "bulk grant", None, body, amount=amount, facts=facts)
        return _changed(campaigns.start_bulk_grant(action, new))

    @blueprint.post("/admin/bulk-grants/<bulk_id>/cancel")
    @endpoint(
        _action(
            "Cancel a bulk grant",
            "cancelBulkGrant",
            "Nothing more is granted but for what is under way; what was granted stays.",
            ChangedBulkGrantSchema,
            ActionSchema,
            (UnknownBulkGrant, BulkGrantEnded),
        )
    )
    def post_cancel(operator: Operator, bulk_id: str) -> Response:
        facts = {"bulkId": bulk_id}
        action = action_of(
            operator, "cancel bulk grant", None, read_body(cancel_schema), facts=facts
        )
        return _changed(campaigns.cancel_bulk_grant(action, bulk_id))


def _add_bulk_reads(blueprint: Blueprint, bulk_grants: BulkGrants, page_tokens: PageTokens) -> None:
    page_schema = RecordPageSchema()

    @blueprint.get("/admin/bulk-grants")
    @endpoint(
        _read("List bulk grants", "listBulkGrants", "Newest first.", BulkPageSchema, pages=True)
    )
    def get_bulk_grants(operator: Operator) -> Response:
        del operator
        query = read_query(page_schema)
        found = bulk_grants.page(query["limit"], _place(page_tokens, _BULKS, query))
        token = page_tokens.seal(_BULKS, found.next_id) if found.next_id else None
        return success({"bulkGrants": list(map(bulk_body, found.bulks)), "nextToken": token})

    @blueprint.get("/admin/bulk-grants/<bulk_id>")
    @endpoint(
        _read(
            "Get a bulk grant",
            "getBulkGrant",
            "With how far it has come.",
            ProgressSchema,
            (UnknownBulkGrant,),
        )
    )
    def get_bulk_grant(operator: Operator, bulk_id: str) -> Response:
        del operator
        return success(progress_body(bulk_grants.progress(bulk_id)))

    @blueprint.get("/admin/bulk-grants/<bulk_id>/failures")
    @endpoint(
        _read(
            "List the users whom a bulk grant could not be made to",
            "listBulkGrantFailures",
            "An unknown bulk grant has none.",
            FailurePageSchema,
            pages=True,
        )
    )
    def get_failures(operator: Operator, bulk_id: str) -> Response:
        del operator
        query, scope = read_query(page_schema), ("bulk grant failures", bulk_id)
        found = bulk_grants.failures(bulk_id, query["limit"], _place(page_tokens, scope, query))
        token = page_tokens.seal(scope, found.next_key) if found.next_key else None
        return success({"failures": list(map(failure_body, found.failures)), "nextToken": token})


def _changed(changed: ChangedBulkGrant) -> Response:
    return performed_response(changed.performed, bulkGrant=progress_body(changed.progress))


def _place(page_tokens: PageTokens, scope: tuple[str, ...], query: dict[str, Any]) -> str:
    token = query["next_token"]
    return page_tokens.open(scope, token) if token else ""


def _action(
    summary: str,
    operation_id: str,
    description: str,
    response: type[Schema],
    body: type[Schema],
    errors: tuple[type[FareboxError], ...],
    **more: Any,
) -> Endpoint:
    return Endpoint(
        access=Access.OPERATOR,
        fresh=True,
        second_factor=True,
        summary=summary,
        operation_id=operation_id,
        description=description,
        body=body,
        response=response,
        errors=(*errors, *ACTION_ERRORS),
        headers=ACTION_HEADERS,
        **more,
    )


def _read(
    summary: str,
    operation_id: str,
    description: str,
    response: type[Schema],
    errors: tuple[type[FareboxError], ...] = (),
    *,
    pages: bool = False,
) -> Endpoint:
    paged = (PageTokenInvalid,) if pages else ()
    return Endpoint(
        access=Access.OPERATOR,
        summary=summary,
        operation_id=operation_id,
        description=description,
        query=RecordPageSchema if pages else None,
        response=response,
        errors=(*errors, *paged, StorageUnavailable),
    )
