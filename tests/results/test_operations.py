"""A result is there whole or not at all, whoever writes it, and whatever fails meanwhile."""

from typing import Any

import pytest

from service.results import keys
from service.results.entities import MAX_CONTENT_BYTES, Owner, ResultTooLarge, Verdict
from service.storage.data_keys import DataErased, DataUnreadable
from service.storage.keys import Key
from service.storage.table import StorageUnavailable
from service.storage.writes import Update, When
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Bill, Meter
from tests.doubles.raw_client import RawClient
from tests.results.conftest import LARGE, OWNER, SMALL, VERDICT, World

# Of `LARGE`: two hexadecimal digits become a byte.
CHUNKS, CHUNK_KILOBYTES = 3, 342
CONTENTS = pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])


@CONTENTS
def test_a_result_is_read_as_it_was_stored(world: World, content: dict[str, Any]) -> None:
    assert world.results.store(OWNER, VERDICT, content) == VERDICT
    result = world.results.read("ann", "job_1")
    assert result is not None
    assert (result.verdict, result.content) == (VERDICT, content)
    assert world.results.verdict("ann", "job_1") == VERDICT


def test_what_was_delivered_is_nowhere_in_clear(world: World) -> None:
    world.results.store(OWNER, VERDICT, {"text": "a secret of Ann's"})
    assert b"secret" not in str(world.behind.items()).encode()


def test_what_was_never_stored_is_not_there(world: World) -> None:
    assert world.results.read("ann", "job_1") is None
    assert world.results.verdict("ann", "job_1") is None
    assert not world.results.erase_content("ann", "job_1")


@CONTENTS
def test_of_two_results_of_one_job_the_first_stays(world: World, content: dict[str, Any]) -> None:
    world.results.store(OWNER, VERDICT, content)
    refused = Verdict(None, "INTERRUPTED")
    assert world.results.store(OWNER, refused, LARGE) == VERDICT
    world.sweep()
    result = world.results.read("ann", "job_1")
    assert result is not None
    assert (result.verdict, result.content) == (VERDICT, content)
    assert len(world.keys(keys.CHUNK_PREFIX)) == (CHUNKS if content is LARGE else 0)
    assert world.keys(keys.UNFINISHED_PREFIX) == []


def test_a_result_beyond_the_limit_writes_nothing(world: World) -> None:
    before = world.behind.items()
    with pytest.raises(ResultTooLarge):
        world.results.store(OWNER, VERDICT, {"text": "a" * MAX_CONTENT_BYTES})
    assert world.behind.items() == before


def test_an_erased_user_gets_no_result(world: World) -> None:
    world.results.store(OWNER, VERDICT, SMALL)
    world.data_keys.erase("ann")
    with pytest.raises(DataErased):
        world.results.store(Owner("ann", "ann", "job_2"), VERDICT, SMALL)
    result = world.results.read("ann", "job_1")
    assert result is not None
    assert result.content is None


@CONTENTS
@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "internal"])
@pytest.mark.parametrize("skip", range(5))
def test_a_write_that_fails_once_is_made_again(
    world: World, content: dict[str, Any], fault: str, skip: int
) -> None:
    world.wire().plan("PutItem", fault, skip=skip)
    assert world.results.store(OWNER, VERDICT, content) == VERDICT
    result = world.results.read("ann", "job_1")
    assert result is not None
    assert result.content == content


@pytest.mark.parametrize("skip", range(5))
def test_a_process_that_dies_leaves_no_result_and_nothing_for_ever(world: World, skip: int) -> None:
    wire = world.wire()
    wire.plan("PutItem", "lost-request", skip=skip, times=100)
    with pytest.raises(StorageUnavailable):
        world.results.store(OWNER, VERDICT, LARGE)
    wire.leave()
    assert world.results.read("ann", "job_1") is None
    world.sweep(hours=0.5)
    assert len(world.keys()) == skip
    world.sweep()
    assert world.keys() == []


def test_a_head_that_arrives_late_keeps_its_chunks(world: World) -> None:
    wire = world.wire()
    wire.plan("PutItem", "late", skip=4, times=3)
    with pytest.raises(StorageUnavailable):
        world.results.store(OWNER, VERDICT, LARGE)
    wire.deliver_late()
    world.sweep()
    result = world.results.read("ann", "job_1")
    assert result is not None
    assert result.content == LARGE


def test_a_writer_that_took_too_long_leaves_no_head(world: World) -> None:
    world.wire().before(lambda operation: world.clock.advance(30))
    with pytest.raises(StorageUnavailable):
        world.results.store(OWNER, VERDICT, LARGE)
    assert world.keys(keys.RESULT_PREFIX) == []


