"""What goes out of the ledger routes."""

from marshmallow import fields

from service.core.amounts import credits_number
from service.core.clock import iso
from service.ledger.entities import Wallet, WalletStatus
from service.ledger.lots import Lot, LotKind
from service.web.schemas import StrictSchema, credits_field


class LotSchema(StrictSchema):
    """A batch of granted credits. Lots are spent in the order of their kinds: free first."""

    lot_id = fields.String(
        required=True,
        data_key="lotId",
        metadata={"description": "Names the lot.", "example": "lot_00000000000100"},
    )
    kind = fields.Enum(
        LotKind,
        by_value=True,
        required=True,
        metadata={"description": "What the credits came from.", "example": "free"},
    )
    credits = credits_field("What is left of it.", example=3)
    expires_at = fields.DateTime(
        required=True,
        data_key="expiresAt",
        allow_none=True,
        metadata={"description": "When the rest expires (UTC); null: never.", "example": None},
    )


class CreditsSchema(StrictSchema):
    credits = credits_field("What can be spent now.", example=3)
    held = credits_field("Set aside for open jobs.", example=0)
    lots = fields.List(
        fields.Nested(LotSchema),
        required=True,
        metadata={"description": "Where the credits came from. Their sum is `credits`."},
    )
    registered = fields.Boolean(
        required=True,
        metadata={
            "description": "False until the first request has made an account.",
            "example": True,
        },
    )


def credits_body(wallet: Wallet | None, now: int) -> dict[str, object]:
    """A wallet as its owner sees it; zeros for someone who has none."""
    if wallet is None or wallet.status is WalletStatus.CLOSED:
        return {"credits": 0, "held": 0, "lots": [], "registered": False}
    lots = [_lot_body(lot) for lot in wallet.lots if lot.spendable(now)]
    return {
        "credits": credits_number(wallet.spendable(now)),
        "held": credits_number(wallet.held),
        "lots": lots,
        "registered": True,
    }


def _lot_body(lot: Lot) -> dict[str, object]:
    expires_at = None if lot.expires_at is None else iso(lot.expires_at)
    return {
        "lotId": lot.lot_id,
        "kind": lot.kind.value,
        "credits": credits_number(lot.remaining),
        "expiresAt": expires_at,
    }
