"""Whatever part of a transaction a restore leaves out, the repair makes a table in which the audit
finds nothing, no credit is lost or invented, and every person can go on."""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from service.audit.replay import replayed
from service.core.errors import FareboxError
from service.core.keyring import Pepper
from service.ledger.entities import (
    Entry,
    EntryKind,
    Movement,
    Wallet,
    WalletStatus,
    capture,
    claw_back,
    expire,
    grant,
    hold,
    release,
)
from service.ledger.lots import LotKind
from service.ledger.operations import Proposal
from service.ledger.store import freeze_write, sealed
from service.providers.base import Indeterminate, Rejected, RejectionReason, Task, TaskStatus
from tests.doubles.service_harness import ServiceHarness, order

Images = dict[tuple[str, str], tuple[dict[str, Any] | None, dict[str, Any]]]
ALL_CREDITS = 3


class Recorder:
    """The items of the last transaction, each as it was before and after."""

    def __init__(self, world: ServiceHarness, client: Any) -> None:
        self._client = client
        self._table = world.table._name
        self._keys: list[dict[str, Any]] = []
        self._before: list[dict[str, Any] | None] = []
        world.client.meta.events.register(
            "provide-client-params.dynamodb.TransactWriteItems", self._note
        )

    def images(self) -> Images:
        after = [self._read(key) for key in self._keys]
        places = [(key["PK"]["S"], key["SK"]["S"]) for key in self._keys]
        return {
            place: (old, new)
            for place, old, new in zip(places, self._before, after, strict=True)
            if place[0] != "SYSTEM" and new is not None
        }

    def leave(self, images: Images, restored: set[tuple[str, str]]) -> None:
        """Only these items of the transaction are there as it left them; the others as they were
        before it."""
        for place, (old, _) in images.items():
            if place in restored:
                continue
            if old is None:
                self._client.delete_item(
                    TableName=self._table, Key={"PK": {"S": place[0]}, "SK": {"S": place[1]}}
                )
            else:
                self._client.put_item(TableName=self._table, Item=old)

    def _note(self, params: dict[str, Any], **_: object) -> None:
        writes = [write for action in params["TransactItems"] for write in action.values()]
        items = [write.get("Key") or write["Item"] for write in writes]
        self._keys = [{"PK": item["PK"], "SK": item["SK"]} for item in items]
        self._before = [self._read(key) for key in self._keys]

    def _read(self, key: dict[str, Any]) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._client.get_item(
            TableName=self._table, Key=key, ConsistentRead=True
        ).get("Item")
        return found


def signs_up(world: ServiceHarness, user_id: str) -> None:
    request = order(user_id, f"phone-of-{user_id}")
    world.users.sign_up(request.principal, world.users.digests(request.fingerprint))


def holds(world: ServiceHarness, user_id: str) -> None:
    world.provider.creates = [Indeterminate()]
    job_id = world.submit(user_id, f"phone-of-{user_id}", key="k").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)


def holds_what_never_arrives(world: ServiceHarness, user_id: str) -> None:
    world.provider.creates = [Indeterminate()]
    world.submit(user_id, f"phone-of-{user_id}", key="k")


def holds_from_a_new_device(world: ServiceHarness, user_id: str) -> None:
    signs_up(world, user_id)
    job_id = world.submit(user_id, f"tablet-of-{user_id}").job.job_id
    world.provider.book(job_id, TaskStatus.FAILED)


def follows_under_its_key(world: ServiceHarness, user_id: str) -> None:
    is_declined(world, user_id)
    job_id = world.submit(user_id, f"phone-of-{user_id}", key="k").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)


def is_declined(world: ServiceHarness, user_id: str) -> None:
    world.provider.creates = [Rejected(RejectionReason.BUSY)]
    with pytest.raises(Exception, match="busy"):
        world.submit(user_id, f"phone-of-{user_id}", key="k")


def is_charged(world: ServiceHarness, user_id: str) -> None:
    job_id = world.submit(user_id, f"phone-of-{user_id}", key="k").job.job_id
    settles(world, user_id, job_id, TaskStatus.SUCCEEDED)


