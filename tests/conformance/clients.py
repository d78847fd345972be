"""The service's client and boto3's, each on a table of its own, with outcomes in one form."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from service.storage.dynamodb import DynamoDb, Wire
from service.storage.outcomes import (
    Applied,
    HttpResponse,
    NeverSent,
    Outcome,
    Refusal,
    Refused,
)
from tests.conformance.operations import TABLE, Request

REFUSALS_OF_BOTO3: Mapping[str, Refusal] = {
    "ConditionalCheckFailedException": Refusal.CONDITION,
    "TransactionCanceledException": Refusal.CANCELLED,
    "IdempotentParameterMismatchException": Refusal.MALFORMED,
    "ResourceNotFoundException": Refusal.DENIED,
    "SerializationException": Refusal.MALFORMED,
    "ValidationException": Refusal.MALFORMED,
}
"""What the service must make of each `ClientError` that DynamoDB Local causes. A code that is not
here fails the comparison: somebody has to decide about it."""

_NO_RETRIES = Config(
    retries={"mode": "standard", "total_max_attempts": 1}, parameter_validation=False
)
# The service has no use for them, and boto3 drops what its model does not know.
_ERROR_FIELDS = ("Item", "CancellationReasons")


@dataclass(frozen=True)
class Verdict:
    """What became of a request. `kind` is `APPLIED`, `POSSIBLY_APPLIED` or the name of a refusal;
    `content` is the response, or what an error carries besides code and message."""

    kind: str
    status: int
    code: str
    message: str
    content: Any


class Client(Protocol):
    def send(self, request: Request) -> Verdict: ...


class OurClient:
    """The service's own."""

    def __init__(self, client: DynamoDb, table_name: str) -> None:
        self.recorder = Recorder(client)
        self._client = client
        self._table_name = table_name

    def send(self, request: Request) -> Verdict:
        outcome, response = self.outcome(request), self.recorder.response
        if isinstance(outcome, NeverSent) or not isinstance(response, HttpResponse):
            raise AssertionError(f"no response: {outcome}, {response}")
        return without_table(_verdict(outcome, response), self._table_name)

    def outcome(self, request: Request) -> Outcome:
        """What the service gets to know of it."""
        parameters = on_table(request.parameters, self._table_name)
        return self._client.call(request.operation, parameters)


class Recorder:
    """Stands before a client's wire and keeps the latest response: an outcome has no status."""

    def __init__(self, client: DynamoDb) -> None:
        self.wire: Wire = client.wire
        client.wire = self
        self.response: HttpResponse | Outcome | None = None

    def send(self, headers: Mapping[str, str], body: bytes) -> HttpResponse | Outcome:
        self.response = self.wire.send(headers, body)
        return self.response


def _verdict(outcome: Outcome, response: HttpResponse) -> Verdict:
    content = json.loads(response.body)
    match outcome:
        case Applied():
            return Verdict("APPLIED", response.status, "", "", outcome.content)
        case Refused():
            carried = _carried(outcome.content)
            message = str(content.get("message", content.get("Message", "")))
            return Verdict(outcome.refusal.name, response.status, outcome.code, message, carried)
    code = str(content.get("__type", "")).rpartition("#")[2]
    message = str(content.get("message", content.get("Message", "")))
    return Verdict("POSSIBLY_APPLIED", response.status, code, message, _carried(content))


class Boto3Client:
    """boto3's, without retries and without checks of its own."""

    def __init__(self, url: str, table_name: str) -> None:
        self._client: Any = boto3.client(
            "dynamodb", endpoint_url=url, region_name="us-east-1", config=_NO_RETRIES
        )
        self._table_name = table_name

    def send(self, request: Request) -> Verdict:
        parameters = _with_bytes(on_table(request.parameters, self._table_name))
        method = re.sub(r"(?<!^)([A-Z])", r"_\1", request.operation).lower()
        try:
            content = getattr(self._client, method)(**parameters)
        except ClientError as error:
            found = verdict_of(error)
        else:
            status = content.pop("ResponseMetadata")["HTTPStatusCode"]
            found = Verdict("APPLIED", status, "", "", _without_bytes(content))
        return without_table(found, self._table_name)


def verdict_of(error: ClientError) -> Verdict:
    """What the service must make of an error of boto3.

    Only a 4xx with one of the codes of `REFUSALS_OF_BOTO3` is a refusal; after a 5xx, a write may
    have been applied. Raises `AssertionError` for a 4xx with another code."""
    response: Any = error.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    code = response["Error"]["Code"]
    kind = "POSSIBLY_APPLIED"
    if status < 500:
        assert code in REFUSALS_OF_BOTO3, f"an error that no one has classified: {error}"
        kind = REFUSALS_OF_BOTO3[code].name
    message = response["Error"]["Message"]
    return Verdict(kind, status, code, message, _carried(_without_bytes(response)))


def _carried(content: Mapping[str, Any]) -> Any:
    return {name: content[name] for name in _ERROR_FIELDS if name in content}


def on_table(parameters: Any, table_name: str) -> Any:
    """The parameters with the table's real name, in tokens too."""
    return _mapped(parameters, lambda value: value.replace(TABLE, table_name))


def without_table(verdict: Verdict, table_name: str) -> Verdict:
    def renamed(value: Any) -> Any:
        return TABLE if value == table_name else value

    return Verdict(
        verdict.kind,
        verdict.status,
        verdict.code,
        verdict.message.replace(table_name, TABLE),
        _mapped(verdict.content, renamed),
    )


def _with_bytes(parameters: Any) -> Any:
    """Binary values as boto3 takes them."""
    return _binary(parameters, b64decode)


def _without_bytes(content: Any) -> Any:
    return _binary(content, lambda value: b64encode(value).decode())


def _binary(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, list | tuple):
        return [_binary(part, change) for part in value]
    if not isinstance(value, Mapping):
        return value
    if value.keys() == {"B"} and not isinstance(value["B"], Mapping):
        return {"B": change(value["B"])}
    if value.keys() == {"BS"} and isinstance(value["BS"], list):
        return {"BS": [change(part) for part in value["BS"]]}
    return {name: _binary(part, change) for name, part in value.items()}


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with every text changed, keys too."""
    if isinstance(value, Mapping):
        return {change(name): _mapped(part, change) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(part, change) for part in value]
    return change(value) if isinstance(value, str) else value
