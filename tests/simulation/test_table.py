"""The table in memory against DynamoDB Local: the same calls, one after the other, return the same
responses and refusals."""

import json
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.storage.codec import encode_item
from service.storage.dynamodb import connect
from service.storage.keys import Key
from service.storage.outcomes import HttpResponse
from service.storage.table import Cancelled, ConditionFailed, MalformedRequest, Table
from service.storage.writes import ABSENT, REPLACE, Delete, Put, Update, When, Write
from tests.doubles.memory_client import memory_client
from tests.doubles.raw_client import RawClient
from tests.faults.enumeration.tables import MemoryBehind
from tests.faults.library.wire import Reply, operation_of
from tests.simulation.expressions import InvalidRequest, NotUnderstood, condition
from tests.simulation.memory import MAX_KEY_BYTES, MemoryTable
from tests.simulation.server import Server, outcome_of

_PARTITIONS = ("USER#ann", "USER#bob")
_SORTS = ("METADATA", "JOB#1", "JOB#2", "JOB#3")
_INDEX_SORTS = ("GSI1SK", "GSI2SK")
_NAMES = ("status", "version", "GSI1PK", "GSI1SK", "GSI2PK", "GSI2SK", "due")


class Both:
    """A wire to the model and to DynamoDB Local, which requires that they agree."""

    def __init__(self, local: Any) -> None:
        self._local = connect("us-east-1", local.meta.endpoint_url, 1.0, 10.0, 4).wire
        self._model = MemoryBehind()

    def send(self, headers: Mapping[str, str], body: bytes) -> Reply:
        ours, theirs = (wire.send(headers, body) for wire in (self._model, self._local))
        shown = _sorted if operation_of(headers) == "Scan" else _shown
        assert shown(ours) == shown(theirs), f"{operation_of(headers)} of {body!r}"
        return ours


def both_tables(local: Any, table_name: str) -> Table:
    return Table(memory_client(Both(local)), table_name)


def _shown(reply: Reply) -> Any:
    """The parts of a response or an error that the service reads."""
    assert isinstance(reply, HttpResponse), reply
    content = json.loads(reply.body)
    if reply.status != 200:
        reasons = [
            (reason.get("Code"), reason.get("Item"))
            for reason in content.get("CancellationReasons", ())
        ]
        kind = content["__type"].rpartition("#")[2]
        return kind, reply.status, content.get("Item"), reasons
    shown = {
        name: content[name] for name in ("Item", "Items", "LastEvaluatedKey") if name in content
    }
    if "Responses" in content:
        shown["Responses"] = [part.get("Item") for part in content["Responses"]]
    return shown


def _sorted(reply: Reply) -> list[Any]:
    return sorted(_shown(reply)["Items"], key=lambda item: (item["PK"]["S"], item["SK"]["S"]))


_keys = st.builds(Key, st.sampled_from(_PARTITIONS), st.sampled_from(_SORTS))
_numbers = st.integers(0, 3)
_texts = st.sampled_from(("a", "b", "c"))
_attributes = st.fixed_dictionaries(
    {},
    optional={
        "status": _texts,
        "version": _numbers,
        "lots": st.lists(st.tuples(_numbers, _texts), max_size=2).map(tuple),
        "marks": st.frozensets(_texts, min_size=1, max_size=2),
        "facts": st.dictionaries(_texts, _numbers, max_size=2),
        "open": st.booleans(),
        "GSI1PK": _texts,
        "GSI1SK": _texts,
        "GSI2PK": _texts,
        "GSI2SK": _texts,
    },
)
_conditions = st.builds(
    When,
    equals=st.dictionaries(
        st.sampled_from(_NAMES), st.none() | _numbers | _texts, min_size=1, max_size=2
    ),
    below=st.dictionaries(st.sampled_from(("version", "count")), _numbers, max_size=1),
)


def _in_one_order(key: Key, attributes: dict[str, Any]) -> dict[str, Any]:
    """The same with a sort key of each index that no other item has: how DynamoDB orders items of
    equal sort keys in an index is its own affair."""
    sort_keys = {name: f"{attributes[name]}#{key}" for name in attributes if name in _INDEX_SORTS}
    return attributes | sort_keys


_puts = st.builds(
    lambda key, attributes, when: Put(key, _in_one_order(key, attributes), when),
    _keys,
    _attributes,
    st.just(ABSENT) | _conditions,
)
_updates = st.builds(
    lambda key, when, change, remove, increment: Update(
        key,
        when,
        _in_one_order(key, change),
        tuple(name for name in remove if name not in change),
        increment,
    ),
    _keys,
    _conditions,
    _attributes,
    st.sets(st.sampled_from(_NAMES), max_size=2),
    st.dictionaries(st.just("count"), st.integers(1, 3), max_size=1),
)
_writes = _puts | _updates | st.builds(Delete, _keys, _conditions)
# An item named twice is left out: DynamoDB refuses the call, DynamoDB Local looks at the conditions
# first.
_transactions = st.lists(_writes, min_size=1, max_size=4, unique_by=lambda write: write.key)
_calls = st.one_of(
    st.tuples(st.just("get"), _keys),
    st.tuples(st.just("get_together"), st.lists(_keys, min_size=1, max_size=4, unique=True)),
    st.tuples(
        st.just("query"), st.sampled_from(_PARTITIONS), _numbers, st.booleans(), st.booleans()
    ),
    st.tuples(
        st.just("query_index"),
        st.sampled_from(("GSI1", "GSI2")),
        _texts,
        _numbers,
        st.just("") | _texts,
    ),
    st.tuples(st.just("scan")),
    st.tuples(st.just("delete"), _keys),
    st.tuples(st.just("write"), _writes),
    st.tuples(st.just("write"), _writes),
    st.tuples(st.just("transact"), _transactions),
    st.tuples(st.just("transact"), _transactions),
)