def is_released(world: ServiceHarness, user_id: str) -> None:
    job_id = world.submit(user_id, f"phone-of-{user_id}", key="k").job.job_id
    settles(world, user_id, job_id, TaskStatus.FAILED)


def is_released_to_be_watched(world: ServiceHarness, user_id: str) -> None:
    job_id = world.submit(user_id, f"phone-of-{user_id}", key="k").job.job_id
    world.provider.tasks[job_id] = Task(f"task-{job_id}", TaskStatus.SUCCEEDED, {}, "ftp://nowhere")
    now, world.clock._now = world.clock._now, world.clock._now + 25 * 3600 * 1000
    world.settlement.force_release(user_id, job_id)
    world.clock._now = now
    world.provider.book(job_id, TaskStatus.SUCCEEDED)


def settles(world: ServiceHarness, user_id: str, job_id: str, status: TaskStatus) -> None:
    world.provider.book(job_id, status)
    assert not world.settlement.resolve(user_id, job_id).is_open


LIVES: tuple[Callable[[ServiceHarness, str], None], ...] = (
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
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, max_users=1000)


def torn_users(
    world: ServiceHarness, client: Any, life: Callable[[ServiceHarness, str], None]
) -> dict[str, str]:
    """A user for each way in which the last transaction of that life can be torn; what is left of
    it, in words."""
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
        users[user_id] = (
            ", ".join(place[1].partition("#")[0] for place in sorted(restored)) or "nothing"
        )
        number += 1
    return users


def repaired(world: ServiceHarness) -> None:
    """The repair, the worker, the audit, and the repair once more."""
    done = world.repair.run(apply=True)
    assert done.left == ()
    assert world.audit().violations == ()
    again = world.repair.run(apply=True)
    assert (again.plans, again.left) == ((), ())
    work_to_the_end(world)
    assert world.audit().violations == ()


def work_to_the_end(world: ServiceHarness) -> None:
    """Quarantine, hard limit and watch pass; the worker does what is due in between."""
    for seconds in (30, 700, 100, 24 * 3600, 1000, 100):
        world.clock.advance(seconds)
        for _ in range(20):
            if not world.work():
                break


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_every_way_to_tear_the_last_transaction_is_mended(
    client: Any, world: ServiceHarness, life: Callable[[ServiceHarness, str], None]
) -> None:
    users = torn_users(world, client, life)
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


def items_of(world: ServiceHarness, user_id: str, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.client.query(
        TableName=world.table._name,
        ConsistentRead=True,
        KeyConditionExpression="PK = :pk AND begins_with(SK, :kind)",
        ExpressionAttributeValues={":pk": {"S": f"USER#{user_id}"}, ":kind": {"S": kind}},
    )["Items"]
    return found


def ended_jobs(world: ServiceHarness, user_id: str) -> dict[str, tuple[str, str]]:
    jobs = items_of(world, user_id, "JOB#")
    ends = {job["SK"]["S"]: (job["status"]["S"], job.get("error", {}).get("S", "")) for job in jobs}
    return {name: end for name, end in ends.items() if end[0] in ("SUCCEEDED", "FAILED")}


def assert_whole(world: ServiceHarness, user_id: str, restored: str) -> None:
    """Charged for what was delivered and for nothing else; one welcome, which this person has or
    can still get."""
    if world.ledger.read_snapshot(user_id).wallet is None:
        signs_up(world, user_id)
    wallet = world.wallet(user_id)
    delivered = [
        job for job in items_of(world, user_id, "JOB#") if job["status"]["S"] == "SUCCEEDED"
    ]
    assert (wallet.granted, wallet.held) == (ALL_CREDITS, 0), restored
    assert wallet.captured == len(delivered) == ALL_CREDITS - wallet.credits, restored
    assert all("result" in job for job in delivered), restored
    for device in items_of(world, user_id, "DEVICE#"):
        digest = device["SK"]["S"].removeprefix("DEVICE#")
        claim = world.client.get_item(
            TableName=world.table._name,
            Key={"PK": {"S": f"FINGERPRINT#{digest}"}, "SK": {"S": "CLAIM"}},
        ).get("Item")
        assert claim is not None, restored
        assert claim["userId"] == {"S": user_id}, restored


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
    client: Any, world: ServiceHarness
) -> None:
    """Each item of the last two transactions is found as it was at any moment between them."""
    rng, recorder = random.Random(11), History(world, client)
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


