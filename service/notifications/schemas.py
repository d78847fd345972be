"""What goes in and out of the routes about notifications."""

from marshmallow import fields

from service.core.amounts import Amount, credits_number
from service.ledger.entities import MAX_CREDITS
from service.web.schemas import CreditsInput, Flag, StrictSchema, credits_field

_THRESHOLD = (
    "Notify when credits, held ones included, fall below this, and when a request is refused for "
    "lack of credits (once a day); null: never."
)


class AlertsInputSchema(StrictSchema):
    low_balance = CreditsInput(
        data_key="lowBalance",
        required=True,
        allow_none=True,
        minimum=1,
        maximum=MAX_CREDITS,
        metadata={"description": _THRESHOLD, "example": 5},
    )


class AlertsSchema(StrictSchema):
    """What the user wants to be notified of."""

    low_balance = credits_field(_THRESHOLD, example=5, data_key="lowBalance", allow_none=True)


_MAIL = (
    "Also send what you are notified of to the e-mail address that you signed up with. Mails about "
    "your account itself are always sent."
)


class PreferencesInputSchema(StrictSchema):
    mail = Flag(required=True, metadata={"description": _MAIL, "example": False})


class PreferencesSchema(StrictSchema):
    """How the user wants to be notified."""

    mail = fields.Boolean(required=True, metadata={"description": _MAIL, "example": True})


def preferences_body(mail: bool) -> dict[str, object]:
    return {"mail": mail}


def alerts_body(threshold: Amount) -> dict[str, object]:
    return {"lowBalance": credits_number(threshold) if threshold else None}
