"""The errors of billing. Pure."""

from service.core.errors import NotFound, Unavailable


class BillingNotConfigured(NotFound):
    code = "BILLING_NOT_CONFIGURED"
    summary = "Nothing is sold here: no payment provider is configured."
    advice = "An operator has to set STRIPE_SECRETS_SECRET_NAME (docs/billing.md)."


class StripeUnavailable(Unavailable):
    """Stripe did not respond, or not as documented. What a POST has done is unknown: it is repeated
    with the same idempotency key, never with another."""

    code = "PAYMENT_PROVIDER_UNAVAILABLE"
    summary = "The payment provider does not respond right now."
    retry_after = 5
    advice = (
        "Send the request again with the same Idempotency-Key: it goes on where the first one "
        "stopped, and nothing is paid twice."
    )


class StripeRefused(Unavailable):
    """Stripe refuses a request of ours. Its message goes to the log, never to a client."""

    code = "PAYMENT_PROVIDER_REFUSED"
    summary = "The payment provider refused the request."
    retry_after = 60
    advice = "An operator has to look at the log: the refusal stands in `stripe_refused`."

    def __init__(
        self, *, kind: str, status: int, reason: str, param: str = "", payment_intent_id: str = ""
    ) -> None:
        """`kind` is Stripe's type of error, `reason` its code or, of a declined card, the decline
        code."""
        super().__init__()
        self.kind = kind
        self.status = status
        self.reason = reason
        self.param = param
        self.payment_intent_id = payment_intent_id

    @property
    def is_missing(self) -> bool:
        """Whether the object does not exist (any more)."""
        return self.reason == "resource_missing"