class History(Recorder):
    """Every transaction since the last tear."""

    def __init__(self, world: ServiceHarness, client: Any) -> None:
        super().__init__(world, client)
        self._all: list[Images] = []

    def _note(self, params: dict[str, Any], **_: object) -> None:
        self._remember()
        super()._note(params)

    def _remember(self) -> None:
        if self._keys:
            self._all.append(self.images())
        self._keys = []

    def tear(self, rng: random.Random, transactions: int) -> None:
        """Each item of the last transactions as before or after one of them."""
        self._remember()
        moments: dict[tuple[str, str], list[dict[str, Any] | None]] = {}
        for images in self._all[-transactions:]:
            for place, (before, after) in images.items():
                moments.setdefault(place, [before]).append(after)
        for place, items in moments.items():
            self.leave({place: (rng.choice(items), {})}, set())
        self._all = []


# What else a repair promises.


def remove(world: ServiceHarness, user_id: str, sk: str) -> None:
    (item,) = items_of(world, user_id, sk)
    world.client.delete_item(TableName=world.table._name, Key={"PK": item["PK"], "SK": item["SK"]})


def change(world: ServiceHarness, user_id: str, sk: str, expression: str, **values: Any) -> None:
    (item,) = items_of(world, user_id, sk)
    names = {name: name.lstrip("#") for name in re.findall(r"#\w+", expression)}
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": item["PK"], "SK": item["SK"]},
        UpdateExpression=expression,
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        **({"ExpressionAttributeNames": names} if names else {}),
    )


def says(world: ServiceHarness, *, apply: bool = False) -> list[str]:
    return [on_message for plan in world.repair.run(apply=apply).plans for on_message in plan.says]


def test_a_healthy_table_needs_no_repair(world: ServiceHarness) -> None:
    for number, life in enumerate(LIVES):
        life(world, f"user-{number}")
    before = world.items()
    assert world.repair.run(apply=True).plans == ()
    assert world.items() == before


def test_a_device_that_is_anothers_under_an_older_pepper_is_not_claimed(
    client: Any, world: ServiceHarness
) -> None:
    signs_up(world, "bob")
    peppers = (Pepper(1, b"p" * 32), Pepper(2, b"q" * 32))
    rolled_out = ServiceHarness(
        client, world.table._name, clock=world.clock, max_users=1000, peppers=peppers
    )
    signs_up(rolled_out, "ann")
    rolled_out.submit("ann", "phone-of-bob")
    assert rolled_out.audit().violations == ()
    assert rolled_out.repair.run(apply=True).plans == ()


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    remove(world, "ann", "ENTRY#000000000003")
    world.clock.advance(5)
    before = world.items()
    on_message = says(world)
    assert [words.partition(" (")[0] for words in on_message] == [
        "write entry 3",
        "set the wallet from version 3, 2 available, 0 held, 1 captured to version 3, 2 "
        "available, 0 held, 1 captured",
    ]
    assert world.items() == before
    assert says(world, apply=True) == on_message


def test_a_wallet_behind_its_entries_moves_forward_and_a_lost_one_is_made_again(
    world: ServiceHarness,
) -> None:
    is_charged(world, "ann")
    whole = world.wallet("ann")
    change(world, "ann", "METADATA", "SET version = :v, held = :h", v={"N": "2"}, h={"N": "1"})
    world.repair.run(apply=True)
    assert world.wallet("ann") == whole
    remove(world, "ann", "METADATA")
    world.repair.run(apply=True)
    assert world.wallet("ann") == whole