def _make(table: Table, call: tuple[Any, ...]) -> None:
    match call:
        case ("get", key):
            table.get(key)
        case ("get_together", keys):
            table.get_together(keys)
        case ("query", pk, limit, ascending, later):
            table.query(
                pk, "JOB#", limit=limit + 1, ascending=ascending, after="JOB#2" if later else ""
            )
        case ("query_index", index, pk, limit, up_to):
            table.query_index(index, pk, limit=limit + 1, up_to=up_to)
        case ("scan",):
            table.scan(segment=0, segments=1, limit=100)
        case ("delete", key):
            RawClient(table._client).delete_item(
                TableName=table._name, Key=encode_item(key.attributes())
            )
        case ("write", write):
            table.write(write)
        case ("transact", writes):
            table.transact(writes)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls=st.lists(_calls, min_size=5, max_size=25))
def test_the_same_calls_return_the_same_responses_as_dynamodb_local(
    client: Any, table_name: str, calls: list[Any]
) -> None:
    _sweep(client, table_name)
    both = both_tables(client, table_name)
    for call in calls:
        with suppress(ConditionFailed, Cancelled, MalformedRequest):
            _make(both, call)
    both.scan(segment=0, segments=1, limit=100)


def _sweep(client: Any, table_name: str) -> None:
    for item in client.scan(TableName=table_name, ConsistentRead=True)["Items"]:
        client.delete_item(TableName=table_name, Key={"PK": item["PK"], "SK": item["SK"]})


def test_a_page_says_where_it_ended_exactly_as_dynamodb_local_does(
    client: Any, table_name: str
) -> None:
    both = both_tables(client, table_name)
    writes: list[Write] = [
        Put(Key("USER#ann", f"JOB#{number}"), {"n": number}) for number in range(5)
    ]
    both.transact(writes)
    for limit in range(1, 7):
        assert len(both.query("USER#ann", "JOB#", limit=limit).items) == min(limit, 5)


@pytest.mark.parametrize("index", ["", "GSI1", "GSI2"])
@pytest.mark.parametrize(("kind", "limit"), MAX_KEY_BYTES.items())
@pytest.mark.parametrize("beyond", [0, 1])
def test_keys_are_as_long_as_dynamodb_local_allows(
    client: Any, table_name: str, index: str, kind: str, limit: int, beyond: int
) -> None:
    both = both_tables(client, table_name)
    keys = {"PK": "USER#ann", "SK": "JOB#1", "GSI1PK": "a", "GSI1SK": "b"}
    keys |= {"GSI2PK": "c", "GSI2SK": "d", index + kind: "é" * (limit // 2) + "e" * beyond}
    key = Key(keys.pop("PK"), keys.pop("SK"))
    put, is_refused = Put(key, keys, REPLACE), pytest.raises((MalformedRequest, Cancelled))
    with is_refused if beyond else nullcontext():
        both.transact([put, Delete(Key("USER#bob", "JOB#1"), REPLACE)])
    is_refused = pytest.raises(MalformedRequest)
    with is_refused if beyond else nullcontext():
        both.write(put)
    with is_refused if beyond and not index else nullcontext():
        both.get(key)


def test_a_lagging_index_shows_what_was_and_then_what_is() -> None:
    now = 0.0
    memory = MemoryTable(lambda: now, lambda: 5.0)
    server = Server(memory)
    server.put_item(_put_request("DUE#JOB#0", "1"))
    query = {
        "TableName": "T",
        "IndexName": "GSI2",
        "KeyConditionExpression": "GSI2PK = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "DUE#JOB#0"}},
        "Limit": 5,
    }
    assert server.query(query)["Items"] == []
    now = 5.0
    assert len(server.query(query)["Items"]) == 1


def _put_request(pk: str, sk: str) -> dict[str, Any]:
    item = {
        name: {"S": value}
        for name, value in {"PK": "USER#a", "SK": "JOB#1", "GSI2PK": pk, "GSI2SK": sk}.items()
    }
    return {"TableName": "T", "Item": item}


def test_items_of_a_transaction_under_way_are_locked_until_it_is_finished() -> None:
    server = Server(MemoryTable())
    batch = server.begin({"TransactItems": [{"Put": _put_request("DUE#JOB#0", "1")}]})
    second = outcome_of(server.put_item, _put_request("DUE#JOB#0", "1"))
    assert second.code == "TransactionConflictException"
    key = {"PK": {"S": "USER#a"}, "SK": {"S": "JOB#1"}}
    gets = {"TransactItems": [{"Get": {"TableName": "T", "Key": key}}]}
    assert (
        outcome_of(server.transact_get_items, gets).extra["CancellationReasons"][0]["Code"]
        == "TransactionConflict"
    )
    assert server.get_item({"TableName": "T", "Key": key, "ConsistentRead": True}) == {}
    server.finish(batch)
    assert "Item" in server.get_item({"TableName": "T", "Key": key, "ConsistentRead": True})


@pytest.mark.parametrize(
    "text",
    ["#a <> :b", "size(#a) = :b", "#a = :b)", "NOT #a = :b", "#a BETWEEN :b AND :c", "#a.b = :c"],
)
def test_an_expression_that_the_service_never_writes_is_refused(text: str) -> None:
    with pytest.raises((NotUnderstood, InvalidRequest)):
        condition(text)
