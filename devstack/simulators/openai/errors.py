"""OpenAI's errors (https://platform.openai.com/docs/guides/error-codes)."""

from types import MappingProxyType

from werkzeug.wrappers import Response

from devstack.simulators.wire import json_response

INVALID = "invalid_request_error"

# code -> (HTTP status, type, message).
CODES = MappingProxyType(
    {
        "invalid_api_key": (401, INVALID, "Incorrect API key provided."),
        "unsupported_country_region_territory": (
            403,
            "request_forbidden",
            "Country, region, or territory not supported",
        ),
        "model_not_found": (404, INVALID, "The model does not exist or you do not have access."),
        "invalid_prompt": (400, INVALID, "Invalid prompt: it was flagged by our usage policy."),
        "content_policy_violation": (
            400,
            INVALID,
            "Your request was rejected by our safety system.",
        ),
        "bio_policy": (400, INVALID, "The request was rejected by our policy on biology."),
        "misalignment_policy_violation": (400, INVALID, "The request was rejected by our policy."),
        "context_length_exceeded": (
            400,
            INVALID,
            "Your input exceeds the context window of this model. Please adjust your input and try "
            "again.",
        ),
        "string_above_max_length": (400, INVALID, "Invalid 'input': string too long."),
        "rate_limit_exceeded": (429, "tokens", "Rate limit reached. Please try again in 1s."),
        "slow_down": (429, "requests", "Please reduce your request rate."),
        "insufficient_quota": (
            429,
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
        ),
        "credit_balance_exhausted": (
            429,
            "insufficient_quota",
            "Your credit balance is exhausted.",
        ),
        "organization_spend_limit_exceeded": (
            429,
            "insufficient_quota",
            "Your organization has reached its spend limit.",
        ),
        "project_spend_limit_exceeded": (
            429,
            "insufficient_quota",
            "Your project has reached its spend limit.",
        ),
        "organization_usage_limit_exceeded": (
            429,
            "insufficient_quota",
            "Your organization has reached its usage limit.",
        ),
        "server_error": (500, "server_error", "The server had an error while processing."),
        "server_overloaded": (503, "server_error", "That model is currently overloaded."),
    }
)
_USUAL = MappingProxyType(
    {
        401: "invalid_api_key",
        403: "unsupported_country_region_territory",
        404: "model_not_found",
        429: "rate_limit_exceeded",
        500: "server_error",
        503: "server_overloaded",
    }
)
_RETRY_SECONDS = MappingProxyType({429: "1", 503: "2"})


class OpenAiError(Exception):
    """Refuses the request. `param` names the parameter that is wrong."""

    def __init__(
        self, code: str | None, message: str = "", param: str | None = None, status: int = 400
    ) -> None:
        known_status, kind, text = CODES.get(code or "", (status, INVALID, "Invalid request."))
        super().__init__(message or text)
        self.code = code
        self.kind = kind
        self.status = known_status
        self.param = param

    @property
    def content(self) -> dict[str, object]:
        return {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}

    def response(self) -> Response:
        retry = _RETRY_SECONDS.get(self.status)
        headers = {"Retry-After": retry} if retry and self.kind != "insufficient_quota" else None
        return json_response({"error": self.content}, self.status, headers)


def error_response(status: int, code: str | None) -> Response:
    """An error with any HTTP status and code; without a code, the usual one for the status."""
    error = OpenAiError(code or _USUAL.get(status), status=status)
    error.status = status
    return error.response()


def event_error(code: str | None) -> OpenAiError:
    """The error inside of a stream."""
    return OpenAiError(code or "server_error")
