"""A worker's round queries every shard of every kind of due work, and in a test nearly all of them
are empty. One scan says which are not."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from service.storage.dynamodb import DynamoDb
from service.storage.outcomes import Applied, HttpResponse, Outcome
from tests.faults.library.wire import operation_of, response_with

_READS = ("Query", "Scan", "GetItem", "BatchGetItem", "TransactGetItems")


class DueEntries:
    """Stands at the wire of a client of DynamoDB Local, nearest to it: whatever counts calls or
    breaks them stands before it."""

    def __init__(self, client: DynamoDb) -> None:
        self._next = client.wire
        self._plain = DynamoDb(client.wire, client._signer)
        self._shards: set[str] | None = None
        client.wire = self

    @contextmanager
    def known(self, table: str) -> Iterator[None]:
        """Until the first write, queries of shards without an entry are not sent: a round that
        writes may add work to any of them."""
        parameters = {"TableName": table, "IndexName": "GSI2", "ProjectionExpression": "GSI2PK"}
        found = self._plain.call("Scan", parameters)
        if isinstance(found, Applied) and "LastEvaluatedKey" not in found.content:
            self._shards = {item["GSI2PK"]["S"] for item in found.content["Items"]}
        try:
            yield
        finally:
            self._shards = None

    def send(self, headers: Mapping[str, str], body: bytes) -> HttpResponse | Outcome:
        operation, shards = operation_of(headers), self._shards
        if operation not in _READS:
            self._shards = None
        elif shards is not None and operation == "Query" and self._is_empty(body, shards):
            return response_with(200, {"Items": [], "Count": 0, "ScannedCount": 0})
        return self._next.send(headers, body)

    @staticmethod
    def _is_empty(body: bytes, shards: set[str]) -> bool:
        request = json.loads(body)
        if request.get("IndexName") != "GSI2":
            return False
        texts = {value.get("S") for value in request["ExpressionAttributeValues"].values()}
        return not texts & shards
