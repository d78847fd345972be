"""Stripe's errors on the wire (https://docs.stripe.com/api/errors)."""

from collections.abc import Mapping

from devstack.simulators.stripe.wire import Reply, Wire

INVALID_REQUEST, API_ERROR, CARD_ERROR = "invalid_request_error", "api_error", "card_error"
IDEMPOTENCY = "idempotency_error"

_USUAL_CODES = {409: "idempotency_key_in_use", 429: "rate_limit"}
_DOCUMENTED = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """A refusal. `reply()` is what goes over the wire."""

    def __init__(
        self,
        message: str,
        code: str | None = None,
        param: str | None = None,
        *,
        status: int = 400,
        type_: str = INVALID_REQUEST,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.error: Wire = {"message": message, "type": type_}
        if code is not None:
            self.error |= {"code": code, "doc_url": _DOCUMENTED + code.replace("_", "-")}
        if param is not None:
            self.error["param"] = param
        self.error |= more or {}

    def reply(self) -> Reply:
        return Reply(self.status, {"error": self.error})


def unknown_parameter(name: str) -> StripeError:
    return StripeError(f"Received unknown parameter: {name}", "parameter_unknown", name)


def missing_parameter(name: str) -> StripeError:
    return StripeError(f"Missing required param: {name}.", "parameter_missing", name)


def invalid(message: str, param: str, code: str | None = None) -> StripeError:
    return StripeError(message, code, param)


def missing_object(kind: str, identifier: str, param: str | None = None) -> StripeError:
    """404 for the object in the path, 400 for one that a parameter names."""
    return StripeError(
        f"No such {kind}: '{identifier}'",
        "resource_missing",
        param or "id",
        status=400 if param else 404,
    )


def unexpected_state(message: str, code: str, **more: object) -> StripeError:
    """The object's state does not permit the request."""
    return StripeError(message, code, more=more)


def usual_error(status: int, code: str | None) -> StripeError:
    """The error of a fault that is armed: with the code given, or the usual one of the status."""
    kind = API_ERROR if status >= 500 else CARD_ERROR if status == 402 else INVALID_REQUEST
    return StripeError(
        "Simulated error", code or _USUAL_CODES.get(status), status=status, type_=kind
    )