@CONTENTS
def test_a_removed_result_keeps_its_verdict_alone(world: World, content: dict[str, Any]) -> None:
    job_id = world.job_with_result(content)
    assert world.results.erase_content("ann", job_id)
    assert world.results.erase_content("ann", job_id)
    result = world.results.read("ann", job_id)
    assert result is not None
    assert (result.verdict, result.content) == (VERDICT, None)
    world.sweep(hours=0.1)
    assert world.keys() == [f"RESULT#{job_id}"]
    assert world.violations() == []


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
@pytest.mark.parametrize("skip", range(2))
def test_a_removal_that_breaks_off_is_finished_by_the_sweep_or_by_the_next_try(
    world: World, operation: str, skip: int
) -> None:
    job_id = world.job_with_result(LARGE)
    wire = world.wire()
    wire.plan(operation, "lost-request", skip=skip, times=5)
    if not (operation == "UpdateItem" and skip):
        with pytest.raises(StorageUnavailable):
            world.results.erase_content("ann", job_id)
    wire.leave()
    assert world.results.erase_content("ann", job_id)
    world.sweep()
    assert world.keys() == [f"RESULT#{job_id}"]


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": {"usage": {"seconds": 1}}},
        {"digest": "00"},
        {"content": b"\1" * 40},
        {"attempt": "att_other"},
        {"actor": "bob"},
        {"verdict": "text"},
    ],
)
def test_a_head_that_was_edited_is_not_believed(world: World, change: dict[str, Any]) -> None:
    job_id = world.job_with_result()
    _edit(world, keys.head("ann", job_id), change)
    with pytest.raises(DataUnreadable):
        world.results.read("ann", job_id)


def test_the_content_of_another_job_is_not_believed(world: World) -> None:
    world.results.store(OWNER, VERDICT, SMALL)
    world.results.store(Owner("ann", "ann", "job_2"), VERDICT, {"text": "other"})
    other = world.table.get(keys.head("ann", "job_2"))
    assert other is not None
    change = {name: value for name, value in other.items() if name not in ("PK", "SK")}
    _edit(world, keys.head("ann", "job_1"), change)
    with pytest.raises(DataUnreadable):
        world.results.read("ann", "job_1")


def test_a_chunk_that_was_edited_is_not_believed(world: World) -> None:
    world.results.store(OWNER, VERDICT, LARGE)
    sk = world.keys(keys.CHUNK_PREFIX)[1]
    first = keys.chunk("job_1", sk.split("#")[1], 1)
    _edit(world, first, {"part": b"x"})
    with pytest.raises(DataUnreadable):
        world.results.read("ann", "job_1")


def test_the_units_of_a_result_are_those_of_its_size(world: World) -> None:
    assert metered(world, SMALL).writes == 1
    large = metered(world, LARGE)
    # Each chunk begins a kilobyte for its key; the record, its index entry, and the head.
    assert large.writes == CHUNK_KILOBYTES + CHUNKS + 3


def metered(world: World, content: dict[str, Any]) -> Bill:
    """What storing one more result costs."""
    job_id = f"job_{len(world.keys())}"
    meter = Meter(world.client, RawClient(memory_client(world.behind)))
    with meter.watch() as bill:
        world.results.store(Owner("ann", "ann", job_id), VERDICT, content)
    return bill


def _edit(world: World, key: Key, change: dict[str, Any]) -> None:
    world.table.write(Update(key, When(), set=change))


class TestNewest:
    def test_what_is_not_wanted_is_not_opened(self, world: World) -> None:
        for number in range(3):
            world.results.store(Owner("ann", "ann", f"job_{number}"), VERDICT, LARGE)
        wire = world.wire()
        page = world.results.newest("ann", 2, "", lambda _: False)
        assert (page.results, page.next_before, wire.calls) == ([], "job_1", ["Query"])
        assert world.results.newest("ann", 2, "job_1", lambda _: False).next_before is None

    def test_a_damaged_one_is_passed_over(self, world: World) -> None:
        for number in range(3):
            world.results.store(Owner("ann", "ann", f"job_{number}"), VERDICT, SMALL)
        world.table.write(Update(keys.head("ann", "job_2"), When(), {"mac": "x"}))
        world.table.write(Update(keys.head("ann", "job_0"), When(), {"content": b"x"}))
        page = world.results.newest("ann", 3, "", lambda _: True)
        assert [job_id for job_id, _ in page.results] == ["job_1"]
