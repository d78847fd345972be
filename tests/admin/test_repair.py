"""Whatever part of a transaction a restore leaves out, the repair makes a table in which the audit finds nothing, no credit
is lost or invented, and every person can go on."""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest

from service.jobs.entities import JobStatus
from service.providers.base import Declined, Task, TaskStatus, Unclear, Why
from tests.doubles.world import World, order

Images = dict[tuple[str, str], tuple[dict[str, Any] | None, dict[str, Any]]]
ALL_CREDITS = 3


class Recorder:
    """The items of the last transaction, each as it was before and after."""

    def __init__(self, world: World, client: Any) -> None:
        self._client = client
        self._table = world.table._name
        self._keys: list[dict[str, Any]] = []
        self._before: list[dict[str, Any] | None] = []
        world.client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", self._note)

    def images(self) -> Images:
        after = [self._read(key) for key in self._keys]
        places = [(key["PK"]["S"], key["SK"]["S"]) for key in self._keys]
        return {
            place: (old, new)
            for place, old, new in zip(places, self._before, after, strict=True)
            if place[0] != "SYSTEM" and new is not None
        }

    def leave(self, images: Images, restored: set[tuple[str, str]]) -> None:
        """Only these items of the transaction are there as it left them; the others as they were before it."""
        for place, (old, _) in images.items():
            if place in restored:
                continue
            if old is None:
                self._client.delete_item(TableName=self._table, Key={"PK": {"S": place[0]}, "SK": {"S": place[1]}})
            else:
                self._client.put_item(TableName=self._table, Item=old)

    def _note(self, params: dict[str, Any], **_: object) -> None:
        writes = [write for action in params["TransactItems"] for write in action.values()]
        items = [write.get("Key") or write["Item"] for write in writes]
        self._keys = [{"PK": item["PK"], "SK": item["SK"]} for item in items]
        self._before = [self._read(key) for key in self._keys]

    def _read(self, key: dict[str, Any]) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get(
            "Item"
        )
        return found


def signs_up(world: World, user_id: str) -> None:
    asked = order(user_id, f"phone-of-{user_id}")
    world.users.sign_up(asked.principal, world.users.marks(asked.fingerprint))


def holds(world: World, user_id: str) -> None:
    world.provider.creates = [Unclear()]
    job_id = world.place(user_id, f"phone-of-{user_id}", key="k").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)


def holds_what_never_arrives(world: World, user_id: str) -> None:
    world.provider.creates = [Unclear()]
    world.place(user_id, f"phone-of-{user_id}", key="k")


def holds_from_a_new_device(world: World, user_id: str) -> None:
    job_id = world.place(user_id, f"phone-of-{user_id}").job.job_id
    settles(world, user_id, job_id, TaskStatus.SUCCEEDED)
    job_id = world.place(user_id, f"tablet-of-{user_id}").job.job_id
    world.provider.book(job_id, TaskStatus.FAILED)


def follows_under_its_key(world: World, user_id: str) -> None:
    is_declined(world, user_id)
    job_id = world.place(user_id, f"phone-of-{user_id}", key="k").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)


def is_declined(world: World, user_id: str) -> None:
    world.provider.creates = [Declined(Why.BUSY)]
    with pytest.raises(Exception, match="busy"):
        world.place(user_id, f"phone-of-{user_id}", key="k")


def is_charged(world: World, user_id: str) -> None:
    job_id = world.place(user_id, f"phone-of-{user_id}", key="k").job.job_id
    settles(world, user_id, job_id, TaskStatus.SUCCEEDED)


def is_released(world: World, user_id: str) -> None:
    job_id = world.place(user_id, f"phone-of-{user_id}", key="k").job.job_id
    settles(world, user_id, job_id, TaskStatus.FAILED)


def is_released_to_be_watched(world: World, user_id: str) -> None:
    job_id = world.place(user_id, f"phone-of-{user_id}", key="k").job.job_id
    world.provider.tasks[job_id] = Task(f"task-{job_id}", TaskStatus.SUCCEEDED, {}, "ftp://nowhere")
    now, world.clock._now = world.clock._now, world.clock._now + 25 * 3600 * 1000
    world.settlement.give_up(user_id, job_id)
    world.clock._now = now
    world.provider.book(job_id, TaskStatus.SUCCEEDED)


def settles(world: World, user_id: str, job_id: str, status: TaskStatus) -> None:
    world.provider.book(job_id, status)
    assert not world.settlement.resolve(user_id, job_id).is_open


LIVES: tuple[Callable[[World, str], None], ...] = (
    signs_up,
    holds,
    holds_what_never_arrives,
    holds_from_a_new_device,
    follows_under_its_key,
    is_declined,
    is_charged,
    is_released,
    is_released_to_be_watched,
)


def parts(images: Images) -> Iterator[set[tuple[str, str]]]:
    """Every choice of some of the items, but not all."""
    for size in range(len(images)):
        yield from map(set, combinations(sorted(images), size))


@pytest.fixture
def world(client: Any, table_name: str) -> World:
    return World(client, table_name, most_users=1000)


def torn_users(world: World, client: Any, life: Callable[[World, str], None]) -> dict[str, str]:
    """A user for each way in which the last transaction of that life can be torn; what is left of it, in words."""
    recorder, users, number = Recorder(world, client), dict[str, str](), 0
    ways: list[list[str]] | None = None
    while ways is None or number < len(ways):
        user_id = f"{life.__name__}-{number}"
        life(world, user_id)
        images = recorder.images()
        places = sorted(images)
        ways = ways or [[str(places.index(place)) for place in part] for part in parts(images)]
        restored = {places[int(index)] for index in ways[number]}
        recorder.leave(images, restored)
        users[user_id] = ", ".join(place[1].partition("#")[0] for place in sorted(restored)) or "nothing"
        number += 1
    return users


def repaired(world: World) -> None:
    """The repair, the worker, the audit, and the repair once more."""
    done = world.repair.run(apply=True)
    assert done.left == ()
    assert world.audit().violations == ()
    again = world.repair.run(apply=True)
    assert (again.plans, again.left) == ((), ())
    for seconds in (30, 700, 100, 24 * 3600, 1000, 100):
        world.clock.advance(seconds)
        for _ in range(20):
            if not world.work():
                break
    assert world.audit().violations == ()
    assert world.repair.run(apply=True).plans == ()


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_every_way_to_tear_the_last_transaction_is_mended(
    client: Any, world: World, life: Callable[[World, str], None]
) -> None:
    users = torn_users(world, client, life)
    assert len(users) >= 7
    repaired(world)
    for user_id, restored in users.items():
        assert_whole(world, user_id, restored)


def assert_whole(world: World, user_id: str, restored: str) -> None:
    wallet = world.ledger.look(user_id).wallet
    if wallet is None:
        signs_up(world, user_id)
        wallet = world.wallet(user_id)
    assert wallet.granted == ALL_CREDITS, restored
    assert (wallet.held, wallet.credits + wallet.captured) == (0, ALL_CREDITS), restored
