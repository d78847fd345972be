"""A busy machine is not what a test over DynamoDB Local is about."""

from collections.abc import Mapping

from urllib3 import Timeout

from service.storage.dynamodb import DynamoDb, HttpWire
from service.storage.outcomes import HttpResponse, Outcome

MAX_SENDS = 20
_TIMED_OUT = b"too long waiting for a lock"


def without_time_outs(client: DynamoDb) -> None:
    """Neither a connection nor a response nor a lock that takes long ends a call of that client,
    whatever its settings are."""
    assert isinstance(client.wire, HttpWire)
    client.wire._wait = Timeout(total=60.0, connect=30.0, read=30.0)
    UntilLocked(client)


class UntilLocked:
    """DynamoDB Local waits only so long for a lock, and DynamoDB does not.

    Stands at a client's wire and sends a request again while DynamoDB Local responds that it
    waited too long for a lock. It has then done nothing, and says itself that DynamoDB would have:
    on a busy machine, a test of many requests would meet that instead of what it is about."""

    def __init__(self, client: DynamoDb) -> None:
        self._next = client.wire
        client.wire = self

    def send(self, headers: Mapping[str, str], body: bytes) -> HttpResponse | Outcome:
        """The first other response, or the last one."""
        for _ in range(MAX_SENDS - 1):
            response = self._next.send(headers, body)
            if not (isinstance(response, HttpResponse) and _TIMED_OUT in response.body):
                return response
        return self._next.send(headers, body)
