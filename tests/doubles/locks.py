"""DynamoDB Local waits only so long for a lock, and DynamoDB does not."""

from collections.abc import Mapping

from service.storage.dynamodb import DynamoDb
from service.storage.outcomes import HttpResponse, Outcome

MAX_SENDS = 20
_TIMED_OUT = b"too long waiting for a lock"


class UntilLocked:
    """Stands at a client's wire and sends a request again while DynamoDB Local responds that it
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
