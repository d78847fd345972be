"""DynamoDB over its JSON protocol: each request is sent once, and what became of it is a value.

`Wire` is where requests leave this process. Whatever stands in for DynamoDB stands there."""

import json
import ssl
from collections.abc import Mapping
from typing import Any, Protocol

import structlog
from botocore.config import Config
from botocore.session import Session
from urllib3 import Timeout

from service.core.clock import SystemClock
from service.outbound.exchange import Exchanges
from service.outbound.network import Network, NotConnected
from service.outbound.trust import public_roots
from service.storage.credentials import TaskCredentials
from service.storage.outcomes import (
    HttpResponse,
    NeverSent,
    Outcome,
    PossiblyApplied,
    Refusal,
    Refused,
    outcome_of,
)
from service.storage.signing import Signer

log = structlog.get_logger()

# A page has at most 1 MB of items, which are two to three as JSON, and six if they are all control
# characters. Transactions and batches can have 4 and 16 MB; the service reads a few items or single
# attributes with them. A larger response counts as lost.
MAX_RESPONSE_BYTES = 8 * 1024 * 1024


class Wire(Protocol):
    """Carries one signed request out."""

    def send(self, headers: Mapping[str, str], body: bytes) -> HttpResponse | Outcome:
        """Whoever's response came back whole and in time, or else `NeverSent` or
        `PossiblyApplied`. `x-amz-target` among the headers names the operation."""
        ...


class Signing(Protocol):
    def headers(self, operation: str, body: bytes) -> Mapping[str, str]: ...

    def set_clock(self, date: str) -> None: ...


class DynamoDb:
    """Calls operations of DynamoDB. Nothing is retried."""

    def __init__(self, wire: Wire, signer: Signing) -> None:
        self.wire = wire
        self._signer = signer

    def call(self, operation: str, parameters: Mapping[str, Any]) -> Outcome:
        """One request with the API's own parameters, values in DynamoDB's types. Raises nothing
        but for parameters that are no JSON.

        Where DynamoDB says that our clock is wrong, the requests that follow are signed with
        DynamoDB's time."""
        body = json.dumps(parameters, separators=(",", ":")).encode()
        try:
            headers = self._signer.headers(operation, body)
        except Exception as error:
            # botocore raises almost anything when it cannot refresh credentials.
            log.error("request_not_signed", error=type(error).__name__)
            return NeverSent(f"not signed: {type(error).__name__}")
        response = self.wire.send(headers, body)
        if not isinstance(response, HttpResponse):
            return response
        outcome = outcome_of(response)
        if isinstance(outcome, Refused) and outcome.refusal is Refusal.CLOCK:
            self._signer.set_clock(response.headers.get("date", ""))
        elif isinstance(outcome, PossiblyApplied) and outcome.foreign:
            log.error("foreign_response", status=response.status, fault=outcome.why)
        return outcome


class HttpWire:
    """Sends over kept connections."""

    def __init__(self, exchanges: Exchanges, wait: Timeout) -> None:
        self._exchanges = exchanges
        self._wait = wait

    def send(self, headers: Mapping[str, str], body: bytes) -> HttpResponse | Outcome:
        try:
            response = self._exchanges.post("/", headers, body, self._wait)
        except NotConnected as error:
            return NeverSent(str(error))
        except Exception as error:
            # Whatever it is, and urllib3 raises many kinds: it came after the connection.
            return PossiblyApplied(type(error).__name__)
        return HttpResponse(response.status, response.headers, response.body)


def connect(
    region: str,
    endpoint_url: str,
    connect_seconds: float,
    read_seconds: float,
    connections: int,
    tls: ssl.SSLContext | None = None,
) -> DynamoDb:
    """A client of that region, or of another address of DynamoDB, with that many kept connections.
    `tls` says whom to trust; without it, the public roots.

    `connect_seconds` limits the connection with its TLS handshake, `read_seconds` the whole
    response, however slowly it comes; a call is over before their sum."""
    url = endpoint_url or _endpoint(region)
    clock = SystemClock()  # Transfers take real time, whatever clock the service runs on.
    exchanges = Exchanges(
        Network(clock), url, tls or public_roots(), connections, MAX_RESPONSE_BYTES
    )
    wait = Timeout(total=connect_seconds + read_seconds, connect=connect_seconds, read=read_seconds)
    signer = Signer(TaskCredentials(Session(), clock), url, region, clock)
    return DynamoDb(HttpWire(exchanges, wait), signer)


def _endpoint(region: str) -> str:
    """The address of DynamoDB in a region of any partition, whatever address the environment
    names. No credentials are looked for."""
    config = Config(
        account_id_endpoint_mode="disabled",
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]
    )
    unused: Any = {"aws_access_key_id": "-", "aws_secret_access_key": "-"}
    return Session().create_client("dynamodb", region, config=config, **unused).meta.endpoint_url
