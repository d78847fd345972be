"""What requests cost in DynamoDB: calls and units (docs/performance.md)."""

from dataclasses import replace
from typing import Any

import pytest

from service.core.principal import Principal
from service.jobs.settings import MAX_OPEN_JOBS
from service.ledger.lots import Lot, LotKind
from service.ledger.store import wallet_write
from service.providers.base import Indeterminate, TaskStatus
from service.storage.codec import encode_item
from tests.doubles.meter import Meter, size
from tests.doubles.people import google
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import ServiceHarness
from tests.sessions.minted import minted, submit


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    world = ServiceHarness(client, table_name, provider=LikeKling(), welcome_credits=100_000)
    world.submit("110248495921238986420")
    return world


@pytest.fixture
def meter(client: Any, world: ServiceHarness) -> Meter:
    return Meter(world.dynamodb, client)


USER = "110248495921238986420"


@pytest.mark.protocol("fifteen-units")
def test_a_finished_job_costs_fifteen_write_units(world: ServiceHarness, meter: Meter) -> None:
    with meter.watch() as held:
        job_id = world.submit(USER).job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    with meter.watch() as captured:
        world.settlement.resolve(USER, job_id)
    assert held.calls == ["GetItem", "TransactWriteItems", "UpdateItem"]
    assert (held.writes, captured.writes) == (7 + 1, 7)
    assert captured.calls == ["GetItem", "TransactGetItems", "TransactWriteItems"]


@pytest.mark.parametrize("device", ["phone", "a new one"])
@pytest.mark.protocol("small-items")
def test_items_keep_their_size(world: ServiceHarness, meter: Meter, device: str) -> None:
    key = "5f0f3f0e-8a37-4a4b-9d0c-1f1f7a7f0b11"
    with meter.watch() as held:
        job_id = world.submit(USER, device=device, key=key).job.job_id
    assert held.max_bytes["JOB"] <= 640
    assert held.max_bytes["METADATA"] <= 1024
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    with meter.watch() as captured:
        world.settlement.resolve(USER, job_id)
    assert captured.max_bytes["JOB"] <= 1024


@pytest.mark.protocol("small-items")
def test_a_wallet_with_twenty_devices_eight_lots_and_its_jobs_stays_under_a_kilobyte(
    world: ServiceHarness, meter: Meter
) -> None:
    wallet = replace(
        world.wallet(USER),
        fingerprints=frozenset(f"{number:022d}" for number in range(20)),
        new_devices=frozenset(f"{number:022d}" for number in range(20)),
        device_count=20,
        lots=tuple(
            Lot(123_456_00 + n, LotKind.PAID, 12_345, 1_790_000_000_000 + n, "video")
            for n in range(8)
        ),
        version=123_456,
        granted=1_234_567,
        captured=1_134_567,
        removed=12_345,
        debt=12_345,
        open_jobs={"image2video": tuple(range(1_790_000_001, 1_790_000_001 + MAX_OPEN_JOBS))},
        day=20_717,
        spent_today=123_456,
    )
    write = wallet_write(None, wallet)
    assert size(encode_item({**write.key.attributes(), **write.set})) <= 1024


@pytest.mark.protocol("fifteen-units")
def test_a_key_costs_two_more(world: ServiceHarness, meter: Meter) -> None:
    with meter.watch() as bill:
        world.submit(USER, key="5f0f3f0e-8a37-4a4b-9d0c-1f1f7a7f0b11")
    assert bill.calls == ["TransactGetItems", "TransactWriteItems", "UpdateItem"]
    assert bill.writes == 7 + 2 + 1


def test_a_replay_writes_nothing(world: ServiceHarness, meter: Meter) -> None:
    world.submit(USER, key="k1")
    with meter.watch() as bill:
        world.submit(USER, key="k1")
    assert (bill.calls, bill.writes) == (["TransactGetItems", "GetItem"], 0)