def test_a_wallet_that_was_frozen_over_the_damage_is_opened(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    remove(world, "ann", "ENTRY#000000000003")
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "USER#ann"}, "SK": {"S": "METADATA"}},
        UpdateExpression="SET #status = :s",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":s": {"S": "frozen"}},
    )
    assert "the wallet was frozen and is opened" in says(world, apply=True)
    assert world.submit("ann", "phone-of-ann").job.is_open


def test_a_frozen_wallet_without_damage_stays_frozen(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    wallet = world.wallet("ann")
    world.ledger._table.write(freeze_write(wallet))
    assert says(world, apply=True) == []
    assert world.wallet("ann").status is WalletStatus.FROZEN


def left(world: ServiceHarness) -> str:
    """What a repair leaves to a person; nothing is written then."""
    before = world.items()
    (violation,) = world.repair.run(apply=True).left
    assert world.items() == before
    return violation.what


def test_a_forged_entry_is_left_to_a_person(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    change(world, "ann", "ENTRY#000000000002", "SET amount = :n", n={"N": "2"})
    assert left(world) == "needs a person: entry 2 is not one that this ledger wrote"


def test_what_would_not_pass_the_audit_afterwards_is_left_to_a_person(
    world: ServiceHarness,
) -> None:
    is_released(world, "ann")
    (job,) = items_of(world, "ann", "JOB#")
    name = job["SK"]["S"].removeprefix("JOB#")
    result = {"M": {"videoUrl": {"S": "https://videos.example.com/v.mp4"}}}
    change(world, "ann", "JOB#", "SET #result = :r", r=result)
    assert left(world) == f"needs a person: USER#ann/JOB#{name}: house loss does not fit its state"


def test_an_item_nobody_can_read_is_left_to_a_person(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    change(world, "ann", "JOB#", "SET #held = :n", n={"S": "1"})
    assert "cannot be read" in left(world)


def test_a_ledger_of_which_too_much_is_lost_is_left_to_a_person(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    change(world, "ann", "METADATA", "SET version = :n", n={"N": "24"})
    assert left(world) == "needs a person: 21 entries are missing"


def test_someone_whose_first_entry_is_lost_is_welcomed_once_and_not_by_what_the_wallet_says(
    world: ServiceHarness,
) -> None:
    is_charged(world, "ann")
    remove(world, "ann", "ENTRY#000000000001")
    change(world, "ann", "METADATA", "SET granted = :n, credits = :n", n={"N": "1000"})
    repaired(world)
    assert_whole(world, "ann", "")


def test_a_charge_that_lacks_its_delivery_is_not_taken_back_over_later_grants(
    world: ServiceHarness,
) -> None:
    holds_what_never_arrives(world, "ann")
    (job,) = items_of(world, "ann", "JOB#")
    settles(world, "ann", job["SK"]["S"].removeprefix("JOB#"), TaskStatus.SUCCEEDED)
    world.ledger.move(
        "ann",
        lambda snapshot, now: Proposal(
            grant(snapshot.wallet, LotKind.PAID, 5, None, "gift", now)  # type: ignore[arg-type]
        ),
        lambda _: True,
    )
    world.client.put_item(TableName=world.table._name, Item=job)
    assert "2 entries would have to go" in left(world)


def test_a_job_whose_hold_is_lost_is_forgotten_with_its_key_when_there_are_no_credits_left(
    world: ServiceHarness,
) -> None:
    holds(world, "ann")
    (job,) = items_of(world, "ann", "JOB#")
    for item in (*items_of(world, "ann", "ENTRY#000000000002"), job):
        world.client.delete_item(
            TableName=world.table._name, Key={"PK": item["PK"], "SK": item["SK"]}
        )
    world.client.put_item(
        TableName=world.table._name, Item={**job, "held": {"N": "9"}, "allocation": {"L": []}}
    )
    on_message = says(world, apply=True)
    assert any("there are no credits for another" in words for words in on_message)
    assert (items_of(world, "ann", "JOB#"), items_of(world, "ann", "IDEMPOTENCY#")) == ([], [])
    assert world.balance("ann") == (3, 0, 0)
    assert world.audit().violations == ()


def test_index_attributes_are_put_right(world: ServiceHarness) -> None:
    holds(world, "ann")
    change(world, "ann", "JOB#", "SET GSI2PK = :p", p={"S": "DUE#JOB#9"})
    change(world, "ann", "DEVICE#", "SET GSI1PK = :p", p={"S": "FINGERPRINT#other"})
    world.repair.run(apply=True)
    assert world.audit().violations == ()


@pytest.mark.parametrize("count", [None, "0", "1", "7"])
def test_the_count_becomes_the_number_of_open_wallets(
    world: ServiceHarness, count: str | None
) -> None:
    for number in range(3):
        signs_up(world, f"user-{number}")
    place = {"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}}
    world.client.delete_item(TableName=world.table._name, Key=place)
    if count is not None:
        world.client.put_item(TableName=world.table._name, Item={**place, "count": {"N": count}})
    assert len(says(world)) == 1
    world.repair.run(apply=True)
    assert world.count() == 3
    assert says(world) == []


def test_a_user_who_moves_between_the_read_and_the_repair_is_left_for_another_run(
    client: Any, world: ServiceHarness
) -> None:
    is_charged(world, "ann")
    remove(world, "ann", "JOB#")
    other = ServiceHarness(client, world.table._name, clock=world.clock, max_users=1000)
    moved: list[str] = []

    def move(operation: str) -> None:
        if operation == "TransactWriteItems" and not moved:
            moved.append(other.submit("ann", "phone-of-ann").job.job_id)

    world.wire().before(move)
    (violation,) = world.repair.run(apply=True).left
    assert violation.what == "has moved meanwhile: run again"
    assert world.repair.run(apply=True).left == ()
    assert world.audit().violations == ()
    assert moved[0] in {
        job["SK"]["S"].removeprefix("JOB#") for job in items_of(world, "ann", "JOB#")
    }


def test_a_ledger_played_again_ends_in_the_wallet_with_its_lots() -> None:
    rng = random.Random(7)
    for _ in range(200):
        wallet, entries, held = Wallet("ann"), list[Entry](), list[Entry]()
        now = 1_000_000
        for step in range(40):
            now += rng.choice((0, 1, 1000, 400_000))
            movement = _some_movement(rng, wallet, held, f"ref-{step}", now)
            sealed_movement = sealed(movement, b"k" * 32)
            wallet = sealed_movement.wallet
            entries += sealed_movement.entries
            held += [entry for entry in sealed_movement.entries if entry.kind is EntryKind.HOLD]
        moments = list(replayed("ann", entries, b"k" * 32))
        assert [moment.entry for moment in moments] == entries
        assert replace(moments[-1].wallet, created_at=0) == wallet
        assert len(list(replayed("ann", entries, b"x" * 32))) == 0


def _some_movement(
    rng: random.Random, wallet: Wallet, held: list[Entry], ref: str, now: int
) -> Movement:
    kind = rng.choice(("grant", "hold", "hold", "capture", "release", "expire", "claw back"))
    if kind in ("capture", "release") and held:
        entry = held.pop(rng.randrange(len(held)))
        if kind == "capture":
            return capture(
                wallet, entry.allocation, rng.randint(1, entry.amount), entry.ref, entry.at, now
            )
        return release(wallet, entry.allocation, entry.ref, entry.at, now)
    if kind == "hold" and wallet.spendable(now):
        return hold(wallet, rng.randint(1, wallet.spendable(now)), ref, now)
    if kind == "expire":
        return expire(wallet, now)
    if kind == "claw back":
        return claw_back(wallet, rng.randint(1, 5), ref, now)
    expires_at = rng.choice((None, now + 500_000, now + 5_000_000))
    return grant(wallet, rng.choice(list(LotKind)), rng.randint(1, 9), expires_at, ref, now)
