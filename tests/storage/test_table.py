"""The door to DynamoDB says of every failure whether it may have been applied."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from gevent.event import Event

from service.core import fifo_gate
from service.core.fifo_gate import WaitedTooLong
from service.storage.codec import decode_item, encode, encode_item, whole_number
from service.storage.dynamodb import connect
from service.storage.keys import Key
from service.storage.outcomes import Applied
from service.storage.settings import CALL_WAIT_SECONDS
from service.storage.table import (
    Cancelled,
    ConditionFailed,
    MaybeApplied,
    NotApplied,
    StorageRefused,
    StorageUnavailable,
    Table,
    TableSaturated,
)
from service.storage.writes import REPLACE, Delete, Put, Update, When
from tests.faults.library.wire import Reply, Wire, refusal

ONE, TWO = Key("P", "1"), Key("P", "2")


@pytest.fixture
def table(client: Any, table_name: str) -> Table:
    return Table(connect("us-east-1", client.meta.endpoint_url, 10, 30, 4), table_name)


@pytest.fixture
def wire(table: Table) -> Wire:
    return Wire(table._client)


def test_an_item_comes_back_as_it_was_put(table: Table) -> None:
    item = {
        "text": "é",
        "number": -7,
        "flag": False,
        "list": (1, ("a",)),
        "map": {"x": 1},
        "set": frozenset({"a", "b"}),
    }
    table.write(Put(ONE, item | {"none": None, "empty": frozenset()}))
    assert table.get(ONE) == {**ONE.attributes(), **item}


def test_several_items_come_with_the_requested_attributes(table: Table) -> None:
    table.write(Put(ONE, {"status": "open", "size": 1}))
    found = table.get_many([ONE, TWO, ONE], ("status",))
    assert found == {ONE: {**ONE.attributes(), "status": "open"}}


def test_items_that_are_read_in_one_call_come_whole_or_as_none(table: Table) -> None:
    table.write(Put(ONE, {"status": "open", "size": 1}))
    found = table.get_each([ONE, TWO, ONE])
    assert found == {ONE: {**ONE.attributes(), "status": "open", "size": 1}, TWO: None}


def test_what_dynamodb_does_not_get_to_is_read_by_itself(table: Table) -> None:
    table.write(Put(ONE, {"size": 1}))
    busy: Any = Busy(table._client)
    found = Table(busy, table._name).get_each([ONE, TWO])
    assert found == {ONE: {**ONE.attributes(), "size": 1}, TWO: None}
    assert busy.calls == ["BatchGetItem", "GetItem", "GetItem"]


class Busy:
    """Gets to none of the items of a batch."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: list[str] = []

    def call(self, operation: str, parameters: Any) -> Any:
        self.calls.append(operation)
        outcome = self._client.call(operation, parameters)
        if operation != "BatchGetItem":
            return outcome
        [(name, wanted)] = parameters["RequestItems"].items()
        left = {"Responses": {name: []}, "UnprocessedKeys": {name: wanted}}
        return replace(outcome, content={**outcome.content, **left})