@pytest.mark.protocol("watch-cost")
def test_an_inconclusive_lookup_costs_three(world: ServiceHarness, meter: Meter) -> None:
    job_id = world.submit(USER).job.job_id
    with meter.watch() as bill:
        world.settlement.resolve(USER, job_id)
    assert (bill.calls, bill.writes) == (["GetItem", "UpdateItem"], 3)


@pytest.mark.protocol("sign-up-cost")
def test_a_sign_up_costs_twenty_four_or_less(world: ServiceHarness, meter: Meter) -> None:
    """Five of them for the e-mail address: the data key that encrypts it, its index entry, and the
    claim of its mailbox. Three for the event that the user was created."""
    with meter.watch() as bill:
        world.users.sign_up(google("someone"), world.users.digests("laptop"))
    assert bill.calls == ["Query", "TransactGetItems", "TransactWriteItems"]
    assert (bill.writes, bill.reads) == (24, 19)
    assert max(bill.max_bytes.values()) <= 1024


def test_a_sign_up_that_shares_a_device_costs_two_more(client: Any, table_name: str) -> None:
    """The list of who shares the device, and its read; there is no claim of the device."""
    world = ServiceHarness(client, table_name, device_policy="no_welcome")
    world.users.sign_up(google("ann"), world.users.digests("laptop"))
    with Meter(world.dynamodb, client).watch() as bill:
        world.users.sign_up(google("bob"), world.users.digests("laptop"))
    assert bill.calls == ["Query", "TransactGetItems", "TransactWriteItems"]
    assert (bill.writes, bill.reads) == (24, 19)


def test_a_late_welcome_costs_eleven_units(world: ServiceHarness, meter: Meter) -> None:
    who = google("someone")
    world.users.sign_up(who, None)
    snapshot = world.ledger.read_snapshot(who.subject)
    with meter.watch() as bill:
        world.users.welcomed(who, world.users.digests("laptop"), snapshot)
    assert bill.calls == ["Query", "TransactGetItems", "TransactWriteItems"]
    assert bill.writes == 11


def test_a_welcome_that_is_not_due_costs_nothing(world: ServiceHarness, meter: Meter) -> None:
    snapshot = world.ledger.read_snapshot(USER)
    with meter.watch() as bill:
        world.users.welcomed(google(USER), world.users.digests("tablet"), snapshot)
    assert bill.calls == []


def test_a_sign_up_without_an_e_mail_makes_no_key(world: ServiceHarness, meter: Meter) -> None:
    who = replace(_principal("someone"), email=None)
    with meter.watch() as bill:
        world.users.sign_up(who, world.users.digests("laptop"))
    assert (bill.writes, bill.reads) == (19, 15)


SIGN_UP_AND_HOLD = ["Query", "TransactGetItems", "TransactWriteItems", "TransactWriteItems"]


@pytest.mark.parametrize(
    ("key", "first_read"),
    [(None, "GetItem"), ("5f0f3f0e-8a37-4a4b-9d0c-1f1f7a7f0b11", "TransactGetItems")],
)
def test_a_first_request_takes_six_calls_sign_up_included(
    world: ServiceHarness, meter: Meter, key: str | None, first_read: str
) -> None:
    with meter.watch() as bill:
        world.submit("newcomer", device="a device of theirs", key=key)
    assert bill.calls == [first_read, *SIGN_UP_AND_HOLD, "UpdateItem"]


@pytest.mark.parametrize(("device", "units"), [("tablet", 5), ("laptop", 3)])
@pytest.mark.protocol("sign-up-cost")
def test_a_new_device_costs_five_at_its_first_capture_and_a_claimed_one_three(
    world: ServiceHarness, meter: Meter, device: str, units: int
) -> None:
    world.submit("bob", device="laptop")
    with meter.watch() as held:
        job_id = world.submit(USER, device=device).job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    with meter.watch() as captured:
        world.settlement.resolve(USER, job_id)
    assert held.calls == ["GetItem", "TransactWriteItems", "UpdateItem"]
    assert (held.writes, captured.writes) == (8, 7 + units)
    assert captured.calls == ["GetItem", "TransactGetItems", "TransactWriteItems"]
    assert max(held.max_bytes["JOB"], held.max_bytes["METADATA"]) <= 1024


