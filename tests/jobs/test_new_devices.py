"""A known user's new device: claimed with the first capture of a job made on it, and never before,
so that no one can take devices away from strangers for free."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.errors import FareboxError
from service.jobs.entities import JobStatus
from service.providers.base import Indeterminate, Rejected, RejectionReason, TaskStatus
from service.users import keys as users_keys
from service.users.entities import MAX_DEVICES_PER_USER, DeviceAlreadyUsed, Pepper
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import ServiceHarness, order
from tests.faults.library.wire import refusal

TRANSACT = "TransactWriteItems"


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    """Ann has signed up on her phone."""
    world = ServiceHarness(client, table_name, provider=LikeKling(), welcome_credits=1000)
    sign_up(world, "ann", "phone")
    return world


def sign_up(world: ServiceHarness, user_id: str, device: str) -> None:
    world.users.sign_up(order(user_id).principal, world.users.digests(device))


def ended(
    world: ServiceHarness, device: str, status: TaskStatus = TaskStatus.SUCCEEDED, user: str = "ann"
) -> str:
    """A job made on that device, which ended so."""
    job_id = world.submit(user, device).job.job_id
    world.provider.book(job_id, status)
    world.settlement.resolve(user, job_id)
    return job_id


def owner(world: ServiceHarness, device: str) -> str | None:
    claim = world.table.get(users_keys.fingerprint_claim(world.users.digests(device).newest))
    return str(claim["userId"]) if claim else None


def has_item(world: ServiceHarness, device: str, user_id: str = "ann") -> bool:
    key = users_keys.device(user_id, world.users.digests(device).newest)
    return world.table.get(key) is not None


def places(world: ServiceHarness, begins: str) -> list[str]:
    keys = (f"{item['PK']['S']}/{item['SK']['S']}" for item in world.items())
    return sorted(key for key in keys if begins in key)


@pytest.mark.protocol("refused-claims-nothing")
def test_refused_requests_with_other_peoples_devices_lock_no_one_out(world: ServiceHarness) -> None:
    world.provider.creates = [Rejected(RejectionReason.IMAGE)] * 100
    for number in range(100):
        with pytest.raises(FareboxError):
            world.submit("ann", f"device-{number}")
    assert len(places(world, "FINGERPRINT#")) == len(places(world, "DEVICE#")) == 1
    for number in (0, 50, 99):
        sign_up(world, f"stranger-{number}", f"device-{number}")
    assert world.audit().violations == ()


def fails(world: ServiceHarness) -> None:
    ended(world, "tablet", TaskStatus.FAILED)


def succeeds_after_its_release(world: ServiceHarness) -> None:
    world.provider.creates = [Indeterminate()]
    job_id = world.submit("ann", "tablet").job.job_id
    world.work_until(900)
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job_id)
    assert world.job(job_id).house_loss == 1 * SCALE


def is_still_open(world: ServiceHarness) -> None:
    world.submit("ann", "tablet")


@pytest.mark.parametrize("life", [fails, succeeds_after_its_release, is_still_open])
@pytest.mark.protocol("refused-claims-nothing")
def test_a_job_that_is_not_captured_claims_nothing(
    world: ServiceHarness, life: Callable[[ServiceHarness], None]
) -> None:
    life(world)
    assert (owner(world, "tablet"), has_item(world, "tablet")) == (None, False)
    assert len(world.wallet().fingerprints) == 2
    assert world.audit().violations == ()
    sign_up(world, "bob", "tablet")


@pytest.mark.protocol("claim-at-capture")
def test_the_first_capture_claims_the_device_in_its_own_transaction(world: ServiceHarness) -> None:
    job_id = world.submit("ann", "tablet").job.job_id
    digests = world.users.digests("tablet").all
    assert world.job(job_id).device == digests
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    wire = world.wire()
    world.settlement.resolve("ann", job_id)
    assert wire.calls == ["GetItem", "TransactGetItems", TRANSACT]
    assert (owner(world, "tablet"), has_item(world, "tablet")) == ("ann", True)
    assert world.job(job_id).device == ()
    wallet = world.wallet()
    assert (wallet.new_devices, wallet.device_count) == (frozenset(), 2)
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(world, "bob", "tablet")
    assert world.audit().violations == ()


def test_a_device_whose_first_job_failed_is_claimed_by_the_next_that_succeeds(
    world: ServiceHarness,
) -> None:
    ended(world, "tablet", TaskStatus.FAILED)
    ended(world, "tablet")
    assert owner(world, "tablet") == "ann"
    assert world.audit().violations == ()


def test_two_open_jobs_of_one_new_device_claim_it_once(world: ServiceHarness) -> None:
    jobs = [world.submit("ann", "tablet").job.job_id for _ in range(2)]
    for job_id in jobs:
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        assert world.settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
    assert world.wallet().device_count == 2
    assert world.audit().violations == ()


def test_a_job_made_on_a_device_with_an_item_remembers_none(world: ServiceHarness) -> None:
    ended(world, "tablet")
    for device in ("phone", "tablet"):
        assert world.submit("ann", device).job.device == ()


def test_another_known_users_device_gets_an_item_and_keeps_its_owner(world: ServiceHarness) -> None:
    sign_up(world, "bob", "laptop")
    ended(world, "laptop")
    assert (owner(world, "laptop"), has_item(world, "laptop")) == ("bob", True)
    assert world.audit().violations == ()


@pytest.mark.protocol("device-limit")
def test_a_user_gets_twenty_devices_and_no_more(world: ServiceHarness) -> None:
    for number in range(MAX_DEVICES_PER_USER + 5):
        ended(world, f"device-{number}")
    assert len(places(world, "USER#ann/DEVICE#")) == MAX_DEVICES_PER_USER
    assert len(places(world, "FINGERPRINT#")) == MAX_DEVICES_PER_USER
    wallet = world.wallet()
    assert (len(wallet.fingerprints), wallet.device_count) == (20, MAX_DEVICES_PER_USER)
    assert world.users.digests("device-24").newest in wallet.fingerprints
    assert world.audit().violations == ()


@pytest.mark.protocol("device-limit")
def test_the_limit_of_devices_is_exact_when_captures_race(world: ServiceHarness) -> None:
    for number in range(MAX_DEVICES_PER_USER - 2):
        ended(world, f"device-{number}")
    one, other = (world.submit("ann", device).job.job_id for device in ("tablet", "laptop"))
    for job_id in (one, other):
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
    captured: list[Any] = []
    world.wire().before(
        lambda operation: (
            captured.append(twin(world).settlement.resolve("ann", other))
            if operation == TRANSACT and not captured
            else None
        )
    )
    world.settlement.resolve("ann", one)
    assert [world.job(job_id).status for job_id in (one, other)] == [JobStatus.SUCCEEDED] * 2
    assert len(places(world, "USER#ann/DEVICE#")) == MAX_DEVICES_PER_USER
    assert world.audit().violations == ()


def twin(world: ServiceHarness) -> ServiceHarness:
    """Another process over the same table and provider."""
    return ServiceHarness(
        world.where,
        world.table._name,
        provider=world.provider,
        clock=world.clock,
        welcome_credits=1000,
    )


def test_a_device_that_left_the_set_is_known_again_at_its_next_capture(
    world: ServiceHarness,
) -> None:
    for number in range(MAX_DEVICES_PER_USER + 1):
        ended(world, f"device-{number}")
    gone = next(
        device
        for device in ("phone", *(f"device-{number}" for number in range(MAX_DEVICES_PER_USER)))
        if has_item(world, device)
        and world.users.digests(device).newest not in world.wallet().fingerprints
    )
    before = places(world, "DEVICE#")
    ended(world, gone)
    assert places(world, "DEVICE#") == before
    assert world.users.digests(gone).newest in world.wallet().devices_with_item
    assert world.audit().violations == ()


def test_devices_without_an_item_leave_the_set_before_those_with_one(world: ServiceHarness) -> None:
    ended(world, "tablet")
    for number in range(40):
        ended(world, f"device-{number}", TaskStatus.FAILED)
    known = {world.users.digests(device).newest for device in ("phone", "tablet")}
    assert world.wallet().devices_with_item == known


@pytest.mark.protocol("lost-claim-settles")
def test_a_claim_lost_in_the_race_does_not_keep_the_capture_from_happening(
    world: ServiceHarness,
) -> None:
    job_id = world.submit("ann", "tablet").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    lost: list[Any] = []
    wire = world.wire()
    wire.before(
        lambda operation: (
            lost.append(sign_up(twin(world), "bob", "tablet"))
            if operation == TRANSACT and not lost
            else None
        )
    )
    assert world.settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
    assert (owner(world, "tablet"), has_item(world, "tablet")) == ("bob", True)
    assert world.balance() == (999, 0, 1)
    assert world.audit().violations == ()


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError"])
def test_claims_that_are_kept_busy_do_not_keep_the_capture_from_happening(
    world: ServiceHarness, code: str
) -> None:
    job_id = world.submit("ann", "tablet").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)

    def disturb(operation: str, request: Any) -> Any:
        if operation.startswith("Transact") and "FINGERPRINT#" in json.dumps(request):
            reasons = [{"Code": "None"}, {"Code": code}]
            return refusal(400, "TransactionCanceledException", CancellationReasons=reasons)
        return None

    world.wire().instead(disturb)
    assert world.settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
    assert (owner(world, "tablet"), has_item(world, "tablet")) == (None, False)
    assert len(world.wallet().new_devices) == 1
    assert world.audit().violations == ()


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "throttle", "conflict"])
def test_a_disturbed_capture_claims_once(world: ServiceHarness, fault: str) -> None:
    job_id = world.submit("ann", "tablet").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.wire().plan(TRANSACT, fault)
    assert world.settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
    assert (owner(world, "tablet"), world.balance()) == ("ann", (999, 0, 1))
    assert world.audit().violations == ()


def test_a_late_capture_claims_nothing_once_the_job_is_settled(world: ServiceHarness) -> None:
    job_id = world.submit("ann", "tablet").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    wire = world.wire()
    wire.plan(TRANSACT, "late")
    world.settlement.resolve("ann", job_id)
    before = world.items()
    assert wire.deliver_late() == [400]
    assert world.items() == before


OLD, NEW = Pepper(1, b"p" * 32), Pepper(2, b"q" * 32)


def with_peppers(client: Any, table_name: str, provider: Any, *peppers: Pepper) -> ServiceHarness:
    return ServiceHarness(
        client, table_name, provider=provider, welcome_credits=1000, peppers=peppers
    )


@pytest.mark.parametrize("submitted_by", ["old", "rotated"])
@pytest.mark.parametrize("captured_by", ["old", "rotated"])
def test_a_device_is_claimed_while_a_pepper_is_rolled_out(
    client: Any, table_name: str, submitted_by: str, captured_by: str
) -> None:
    """Whichever process makes and whichever captures the job, both know whose the device is."""
    provider = LikeKling()
    worlds = {
        "old": with_peppers(client, table_name, provider, OLD),
        "rotated": with_peppers(client, table_name, provider, OLD, NEW),
    }
    sign_up(worlds["old"], "ann", "phone")
    job_id = worlds[submitted_by].submit("ann", "tablet").job.job_id
    provider.book(job_id, TaskStatus.SUCCEEDED)
    assert worlds[captured_by].settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
    for name, world in worlds.items():
        with pytest.raises(DeviceAlreadyUsed):
            sign_up(world, f"bob-{name}", "tablet")
    assert worlds["rotated"].audit().violations == ()


def test_a_claim_made_under_an_old_pepper_is_respected_by_a_capture(
    client: Any, table_name: str
) -> None:
    provider = LikeKling()
    sign_up(with_peppers(client, table_name, provider, OLD), "bob", "laptop")
    rotated = with_peppers(client, table_name, provider, OLD, NEW)
    sign_up(rotated, "ann", "phone")
    ended(rotated, "laptop")
    assert (owner(rotated, "laptop"), has_item(rotated, "laptop")) == (None, True)
    assert rotated.audit().violations == ()


def test_a_new_device_known_under_an_old_pepper_is_claimed_under_the_newest(
    client: Any, table_name: str
) -> None:
    provider = LikeKling()
    old = with_peppers(client, table_name, provider, OLD)
    sign_up(old, "ann", "phone")
    ended(old, "tablet", TaskStatus.FAILED)
    rotated = with_peppers(client, table_name, provider, OLD, NEW)
    ended(rotated, "tablet")
    newest = rotated.users.digests("tablet").newest
    assert newest in rotated.wallet().devices_with_item
    assert (len(rotated.wallet().fingerprints), rotated.wallet().device_count) == (2, 2)
    assert rotated.audit().violations == ()


def test_a_claim_that_cannot_be_read_does_not_keep_the_capture_from_happening(
    world: ServiceHarness,
) -> None:
    """It may be of another's device: whoever damages it must not stop what others pay for."""
    job_id = world.submit("ann", "tablet").job.job_id
    claim = users_keys.fingerprint_claim(world.users.digests("tablet").newest)
    item = {"PK": {"S": claim.pk}, "SK": {"S": claim.sk}, "at": {"S": "2026-01-01T00:00:00.000Z"}}
    world.client.put_item(TableName=world.table._name, Item=item)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    assert world.settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(world, "bob", "tablet")
    assert (
        world.client.get_item(
            TableName=world.table._name, Key={"PK": item["PK"], "SK": item["SK"]}
        )["Item"]
        == item
    )
