"""The audit is clean while results are written, and names every damage done to them."""

from typing import Any

import pytest

from service.results import keys
from service.results.checks import UNSEALED
from service.results.entities import Owner, Verdict
from service.storage.codec import Item
from service.storage.keys import Key, user_item
from service.storage.table import StorageUnavailable
from service.storage.writes import REPLACE, Delete, Update, When
from tests.results.conftest import LARGE, SMALL, VERDICT, World


def edit(world: World, key: Key, **change: Any) -> None:
    world.table.write(Update(key, When(), set=change))


def chunk(world: World, place: int) -> Key:
    sk = world.keys(keys.CHUNK_PREFIX)[place]
    job_id = next(
        item["PK"]["S"] for item in world.behind.items() if item["SK"]["S"] == sk
    ).removeprefix("RESULT#")
    return keys.chunk(job_id, sk.split("#")[1], place)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_result_is_proved(world: World, content: dict[str, Any]) -> None:
    world.job_with_result(content)
    assert world.violations() == []
    world.sweep()
    assert world.violations() == []


@pytest.mark.parametrize("skip", range(5))
def test_what_is_being_written_is_no_violation(world: World, skip: int) -> None:
    job_id = world.harness.submit().job.job_id
    wire = world.wire()
    wire.plan("PutItem", "lost-request", skip=skip, times=9)
    with pytest.raises(StorageUnavailable):
        world.results.store(Owner("ann", "ann", job_id), VERDICT, LARGE)
    wire.leave()
    assert world.violations() == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"verdict": {"usage": {"seconds": 1}}}, UNSEALED),
        ({"mac": "x"}, UNSEALED),
        ({"attempt": 1, "digest": "0"}, UNSEALED),
        ({"erasedAt": "2026-11-29T00:00:00.000Z"}, UNSEALED),
        ({"verdict": {"usage": {"seconds": -1}}}, "cannot be read"),
        ({"createdAt": "yesterday"}, "cannot be read"),
        ({"chunks": 99}, "more chunks"),
        ({"chunks": 1}, "belongs in chunks"),
        ({"chunks": 1}, "names chunks that do not exist"),
    ],
)
def test_an_edited_head_is_named(world: World, change: Item, what: str) -> None:
    job_id = world.job_with_result()
    edit(world, keys.head("ann", job_id), **change)
    assert any(what in each for each in world.violations())


def test_a_result_without_its_job_is_named(world: World) -> None:
    world.harness.submit()
    world.results.store(Owner("ann", "ann", "job_0"), VERDICT, SMALL)
    assert world.violations() == ["belongs to job job_0, which does not exist"]


def test_a_charge_that_the_verdict_does_not_allow_is_named(world: World) -> None:
    job_id = world.job_with_result(verdict=Verdict(None, "INTERRUPTED"))
    assert world.violations() == []
    edit(world, user_item("ann", f"JOB#{job_id}"), captured=1)
    assert "says that nothing is charged, and its job was" in world.violations()


def test_missing_chunks_are_named(world: World) -> None:
    world.job_with_result(LARGE)
    world.sweep()
    world.table.write(Delete(chunk(world, 0), REPLACE))
    assert world.violations() == ["has 2 parts, its head names 3"]


def test_a_result_whose_chunks_are_all_gone_is_named(world: World) -> None:
    job_id = world.job_with_result(LARGE)
    world.sweep()
    for key in [chunk(world, place) for place in range(3)]:
        world.table.write(Delete(key, REPLACE))
    assert world.violations() == ["names chunks that do not exist"]
    assert job_id


def test_chunks_without_a_head_are_named(world: World) -> None:
    job_id = world.job_with_result(LARGE)
    world.sweep()
    world.table.write(Delete(keys.head("ann", job_id), REPLACE))
    assert world.violations() == ["belongs to no result"]


def test_an_edited_record_and_an_edited_chunk_are_named(world: World) -> None:
    world.job_with_result(LARGE)
    attempt = world.keys(keys.UNFINISHED_PREFIX)[0].split("#")[1]
    place = chunk(world, 0)
    edit(world, place, part="text")
    edit(world, keys.unfinished(keys.job_of(place), attempt), GSI2PK="DUE#RESULT#9")
    assert set(world.violations()) == {
        "is no part of a result",
        "its index attributes are not those of its shard and time",
    }
