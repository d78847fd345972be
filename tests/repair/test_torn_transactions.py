"""Whatever part of a transaction a restore leaves out, the repair makes a table in which the audit
finds nothing, no credit is lost or invented, and every user can go on."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import combinations

import pytest

from service.admin.feature import ADMIN
from service.app import FEATURES
from service.core.errors import FareboxError
from service.providers.base import Indeterminate, Rejected, RejectionReason, TaskStatus
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.repair.items import items_of
from tests.repair.lives import CORRECTED, LIVES, settles
from tests.repair.mended import assert_whole, repaired, work_to_the_end
from tests.repair.torn import History, Images, Recorder


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """Over a table in memory, for thousands of torn transactions; `test_repair` repairs DynamoDB
    Local."""
    return ServiceHarness(memory, memory.name, max_users=1000)


def parts(images: Images) -> Iterator[set[tuple[str, str]]]:
    """Every choice of some of the items, but not all."""
    for size in range(len(images)):
        yield from map(set, combinations(sorted(images), size))


def torn_users(
    world: ServiceHarness, life: Callable[[ServiceHarness, str], None]
) -> dict[str, str]:
    """A user for each way in which the last transaction of that life can be torn; what is left of
    it, in words."""
    recorder, users, number = Recorder(world), dict[str, str](), 0
    ways: list[list[str]] | None = None
    while ways is None or number < len(ways):
        user_id = f"{life.__name__}-{number}"
        life(world, user_id)
        images = recorder.images()
        places = sorted(images)
        ways = ways or [[str(places.index(place)) for place in part] for part in parts(images)]
        restored = {places[int(index)] for index in ways[number]}
        recorder.leave(images, restored)
        users[user_id] = (
            ", ".join(place[1].partition("#")[0] for place in sorted(restored)) or "nothing"
        )
        number += 1
    return users


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_every_way_to_tear_the_last_transaction_is_mended(
    world: ServiceHarness, life: Callable[[ServiceHarness, str], None]
) -> None:
    assert_mended(world, life)


@pytest.mark.parametrize("life", CORRECTED, ids=lambda life: life.__name__)
def test_every_way_to_tear_a_correction_is_mended_in_the_ledger(
    memory: MemoryBehind, life: Callable[[ServiceHarness, str], None]
) -> None:
    """The ledger by itself: what becomes of the operators' log is in test_torn_log.py."""
    features = tuple(feature for feature in FEATURES if feature is not ADMIN)
    ledger_alone = ServiceHarness(memory, memory.name, max_users=1000, features=features)
    assert_mended(ledger_alone, life)


def assert_mended(world: ServiceHarness, life: Callable[[ServiceHarness, str], None]) -> None:
    users = torn_users(world, life)
    on_segment = {user_id: ended_jobs(world, user_id) for user_id in users}
    known = {
        user_id: {job["SK"]["S"] for job in items_of(world, user_id, "JOB#")} for user_id in users
    }
    torn = {violation.item.partition("/")[0] for violation in world.audit().violations}
    assert len(torn & {f"USER#{user_id}" for user_id in users}) >= len(users) // 2
    repaired(world)
    for user_id, restored in users.items():
        assert_whole(world, user_id, restored)
        still = ended_jobs(world, user_id)
        assert known[user_id] <= set(still), (
            f"{user_id}: a job is gone or never ends, restored: {restored}"
        )
        for job_id, end in on_segment[user_id].items():
            assert still.get(job_id) == end, f"{user_id}: {job_id} had ended, restored: {restored}"
    assert world.count() == len(users)


def ended_jobs(world: ServiceHarness, user_id: str) -> dict[str, tuple[str, str]]:
    jobs = items_of(world, user_id, "JOB#")
    ends = {job["SK"]["S"]: (job["status"]["S"], job.get("error", {}).get("S", "")) for job in jobs}
    return {name: end for name, end in ends.items() if end[0] in ("SUCCEEDED", "FAILED")}


def lives_a_little(world: ServiceHarness, user_id: str, rng: random.Random) -> None:
    """Two to four jobs, each ended in its own way or still open."""
    for number in range(rng.randint(1, 3)):
        key = rng.choice((None, "k", f"k{number}"))
        device = rng.choice(("phone", "phone", "tablet"))
        with suppress(FareboxError):
            world.provider.creates = rng.choice(
                ([], [], [Indeterminate()], [Rejected(RejectionReason.BUSY)])
            )
            job_id = world.submit(user_id, f"{device}-of-{user_id}", key=key).job.job_id
            world.clock.advance(1)
            ending = rng.choice((TaskStatus.SUCCEEDED, TaskStatus.FAILED, None))
            if ending:
                settles(world, user_id, job_id, ending)


def test_two_transactions_torn_at_once_are_mended_or_left_to_a_person(
    world: ServiceHarness,
) -> None:
    """Each item of the last two transactions is found as it was at any moment between them."""
    rng, recorder = random.Random(11), History(world)
    users = [f"user-{number}" for number in range(40)]
    for user_id in users:
        lives_a_little(world, user_id, rng)
        recorder.tear(rng, 2)
    done = world.repair.run(apply=True)
    needing = {violation.item.removeprefix("USER#") for violation in done.left}
    assert len(needing) <= 2, done.left
    work_to_the_end(world)
    for user_id in sorted(set(users) - needing):
        assert_whole(world, user_id, user_id)
    wrong = [
        violation for violation in world.audit().violations if violation.item.startswith("USER#")
    ]
    assert {violation.item.split("/")[0].removeprefix("USER#") for violation in wrong} <= needing
