"""An operator's action of which a restore leaves out some items: mended, or left to a person."""

from itertools import combinations

import pytest

from service.ledger.entities import EntryKind
from tests.admin.admin_api import AdminApi
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.repair.torn import Recorder

BODY = {"amount": -1, "reason": "Granted by mistake."}


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """Over a table in memory; `test_repair` repairs DynamoDB Local."""
    return ServiceHarness(memory, memory.name, max_users=1000)


def test_a_torn_correction_is_named_by_the_audit_and_never_made_up_by_the_repair(
    world: ServiceHarness,
) -> None:
    """A record says who did what and why, which nothing else proves. So every tear is found; the
    repair takes no entry back and writes none: it mends a wallet whose log is whole, and leaves
    the others to a person."""
    recorder, api, number = Recorder(world), AdminApi(world), 0
    ways: list[tuple[int, ...]] | None = None
    while ways is None or number < len(ways):
        user_id = f"user-{number}"
        world.submit(user_id, device=user_id)
        status, _ = api.post(f"/admin/users/{user_id}/adjustments", BODY)
        assert status == 200
        images = {
            place: image
            for place, image in recorder.images().items()
            if not place[1].startswith("OUTBOX#")  # Once it is sent, nothing is left of an event.
        }
        places = sorted(images)
        indexes = range(len(places))
        ways = ways or [part for size in indexes[1:] for part in combinations(indexes, size)]
        recorder.leave(images, {places[index] for index in ways[number]})
        number += 1
    torn = {f"USER#user-{place}" for place in range(number)}
    assert {each.item.partition("/")[0] for each in world.audit().violations} >= torn
    before = {user_id: kinds_of(world, user_id) for user_id in map(user_of, torn)}
    left = {each.item.partition("/")[0] for each in world.repair.run(apply=True).left}
    assert {each.item.partition("/")[0] for each in world.audit().violations} <= left
    for user_id, kinds in before.items():
        assert kinds_of(world, user_id) == kinds


def user_of(pk: str) -> str:
    return pk.removeprefix("USER#")


def kinds_of(world: ServiceHarness, user_id: str) -> list[EntryKind]:
    return [entry.kind for entry in world.ledger.entries(user_id)]
