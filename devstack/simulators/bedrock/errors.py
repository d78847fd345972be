"""Bedrock's errors: the name is in the header `x-amzn-ErrorType`, the body has a message only
(https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html)."""

from types import MappingProxyType

from werkzeug.wrappers import Response

from devstack.simulators.wire import json_response

# name -> (HTTP status, message).
CODES = MappingProxyType(
    {
        "ValidationException": (400, "The provided request is not valid"),
        "ServiceQuotaExceededException": (400, "Your request exceeds the service quota."),
        "AccessDeniedException": (
            403,
            "You don't have access to the model with the specified model ID.",
        ),
        "ExpiredTokenException": (403, "The security token included in the request is expired"),
        "InvalidSignatureException": (
            403,
            "The request signature we calculated does not match the signature you provided.",
        ),
        "MissingAuthenticationTokenException": (403, "Missing Authentication Token"),
        "UnrecognizedClientException": (
            403,
            "The security token included in the request is invalid.",
        ),
        "ResourceNotFoundException": (404, "Could not resolve the foundation model."),
        "ModelTimeoutException": (408, "The model took too long to process the request."),
        "ModelErrorException": (424, "The model returned an error."),
        "ModelStreamErrorException": (424, "The model returned an error while streaming."),
        "ThrottlingException": (429, "Too many tokens, please wait before trying again."),
        "ModelNotReadyException": (429, "The model is not ready for inference yet."),
        "InternalServerException": (500, "The server encountered an internal error."),
        "ServiceUnavailableException": (503, "The service isn't currently available."),
    }
)
TOO_LONG = "Input is too long for requested model."
_USUAL = MappingProxyType(
    {
        400: "ValidationException",
        403: "AccessDeniedException",
        404: "ResourceNotFoundException",
        408: "ModelTimeoutException",
        424: "ModelErrorException",
        429: "ThrottlingException",
        500: "InternalServerException",
        503: "ServiceUnavailableException",
    }
)


class BedrockError(Exception):
    """Refuses the request; `message` replaces the one in the table."""

    def __init__(self, name: str, message: str = "", status: int | None = None) -> None:
        known_status, text = CODES.get(name, (500, "Simulated error"))
        super().__init__(message or text)
        self.name = name
        self.status = status or known_status

    def response(self) -> Response:
        headers = {"x-amzn-ErrorType": f"{self.name}:http://internal.amazon.com/coral/simulated/"}
        return json_response({"message": str(self)}, self.status, headers)


def error_response(status: int, code: str | None) -> Response:
    """An error with any HTTP status and name; without a name, the usual one for the status.
    `TooLong` is the validation's, with its message."""
    if code == "TooLong":
        return BedrockError("ValidationException", TOO_LONG, status).response()
    return BedrockError(code or _USUAL.get(status, "UnknownException"), "", status).response()


def event_error(code: str | None) -> BedrockError:
    """The exception inside of a stream; `TooLong` as above."""
    if code == "TooLong":
        return BedrockError("ValidationException", TOO_LONG)
    return BedrockError(code or "InternalServerException")
