"""What the table client reaches: DynamoDB Local, or the simulation's table, which is proved to
respond like it."""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from service.storage.dynamodb import connect
from tests.faults.library.wire import Reply, operation_of, refusal, response_with
from tests.simulation.lagging_index import Prepared
from tests.simulation.memory import MemoryTable, Rejected
from tests.simulation.server import Server

MAX_IN_A_BATCH = 25
Items = list[dict[str, Any]]


class TableBehind(Protocol):
    """Carries requests out, and is set back to where a run begins."""

    name: str

    def send(self, headers: Mapping[str, str], body: bytes) -> Reply: ...

    def items(self) -> Items: ...

    def put_back(self, items: Items) -> None:
        """Leaves exactly these items."""
        ...


class LocalTable:
    """A table of DynamoDB Local."""

    def __init__(self, client: Any, name: str) -> None:
        self.name = name
        self._client = client
        self._wire = connect("us-east-1", client.meta.endpoint_url, 1.0, 10.0, connections=8).wire

    def send(self, headers: Mapping[str, str], body: bytes) -> Reply:
        return self._wire.send(headers, body)

    def items(self) -> Items:
        found: Items = self._client.scan(TableName=self.name, ConsistentRead=True)["Items"]
        return [_converted(item, lambda raw: base64.b64encode(raw).decode()) for item in found]

    def put_back(self, items: Items) -> None:
        kept = {_place(item) for item in items}
        keys = [
            {name: item[name] for name in ("PK", "SK")}
            for item in self.items()
            if _place(item) not in kept
        ]
        requests: list[Any] = [{"DeleteRequest": {"Key": key}} for key in keys]
        put_back = (_converted(item, base64.b64decode) for item in items)
        requests += [{"PutRequest": {"Item": item}} for item in put_back]
        for batch in _batches(requests):
            response = self._client.batch_write_item(RequestItems={self.name: batch})
            assert not response["UnprocessedItems"], "the table is set back whole"


class MemoryBehind:
    """The simulation's table, behind DynamoDB's wire protocol. Threads may share it: it carries out
    one request after the other."""

    name = "Memory"

    def __init__(self, items: Items | None = None) -> None:
        self._server = served(items or [])
        self._turn = threading.Lock()

    def send(self, headers: Mapping[str, str], body: bytes) -> Reply:
        operation, request = operation_of(headers), json.loads(body)
        serve = getattr(self._server, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).lower())
        try:
            with self._turn:
                return response_with(200, serve(request) | _consumed(request))
        except Rejected as error:
            return refusal(error.status, error.code, **error.extra)

    def items(self) -> Items:
        return list(self._server.memory.items.values())

    def put_back(self, items: Items) -> None:
        self._server = served(items)


def _converted(item: dict[str, Any], binary: Callable[[Any], Any]) -> dict[str, Any]:
    """The item with its binary values converted: boto3 has bytes where the wire has base64."""

    def convert(value: dict[str, Any]) -> dict[str, Any]:
        ((kind, content),) = value.items()
        if kind == "B":
            return {kind: binary(content)}
        if kind == "M":
            return {kind: _converted(content, binary)}
        if kind == "L":
            return {kind: [convert(part) for part in content]}
        return value

    return {name: convert(value) for name, value in item.items()}


def _consumed(request: dict[str, Any]) -> dict[str, Any]:
    """A unit for each query or scan that wants to know: here a page has less than 4 KB."""
    wanted = "ReturnConsumedCapacity" in request
    return {"ConsumedCapacity": {"CapacityUnits": 1.0}} if wanted else {}


def served(items: Items) -> Server:
    """A server of a table in memory with those items."""
    memory = MemoryTable()
    for item in items:
        memory.put(Prepared(_place(item), None, item))
    return Server(memory)


def jobs_of(items: Items) -> dict[str, dict[str, Any]]:
    """By their ids."""
    jobs = (item for item in items if item["SK"]["S"].startswith("JOB#"))
    return {job["SK"]["S"].removeprefix("JOB#"): job for job in jobs}


def _batches(requests: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(requests), MAX_IN_A_BATCH):
        yield requests[start : start + MAX_IN_A_BATCH]


def _place(item: dict[str, Any]) -> tuple[str, str]:
    return item["PK"]["S"], item["SK"]["S"]