def test_no_more_calls_are_in_progress_than_allowed(
    client: Any, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call that finds no place in time was never sent."""
    monkeypatch.setattr("service.storage.table.CALL_WAIT_SECONDS", 0.05)
    connected = connect("us-east-1", client.meta.endpoint_url, 30, 30, 1)
    table = Table(connected, table_name, max_calls=1)
    begun, release = threading.Event(), threading.Event()

    def hold(operation: str) -> None:
        begun.set()
        release.wait(60)

    wire = Wire(table._client)
    wire.before(hold)
    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(table.get, ONE)
        assert begun.wait(60)
        with pytest.raises(TableSaturated):
            table.write(Put(ONE, {"a": 1}))
        release.set()
        assert first.result() is None
    assert wire.calls == ["GetItem"]
    assert table.get(ONE) is None, "its place is free again, and nothing was written"


def test_a_read_that_finds_no_place_in_time_does_not_queue_again(
    table: Table, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def never(wait_limit_seconds: float) -> bool:
        waits.append(wait_limit_seconds)
        raise WaitedTooLong

    monkeypatch.setattr(table._calls, "enter", never)
    with pytest.raises(TableSaturated):
        table.get(ONE)
    assert (waits, wire.calls) == ([CALL_WAIT_SECONDS], [])


def test_a_call_does_not_overtake_one_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first caller comes back for a second call before the waiter has woken."""
    threads = SimpleNamespace(Lock=threading.Lock, Event=Event)
    monkeypatch.setattr(fifo_gate, "threading", threads)
    order: list[str] = []

    def get_item(operation: str, request: Any) -> Applied:
        order.append(request["Key"]["SK"]["S"])
        gevent.sleep(0)
        return Applied({})

    client = SimpleNamespace(call=get_item)
    table = Table(client, "T", max_calls=1)  # type: ignore[arg-type]
    first = gevent.spawn(lambda: [table.get(ONE) for _ in range(3)])
    second = gevent.spawn(lambda: [table.get(TWO) for _ in range(3)])
    gevent.joinall([first, second], raise_error=True)
    assert order == ["1", "2"] * 3


@pytest.mark.parametrize("value", [1.5, float("nan"), bytearray(b"x"), [1], {1}, object()])
def test_what_has_no_exact_counterpart_cannot_be_stored(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


def test_a_number_that_is_not_whole_is_read_exactly_and_is_no_whole_number() -> None:
    read = decode_item({"n": {"N": "0.012"}, "m": {"N": "12"}})
    assert (read["n"], encode_item(read)["n"]) == (Decimal("0.012"), {"N": "0.012"})
    assert whole_number(read["m"]) == 12
    for value in (read["n"], True, "12", None, 1.0):
        with pytest.raises(ValueError, match="whole"):
            whole_number(value)


@pytest.mark.parametrize("text", ["", "x", "1,5", "--1"])
def test_what_is_no_number_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        decode_item({"n": {"N": text}})


def test_numbers_keep_every_digit() -> None:
    assert decode_item(encode_item({"n": 10**30 + 1})) == {"n": 10**30 + 1}


def test_a_put_over_something_fails_and_shows_it(table: Table) -> None:
    table.write(Put(ONE, {"by": "first"}))
    with pytest.raises(ConditionFailed) as failed:
        table.write(Put(ONE, {"by": "second"}))
    assert failed.value.item is not None
    assert failed.value.item["by"] == "first"
    assert table.get(ONE) == {**ONE.attributes(), "by": "first"}


def test_a_put_without_a_condition_replaces_what_lies_there(table: Table) -> None:
    table.write(Put(ONE, {"by": "first", "old": True}, REPLACE))
    table.transact([Put(ONE, {"by": "second"}, REPLACE), Put(TWO, {"by": "second"}, REPLACE)])
    assert table.get(ONE) == {**ONE.attributes(), "by": "second"}
    assert table.get(TWO) == {**TWO.attributes(), "by": "second"}


@pytest.mark.protocol("named-fields")
def test_an_update_changes_only_what_it_names(table: Table) -> None:
    table.write(Put(ONE, {"a": 1, "b": 2, "c": 3}))
    table.write(
        Update(
            ONE, When(equals={"a": 1, "z": None}), set={"a": 10}, remove=("b",), increment={"n": 2}
        )
    )
    assert table.get(ONE) == {**ONE.attributes(), "a": 10, "c": 3, "n": 2}


@pytest.mark.parametrize(
    "when", [When(equals={"a": 2}), When(equals={"a": None}), When(below={"a": 1})]
)
def test_an_update_whose_condition_does_not_hold_changes_nothing(table: Table, when: When) -> None:
    table.write(Put(ONE, {"a": 1}))
    with pytest.raises(ConditionFailed):
        table.write(Update(ONE, when, set={"a": 5}))
    assert table.get(ONE) == {**ONE.attributes(), "a": 1}


@pytest.mark.protocol("one-transaction")
def test_a_transaction_writes_all_or_nothing_and_says_which_was_refused(table: Table) -> None:
    table.write(Put(TWO, {"by": "first"}))
    with pytest.raises(Cancelled) as cancelled:
        table.transact([Put(ONE, {}), Put(TWO, {})])
    assert set(cancelled.value.refused) == {1}
    assert cancelled.value.refused[1] is not None
    assert table.get(ONE) is None


def test_an_item_is_taken_away_only_as_it_was_read(table: Table) -> None:
    table.write(Put(ONE, {"n": 1}))
    with pytest.raises(ConditionFailed) as refused:
        table.write(Delete(ONE, When(equals={"n": 2})))
    assert refused.value.item == {**ONE.attributes(), "n": 1}
    with pytest.raises(Cancelled):
        table.transact([Delete(ONE, When(equals={"n": 1})), Delete(TWO, When(equals={"n": 1}))])
    assert table.get(ONE) is not None
    table.transact([Delete(ONE, When(equals={"n": 1})), Put(TWO, {})])
    assert (table.get(ONE), table.get(TWO)) == (None, TWO.attributes())


def test_an_item_of_a_strange_type_does_not_spoil_the_page_of_an_audit(
    client: Any, table: Table
) -> None:
    table.write(Put(ONE, {"n": 1}))
    strange = encode_item(TWO.attributes()) | {"n": {"N": "1.5"}, "b": {"B": b"x"}}
    client.put_item(TableName=table._name, Item=strange)
    for page in (table.browse("P", "", limit=9), table.scan(segment=0, segments=1, limit=9)):
        assert [raw["n"] for raw in page.items] == [{"N": "1"}, {"N": "1.5"}]
        assert (page.after, page.units) == (None, 1.0)
    assert table.browse("P", "2", limit=1).after == TWO


@pytest.mark.protocol("fresh-token")
def test_every_transaction_has_a_token_of_its_own(table: Table, wire: Wire) -> None:
    tokens: list[str] = []
    wire.instead(lambda operation, request: tokens.append(request["ClientRequestToken"]))
    table.transact([Put(ONE, {})])
    with pytest.raises(Cancelled):
        table.transact([Put(ONE, {})])
    assert len(set(tokens)) == 2
    assert all(len(token) == 36 for token in tokens)


@pytest.mark.parametrize("fault", ["throttle", "unreachable"])
@pytest.mark.parametrize("send", ["write", "transact"])
@pytest.mark.protocol("no-hidden-retry")
def test_a_definite_failure_is_known_as_one(
    table: Table, wire: Wire, fault: str, send: str
) -> None:
    wire.plan("Write", fault)
    with pytest.raises(NotApplied):
        table.write(Put(ONE, {})) if send == "write" else table.transact([Put(ONE, {})])
    assert table.get(ONE) is None


@pytest.mark.parametrize(
    "fault", ["lost-answer", "lost-request", "internal", "foreign-applied", "foreign-lost"]
)
@pytest.mark.parametrize("send", ["write", "transact"])
@pytest.mark.protocol("lost-response")
def test_a_lost_response_may_have_been_applied(
    table: Table, wire: Wire, fault: str, send: str
) -> None:
    wire.plan("Write", fault)
    with pytest.raises(MaybeApplied):
        table.write(Put(ONE, {})) if send == "write" else table.transact([Put(ONE, {})])
    assert (table.get(ONE) is not None) is (fault in ("lost-answer", "foreign-applied"))
    assert len([call for call in wire.calls if call != "GetItem"]) == 1


def test_a_conflict_is_a_definite_failure(table: Table, wire: Wire) -> None:
    wire.plan("TransactWriteItems", "conflict")
    with pytest.raises(NotApplied):
        table.transact([Put(ONE, {})])


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TransactionConflictException",
        "LimitExceededException",
        "ReplicatedWriteConflictException",
    ],
)
def test_every_throttle_and_conflict_is_a_definite_failure(table: Table, code: str) -> None:
    responds(table, lambda: refusal(400, code))
    for send in (lambda: table.write(Put(ONE, {})), lambda: table.transact([Put(ONE, {})])):
        with pytest.raises(NotApplied):
            send()


