"""Test cards and other test payment methods, and how payments with them end
(https://docs.stripe.com/testing). Bank debits are the delayed methods."""

from dataclasses import dataclass, replace

SUCCEEDED, PROCESSING, ACTION = "succeeded", "processing", "requires_action"
# Other outcomes are decline codes.
AUTHENTICATION = "authentication_required"
GENERIC = "generic_decline"
DECLINES = frozenset(
    {
        GENERIC,
        "insufficient_funds",
        "lost_card",
        "stolen_card",
        "expired_card",
        "incorrect_cvc",
        "processing_error",
        "fraudulent",
        "do_not_honor",
        "card_velocity_exceeded",
        AUTHENTICATION,
    }
)
# Of these the decline code is the error's own code; the others are `card_declined`.
_OWN_CODES = frozenset({"expired_card", "incorrect_cvc", "processing_error", AUTHENTICATION})


@dataclass(frozen=True)
class Behavior:
    """What a payment method does: `on_session` while its owner is there, `off_session` later,
    each an outcome; `refund` is `succeeded`, `pending` or `failed`; `afterwards` is what follows a
    payment: nothing, `dispute`, `inquiry` or `warning`."""

    number: str
    brand: str = "visa"
    on_session: str = SUCCEEDED
    off_session: str = SUCCEEDED
    refund: str = SUCCEEDED
    afterwards: str = ""
    type: str = "card"
    country: str = "US"


_VISA = Behavior("4242424242424242")
_CARDS = (
    _VISA,
    Behavior("5555555555554444", "mastercard"),
    Behavior("378282246310005", "amex"),
    Behavior("4000000000000002", on_session=GENERIC, off_session=GENERIC),
    Behavior("4000000000009995", on_session="insufficient_funds", off_session="insufficient_funds"),
    Behavior("4000000000000069", on_session="expired_card", off_session="expired_card"),
    Behavior("4000000000000341", off_session=GENERIC),
    Behavior("4000002500003155", on_session=ACTION),
    Behavior("4000002760003184", on_session=ACTION, off_session=AUTHENTICATION),
    Behavior("4000008260003178", on_session=ACTION, off_session="insufficient_funds"),
    Behavior("4000000000000259", afterwards="dispute"),
    Behavior("4000000000001976", afterwards="inquiry"),
    Behavior("4000000000005423", afterwards="warning"),
    Behavior("4000000000007726", refund="pending"),
    Behavior("4000000000005126", refund="failed"),
)
CARDS = {card.number: card for card in _CARDS}
# Identifiers that a request may name without creating the payment method first.
TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_refundFail": "4000000000005126",
}
DELAYED = {
    "us_bank_account": Behavior("000123456789", "", PROCESSING, PROCESSING, type="us_bank_account"),
    "sepa_debit": Behavior(
        "DE89370400440532013000", "", PROCESSING, PROCESSING, type="sepa_debit", country="DE"
    ),
}


def behavior(number: str) -> Behavior:
    """Of a card number: one of the test cards, or else any that always succeeds."""
    plain = "".join(character for character in number if character.isdigit())
    return CARDS.get(plain) or replace(_VISA, number=plain or _VISA.number)


def error_code(decline: str) -> str:
    """The code of the card error that belongs to a decline code."""
    return decline if decline in _OWN_CODES else "card_declined"
