"""The route that redeems a promo code: load, call one operation, dump."""

from flask import Blueprint, Response

from service.core.principal import Principal
from service.ledger.entities import (
    AccountClosing,
    AccountRequired,
    OutcomeUnknown,
    TooManyWaiting,
    WalletFrozen,
)
from service.promo_codes.entities import (
    PromoAlreadyRedeemed,
    PromoCodeBusy,
    PromoDeviceUsed,
    PromoNotFound,
    PromoUsedUp,
)
from service.promo_codes.operations import PromoCodes
from service.promo_codes.schemas import RedeemRequestSchema, RedemptionSchema, redemption_body
from service.storage.table import StorageUnavailable
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.idempotency_key import (
    IDEMPOTENCY_HEADER,
    IdempotencyKeyMalformed,
    read_idempotency_key,
)
from service.web.responses import success

REDEEM = Endpoint(
    access=Access.USER,
    summary="Redeem a promo code",
    operation_id="redeemPromoCode",
    description="Grants the credits of the code, once. The same request again returns the "
    "redemption that was made, with `replayed: true`. Where a code can be used several times, each "
    "`Idempotency-Key` is a use of its own; without the header the request stands for the first. "
    "An unknown code and one that cannot be redeemed now have the same 404. A user without an "
    "account makes a paid request first.",
    body=RedeemRequestSchema,
    response=RedemptionSchema,
    errors=(
        IdempotencyKeyMalformed,
        AccountRequired,
        PromoDeviceUsed,
        WalletFrozen,
        AccountClosing,
        PromoNotFound,
        PromoAlreadyRedeemed,
        PromoUsedUp,
        TooManyWaiting,
        PromoCodeBusy,
        OutcomeUnknown,
        StorageUnavailable,
    ),
    example={"code": "7K3M-QX9T-2FHD-8WZA", "fingerprint": "fp-4be1a2c09d"},
    headers={
        IDEMPOTENCY_HEADER: "1 to 128 visible ASCII characters that name this use; use a UUID.",
    },
)


def promo_codes_blueprint(promo_codes: PromoCodes, redeem: Endpoint) -> Blueprint:
    """`redeem` is `REDEEM` with the limits on how often a user, and an address, may try codes."""
    blueprint = Blueprint("promo_codes", __name__)
    schema = RedeemRequestSchema()

    @blueprint.post("/credits/redeem")
    @endpoint(redeem)
    def post_redeem(principal: Principal) -> Response:
        body, key = read_body(schema), read_idempotency_key()
        redemption = promo_codes.redeem(principal, body["code"], body["fingerprint"], key)
        return success(redemption_body(redemption))

    return blueprint