@pytest.mark.parametrize(
    "codes",
    [
        ["None", "TransactionConflict"],
        ["ConditionalCheckFailed", "TransactionConflict"],
        ["ThrottlingError", "ConditionalCheckFailed"],
        ["ProvisionedThroughputExceeded", "TransactionConflict"],
        ["None", "None"],
        [],
    ],
)
def test_a_transaction_that_others_cancelled_is_a_definite_failure(
    table: Table, codes: list[str]
) -> None:
    """A condition that failed next to a conflict is no result: others were writing."""
    reasons = [{"Code": code} for code in codes]
    responds(
        table, lambda: refusal(400, "TransactionCanceledException", CancellationReasons=reasons)
    )
    with pytest.raises(NotApplied):
        table.transact([Put(ONE, {})])
    with pytest.raises(NotApplied):
        table.get_together([ONE])


def responds(table: Table, response: Callable[[], Reply]) -> None:
    """From now on, DynamoDB responds so to every request."""
    Wire(table._client).instead(lambda operation, request: response())


@pytest.mark.parametrize("fault", ["throttle", "lost-request", "unreachable", "internal"])
def test_a_read_is_tried_twice(table: Table, wire: Wire, fault: str) -> None:
    wire.plan("GetItem", fault)
    assert table.get(ONE) is None
    wire.plan("GetItem", fault, times=2)
    with pytest.raises(StorageUnavailable):
        table.get(ONE)


def test_a_missing_table_is_refused_and_not_ready(client: Any) -> None:
    table = Table(connect("us-east-1", client.meta.endpoint_url, 1, 5, 4), "NoSuchTable")
    assert not table.ready()
    with pytest.raises(StorageRefused):
        table.get(ONE)
    with pytest.raises(StorageRefused):
        table.transact([Put(ONE, {})])


def test_an_unreachable_table_is_not_ready() -> None:
    assert not Table(connect("us-east-1", "http://127.0.0.1:1", 1, 1, 1), "T").ready()


def test_several_items_are_read_at_one_moment_in_the_order_of_the_request(table: Table) -> None:
    table.write(Put(TWO, {"n": 2}))
    assert table.get_together([ONE, TWO]) == (None, {**TWO.attributes(), "n": 2})


def test_a_list_goes_on_where_it_ended(table: Table) -> None:
    for number in range(5):
        table.write(Put(Key("P", f"A#{number}"), {}))
    table.write(Put(Key("P", "B#0"), {}))
    first = table.query("P", "A#", limit=3)
    assert first.more
    second = table.query("P", "A#", limit=3, after=str(first.items[-1]["SK"]))
    assert [item["SK"] for item in first.items + second.items] == [
        f"A#{number}" for number in range(5)
    ]
    backwards = table.query("P", "A#", limit=2, ascending=False, after="A#~")
    assert [item["SK"] for item in backwards.items] == ["A#4", "A#3"]


@pytest.mark.parametrize("writes", [[], [Put(Key("P", str(n)), {}) for n in range(101)]])
def test_a_transaction_keeps_to_what_dynamodb_takes(table: Table, writes: list[Put]) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        table.transact(writes)