def test_a_second_job_on_a_device_costs_what_any_does(world: ServiceHarness, meter: Meter) -> None:
    for _ in range(2):
        with meter.watch() as bill:
            job_id = world.submit(USER, device="tablet").job.job_id
            world.provider.book(job_id, TaskStatus.SUCCEEDED)
            world.settlement.resolve(USER, job_id)
    assert (bill.writes, bill.reads) == (15, 1 + 1 + 4)


@pytest.mark.protocol("watch-cost")
def test_a_release_into_the_watch_costs_eight_and_its_end_two(
    world: ServiceHarness, meter: Meter
) -> None:
    world.provider.creates = [Indeterminate()]
    job_id = world.submit(USER).job.job_id
    world.clock.advance(700)
    world.settlement.resolve(USER, job_id)
    world.clock.advance(100)
    with meter.watch() as released:
        world.settlement.resolve(USER, job_id)
    assert world.job(job_id, USER).failure == "PROVIDER_UNRESOLVED"
    world.clock.advance(25 * 3600)
    with meter.watch() as ended:
        world.settlement.resolve(USER, job_id)
    assert (released.writes, ended.writes) == (8, 2)


def test_reading_a_job_or_a_balance_costs_one_read(world: ServiceHarness, meter: Meter) -> None:
    job_id = world.submit(USER).job.job_id
    for read in (lambda: world.jobs.get(USER, job_id), lambda: world.ledger.balance(USER)):
        with meter.watch() as bill:
            read()
        assert (bill.calls, bill.reads, bill.writes) == (["GetItem"], 1, 0)


def test_a_list_costs_one_query(world: ServiceHarness, meter: Meter) -> None:
    with meter.watch() as bill:
        world.jobs.page(USER, 20, None)
    assert bill.calls == ["Query"]


def test_a_round_of_the_worker_with_nothing_due_costs_a_query_for_each_shard_whatever_waits(
    world: ServiceHarness, meter: Meter
) -> None:
    for _ in range(30):
        world.submit(USER)
    # The event that the user was created.
    world.work()
    with meter.watch() as bill:
        world.work()
    jobs, grants, bulk_grants, erasures, results = 4, 1, 4, 1, 1
    events, notices, mails, webhooks, dead_letters = 4, 1, 4, 4, 1
    shards = (
        jobs + grants + bulk_grants + erasures + events + notices + mails + webhooks + dead_letters
    ) + results
    assert bill.calls == ["Query"] * shards


@pytest.mark.protocol("no-scan")
def test_no_path_scans(world: ServiceHarness, meter: Meter) -> None:
    with meter.watch() as bill:
        job_id = world.submit(USER, device="tablet", key="k").job.job_id
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        world.work_until(60)
        world.jobs.page(USER, 20, None)
    assert "Scan" not in bill.calls


def _principal(user_id: str) -> Any:
    return Principal("https://accounts.google.com", user_id, f"{user_id}@example.com")


@pytest.mark.parametrize(("limit", "more"), [(None, 0), (5, 2)])
@pytest.mark.protocol("fifteen-units")
def test_a_session_s_ceiling_costs_two_more_and_two_where_something_comes_back(
    world: ServiceHarness, meter: Meter, limit: int | None, more: int
) -> None:
    who = minted(world, limit)
    submit(world, who, device="laptop")
    for status, returns in ((TaskStatus.SUCCEEDED, False), (TaskStatus.FAILED, True)):
        with meter.watch() as held:
            job_id = submit(world, who, device="laptop").job.job_id
        world.provider.book(job_id, status)
        with meter.watch() as settled:
            world.settlement.resolve(who.subject, job_id)
        assert (held.writes, settled.writes) == (8 + more, 7 + more * returns)
        assert held.calls == [
            "TransactGetItems" if limit else "GetItem",
            "TransactWriteItems",
            "UpdateItem",
        ]
        assert settled.calls == ["GetItem", "TransactGetItems", "TransactWriteItems"]
        assert max(held.max_bytes.values()) <= 1024
