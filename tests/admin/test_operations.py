"""Actions that move no credit: all or nothing, and once for each idempotency key."""

from typing import Any

import pytest

from service.admin import keys
from service.admin.entities import ActionKeyReused
from service.admin.operations import TRIES, Actions
from service.core.errors import Conflict
from service.ledger.entities import OutcomeUnknown, UserNotFound
from service.ledger.operations import ConditionalWrite, Snapshot
from service.storage.keys import Key
from service.storage.table import NotApplied
from service.storage.writes import Put, Update, When
from tests.admin.actions import action, record
from tests.admin.admin_api import AdminApi
from tests.doubles.service_harness import ServiceHarness

THING = Key("SYSTEM", "THING")
SUBJECTS = ["ann", None]


class Taken(Conflict):
    """The thing is there already."""


def actions(world: ServiceHarness) -> Actions:
    return world.parts.get(Actions)


def make_thing(snapshot: Snapshot) -> list[ConditionalWrite]:
    assert snapshot.item(THING) is None
    return [ConditionalWrite(Put(THING, {"made": 1}), Taken())]


def records(world: ServiceHarness, subject: str | None) -> list[Any]:
    return [item for item in world.items() if item["PK"]["S"] == keys.partition(subject)]


def with_data_key(world: ServiceHarness, subject: str | None) -> list[Any]:
    """What stands in the partition of a subject who has something private already."""
    if subject is not None:
        world.parts.core.data_keys.seal(subject, THING, "text", "private")
    return records(world, subject)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_change_and_its_record_are_one_transaction_and_happen_once(
    world: ServiceHarness, subject: str | None
) -> None:
    wanted = action(subject=subject)
    with_data_key(world, subject)
    sealing = [] if subject is None else ["GetItem"]
    wire = world.wire()
    first = actions(world).perform(wanted, make_thing, related=[THING], outcome={"made": "it"})
    assert wire.calls == ["TransactGetItems", *sealing, "TransactWriteItems"]
    again = actions(world).perform(wanted, make_thing, related=[THING])
    assert (first.replayed, again.replayed) == (False, True)
    assert first.record == again.record
    assert first.record.details == {"made": "it"}
    assert wire.calls.count("TransactWriteItems") == 1
    with pytest.raises(ActionKeyReused):
        actions(world).perform(action(subject=subject, reason="other"))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_refusal_leaves_no_record(world: ServiceHarness, subject: str | None) -> None:
    def late(_: Snapshot) -> list[ConditionalWrite]:
        return [ConditionalWrite(Put(THING, {"made": 2}), Taken())]

    world.table.write(Put(THING, {"made": 1}))
    before = with_data_key(world, subject)
    with pytest.raises(Taken):
        actions(world).perform(action(subject=subject), late)
    assert records(world, subject) == before


def test_what_changed_meanwhile_is_read_again(world: ServiceHarness) -> None:
    world.table.write(Put(THING, {"made": 1}))
    tries = []

    def count_up(snapshot: Snapshot) -> list[ConditionalWrite]:
        made = int((snapshot.item(THING) or {})["made"])  # type: ignore[call-overload]
        tries.append(made)
        if len(tries) == 1:
            world.table.write(Update(THING, When(), set={"made": 5}))
        guard = When(equals={"made": made})
        return [ConditionalWrite(Update(THING, guard, set={"made": made + 1}))]

    actions(world).perform(action(), count_up, related=[THING])
    assert tries == [1, 5]
    assert (world.table.get(THING) or {})["made"] == 6


def test_another_record_that_comes_first_only_delays_this_one(world: ServiceHarness) -> None:
    tries = []

    def disturb(_: Snapshot) -> list[ConditionalWrite]:
        tries.append(1)
        if len(tries) == 1:
            record(world, action(idempotency_key="other"))
        return []

    assert actions(world).perform(action(), disturb).record.number == 2


def test_what_is_always_stale_ends_and_has_written_nothing(world: ServiceHarness) -> None:
    def always_late(_: Snapshot) -> list[ConditionalWrite]:
        return [ConditionalWrite(Update(THING, When(equals={"made": 1}), set={"made": 2}))]

    before = with_data_key(world, "ann")
    wire = world.wire()
    with pytest.raises(NotApplied):
        actions(world).perform(action(), always_late)
    assert wire.calls.count("TransactWriteItems") == TRIES
    assert records(world, "ann") == before


def test_after_a_lost_response_the_log_says_what_happened(world: ServiceHarness) -> None:
    wire = world.wire()
    wire.plan("TransactWriteItems", "lost-answer")
    assert actions(world).perform(action()).record.number == 1
    wire.plan("TransactWriteItems", "lost-request")
    with pytest.raises(OutcomeUnknown):
        actions(world).perform(action(idempotency_key="key-2"))
    assert actions(world).perform(action(idempotency_key="key-2")).record.number == 2


def test_a_note_is_kept_for_known_users_only(world: ServiceHarness) -> None:
    with pytest.raises(UserNotFound):
        actions(world).note(action(subject="ann"))
    assert records(world, "ann") == []
    world.submit("ann")
    assert actions(world).note(action(subject="ann", name="note")).record.name == "note"
    assert world.audit().violations == ()


def test_the_log_line_of_a_request_names_the_operator_and_the_user(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    world.submit("ann")
    AdminApi(world).get("/admin/users/ann/actions")
    [line] = [each for each in capsys.readouterr().out.splitlines() if "/actions" in each]
    assert "key:" in line
    assert "ann" in line
