"""The operators' log: a chain for each subject, whose every change the audit names."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from service.admin import keys
from service.admin.entities import Action, ActionKeyReused, LogDamaged
from service.admin.log import OperatorLog
from service.core.principal import Operator, OperatorMethod
from service.storage.codec import decode_item
from service.storage.cursor import PageTokenInvalid
from service.storage.keys import Key
from service.storage.table import Cancelled
from tests.admin.actions import DESK, action, record, snapshot_for
from tests.doubles.service_harness import ServiceHarness

SUBJECTS = ["ann", None]


def log_of(world: ServiceHarness) -> OperatorLog:
    return world.parts.get(OperatorLog)


def three(world: ServiceHarness, subject: str | None) -> list[Action]:
    """Three recorded actions of a subject."""
    world.submit("ann")
    done = [
        action(
            subject=subject,
            idempotency_key=f"key-{number}",
            amount=1500 if number else None,
            is_private=subject is not None and number == 1,
        )
        for number in range(3)
    ]
    for each in done:
        record(world, each, {"version": each.idempotency_key})
    return done


def raw(world: ServiceHarness, key: Key) -> dict[str, Any]:
    found = world.client.get_item(
        TableName=world.table._name,
        Key={"PK": {"S": key.pk}, "SK": {"S": key.sk}},
        ConsistentRead=True,
    )
    item: dict[str, Any] = found["Item"]
    return item


def put(world: ServiceHarness, item: dict[str, Any]) -> None:
    world.client.put_item(TableName=world.table._name, Item=item)


def delete(world: ServiceHarness, key: Key) -> None:
    world.client.delete_item(
        TableName=world.table._name, Key={"PK": {"S": key.pk}, "SK": {"S": key.sk}}
    )


def found(world: ServiceHarness) -> set[str]:
    """The items that the audit names."""
    return {violation.item for violation in world.audit().violations}


def log_items(subject: str | None) -> list[Key]:
    numbers = range(1, 4)
    uses = [keys.use(subject, DESK.operator_id, f"key-{number}") for number in range(3)]
    return [*(keys.record(subject, number) for number in numbers), *uses, keys.head(subject)]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_was_done_is_listed_newest_first_and_the_audit_is_clean(
    world: ServiceHarness, subject: str | None
) -> None:
    done = three(world, subject)
    page = log_of(world).page(subject, 50, None)
    assert [each.idempotency_key for each in page.records] == ["key-2", "key-1", "key-0"]
    newest = page.records[0]
    assert (newest.number, newest.operator_id, newest.method) == (3, "key:desk", "signature")
    assert (newest.amount, newest.reason, newest.request_id) == (1500, "for a test", "req_1")
    assert newest.details == {"version": "key-2"}
    assert page.next_token is None
    assert found(world) == set()
    assert log_of(world).recorded(snapshot_for(world, done[1]), done[1]) == 2
    assert log_of(world).read(subject, 2) == page.records[1]


def test_pages_follow_each_other_without_an_empty_one(world: ServiceHarness) -> None:
    three(world, "ann")
    log = log_of(world)
    first = log.page("ann", 2, None)
    second = log.page("ann", 2, first.next_token)
    assert [len(first.records), len(second.records)] == [2, 1]
    assert second.next_token is None
    assert log.page("ann", 3, None).next_token is None
    with pytest.raises(PageTokenInvalid):
        log.page("bob", 2, first.next_token)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_key_stands_for_one_action_of_one_operator(
    world: ServiceHarness, subject: str | None
) -> None:
    (first, *_) = three(world, subject)
    log = log_of(world)
    again = replace(first, request_id="req_2")
    assert log.recorded(snapshot_for(world, again), again) == 1
    for changed in (
        replace(first, amount=1),
        replace(first, name="blame"),
        replace(first, reason="for another"),
        replace(first, facts={"lotId": "lot_1"}),
    ):
        with pytest.raises(ActionKeyReused):
            log.recorded(snapshot_for(world, changed), changed)
    other = replace(first, operator=Operator("key:other", OperatorMethod.SIGNATURE, 0))
    assert log.recorded(snapshot_for(world, other), other) is None


def test_two_records_never_take_the_same_place(world: ServiceHarness) -> None:
    one, two = action(idempotency_key="one"), action(idempotency_key="two")
    snapshots = [snapshot_for(world, each) for each in (one, two)]
    now = world.clock.now()
    first, second = (
        [each.write for each in log_of(world).record_writes(snapshot, wanted, now)]
        for snapshot, wanted in zip(snapshots, (one, two), strict=True)
    )
    world.table.transact(first)
    with pytest.raises(Cancelled):
        world.table.transact(second)
    assert len(log_of(world).page("ann", 50, None).records) == 1


def test_operators_who_act_on_two_users_write_no_item_in_common(world: ServiceHarness) -> None:
    written = []
    for user_id in ("ann", "bob"):
        wanted = action(subject=user_id)
        writes = log_of(world).record_writes(snapshot_for(world, wanted), wanted, 0)
        written.append({each.write.key for each in writes})
    assert written[0].isdisjoint(written[1])


def other_value(value: dict[str, Any]) -> dict[str, Any]:
    (kind, content), *_ = value.items()
    match kind:
        case "N":
            return {"N": str(int(float(content)) + 1)}
        case "M":
            return {"M": {**content, "more": {"S": "x"}}}
        case "B":
            return {"B": content[4:]}
        case _ if content.endswith("Z"):
            return {"S": "2020-01-01T00:00:00.000Z"}
    return {"S": f"{content}x"}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_each_attribute_that_was_changed_or_removed_is_named(
    world: ServiceHarness, subject: str | None
) -> None:
    three(world, subject)
    for key in log_items(subject):
        item = raw(world, key)
        for name in item.keys() - {"PK", "SK"}:
            put(world, {**item, name: other_value(item[name])})
            assert found(world), f"{key}: {name} changed"
            put(world, {each: item[each] for each in item if each != name})
            assert found(world), f"{key}: {name} removed"
        put(world, item)
    assert found(world) == set()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_each_item_that_was_removed_is_named(world: ServiceHarness, subject: str | None) -> None:
    three(world, subject)
    for key in log_items(subject):
        item = raw(world, key)
        delete(world, key)
        named = found(world)
        assert named, f"{key} removed"
        assert str(key) in named or key == keys.head(subject)
        put(world, item)
    assert found(world) == set()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_records_that_changed_places_are_named(world: ServiceHarness, subject: str | None) -> None:
    three(world, subject)
    for one, other in itertools.combinations(range(1, 4), 2):
        places = keys.record(subject, one), keys.record(subject, other)
        items = [raw(world, place) for place in places]
        put(world, {**items[0], "SK": {"S": places[1].sk}})
        put(world, {**items[1], "SK": {"S": places[0].sk}})
        assert set(map(str, places)) <= found(world)
        for item in items:
            put(world, item)
    assert found(world) == set()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_record_of_another_history_does_not_fit_into_this_one(
    world: ServiceHarness, subject: str | None
) -> None:
    """A restore took the log back to its first record, and another second one was written, which is
    as genuine: only the record after it shows that it belongs elsewhere."""
    world.submit("ann")
    done = [action(subject=subject, idempotency_key=f"key-{number}") for number in range(3)]
    record(world, done[0])
    head_of_one = raw(world, keys.head(subject))
    for each in done[1:]:
        record(world, each)
    items = {key: raw(world, key) for key in log_items(subject)}
    for key in items.keys() - {keys.record(subject, 1)}:
        delete(world, key)
    put(world, head_of_one)
    record(world, replace(done[1], reason="Another history."))
    other = raw(world, keys.record(subject, 2))
    for item in items.values():
        put(world, item)
    put(world, other)
    assert found(world) == {str(keys.record(subject, 3))}


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("number", ["000000000004", "4", "x"])
def test_a_record_that_was_inserted_is_named(
    world: ServiceHarness, subject: str | None, number: str
) -> None:
    three(world, subject)
    item = raw(world, keys.record(subject, 3))
    sort_key = f"{keys.RECORD_PREFIX}{number}"
    put(world, {**item, "SK": {"S": sort_key}})
    assert str(keys.item(subject, sort_key)) in found(world)


def test_a_log_that_was_moved_to_another_user_is_named(world: ServiceHarness) -> None:
    three(world, "ann")
    world.submit("bob", "tablet")
    for key in log_items("ann"):
        put(world, {**raw(world, key), "PK": {"S": keys.partition("bob")}})
    assert {str(keys.record("bob", number)) for number in range(1, 4)} <= found(world)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_end_of_a_log_cannot_be_cut_off_without_the_key(
    world: ServiceHarness, subject: str | None
) -> None:
    three(world, subject)
    before = raw(world, keys.record(subject, 2))
    delete(world, keys.record(subject, 3))
    head = raw(world, keys.head(subject))
    put(world, {**head, "count": {"N": "2"}, "last": before["mac"]})
    delete(world, keys.use(subject, DESK.operator_id, "key-2"))
    assert found(world) == {str(keys.head(subject))}


def test_nothing_is_added_to_a_damaged_log(world: ServiceHarness) -> None:
    three(world, "ann")
    head = raw(world, keys.head("ann"))
    for damaged in ({**head, "count": {"N": "2"}}, {**head, "count": {"S": "2"}}):
        put(world, damaged)
        with pytest.raises(LogDamaged):
            record(world, action(idempotency_key="key-9"))
    put(world, head)
    use = raw(world, keys.use("ann", DESK.operator_id, "key-1"))
    put(world, {**use, "record": {"N": "1"}})
    wanted = action(idempotency_key="key-1", amount=1500)
    with pytest.raises(LogDamaged):
        log_of(world).recorded(snapshot_for(world, wanted), wanted)
    delete(world, keys.record("ann", 2))
    with pytest.raises(LogDamaged):
        log_of(world).read("ann", 2)


def test_a_record_is_small(world: ServiceHarness) -> None:
    """1 KB in a transaction is two write units."""
    wanted = action(reason="r" * 150, idempotency_key="k" * 36, amount=1500)
    record(world, wanted, {"version": "12", "lotId": "lot_00000000000100"})
    item = decode_item(raw(world, keys.record("ann", 1)))
    assert len(str(item)) < 1024
