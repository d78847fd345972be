"""Requests that repeat an idempotency key."""

from typing import Any

import pytest

from service.catalog.entities import IMAGE_TO_VIDEO, UnknownPromptKey
from service.core.amounts import SCALE
from service.jobs.entities import (
    Failure,
    JobStatus,
    ProviderBusy,
    ProviderUnavailable,
)
from service.ledger.entities import IdempotencyKeyReused
from service.providers.base import Indeterminate, Rejected, RejectionReason, TaskStatus
from service.videos.entities import ContentRejected, ImageRejected
from tests.doubles.pictures import in_base64, jpeg, padded
from tests.doubles.service_harness import ServiceHarness, order


@pytest.mark.protocol("only-the-holder-sends")
def test_the_same_key_returns_the_same_job(world: ServiceHarness) -> None:
    first = world.submit(key="k1")
    again = world.submit(key="k1")
    assert (again.job, again.replayed, again.remaining) == (first.job, True, 2 * SCALE)
    assert len(world.provider.sent) == 1


@pytest.mark.protocol("whole-body-compared")
def test_the_same_key_from_another_device_is_the_same_request(world: ServiceHarness) -> None:
    first = world.submit(key="k1")
    assert world.submit(key="k1", device="tablet").job == first.job


@pytest.mark.protocol("key-per-user")
def test_a_key_belongs_to_its_user(world: ServiceHarness) -> None:
    first = world.submit("ann", "phone", key="k1")
    assert world.submit("bob", "laptop", key="k1").job.job_id != first.job.job_id


@pytest.mark.protocol("key-reused")
def test_a_key_with_another_body_is_refused_and_changes_nothing(world: ServiceHarness) -> None:
    job = world.submit(key="k1").job
    before = world.items()
    with pytest.raises(IdempotencyKeyReused) as refused:
        world.submit(key="k1", image="https://images.example.com/other.jpg")
    assert (refused.value.details, refused.value.location) == (
        {"jobId": job.job_id},
        f"/jobs/{job.job_id}",
    )
    assert world.items() == before


@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.protocol("whole-body-compared")
def test_a_picture_that_differs_in_one_byte_is_another_body(
    world: ServiceHarness, where: str
) -> None:
    """Length and header are the same."""
    picture = bytearray(padded(jpeg(), 200_000))
    place = {"first": 5_000, "middle": len(picture) // 2, "last": len(picture) - 3}[where]
    world.submit(key="k1", image=in_base64(bytes(picture)))
    picture[place] ^= 1
    before = world.items()
    with pytest.raises(IdempotencyKeyReused):
        world.submit(key="k1", image=in_base64(bytes(picture)))
    assert world.items() == before


@pytest.mark.protocol("replay-before-settings")
def test_a_replay_returns_its_job_though_the_credits_are_gone(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name, welcome_credits=1)
    first = world.submit(key="k1")
    assert world.submit(key="k1").job == first.job


@pytest.mark.protocol("replay-before-settings")
def test_a_replay_returns_its_job_though_its_prompt_is_gone(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.submit(key="k1")

    def refuse(_: object) -> None:
        raise UnknownPromptKey

    monkeypatch.setattr(world.operations.work(IMAGE_TO_VIDEO), "validate", refuse)
    with pytest.raises(UnknownPromptKey):
        world.submit(key="k2")
    assert world.submit(key="k1").job == first.job


@pytest.mark.protocol("one-snapshot")
def test_a_twin_that_spends_the_last_credit_in_between_is_no_refusal(
    client: Any, table_name: str
) -> None:
    """The twin's hold comes after this request's first read: the request finds its own job, not an
    empty wallet."""
    world = ServiceHarness(client, table_name, welcome_credits=1)
    world.users.sign_up(order().principal, world.users.digests("phone"))
    twin = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    placed: list[Any] = []
    wire = world.wire()
    wire.before(
        lambda _: (
            placed.append(twin.submit(key="k1")) if len(wire.calls) == 1 and not placed else None
        )
    )
    replay = world.submit(key="k1")
    assert (replay.job, replay.replayed) == (placed[0].job, True)
    assert len(world.provider.sent) == 1


@pytest.mark.parametrize("reason", [RejectionReason.IMAGE, RejectionReason.CONTENT])
@pytest.mark.protocol("successor")
def test_a_rejected_job_keeps_its_key(world: ServiceHarness, reason: RejectionReason) -> None:
    world.provider.creates = [Rejected(reason)]
    refusals = []
    for _ in range(2):
        with pytest.raises((ImageRejected, ContentRejected)) as refused:
            world.submit(key="k1")
        refusals.append(refused.value.details["jobId"])
    assert refusals[0] == refusals[1]
    assert len(world.provider.sent) == 1


@pytest.mark.parametrize("reason", [RejectionReason.BUSY, RejectionReason.UNAVAILABLE])
@pytest.mark.protocol("successor", "unavailable")
def test_a_job_that_was_never_taken_is_followed_by_another_under_its_key(
    world: ServiceHarness, reason: RejectionReason
) -> None:
    world.provider.creates = [Rejected(reason)]
    with pytest.raises((ProviderBusy, ProviderUnavailable)) as refused:
        world.submit(key="k1")
    successor = world.submit(key="k1")
    assert successor.job.job_id != refused.value.details["jobId"]
    assert (successor.job.status, successor.replayed) == (JobStatus.SUBMITTED, False)
    assert world.submit(key="k1").job == successor.job
    assert world.balance() == (2, 1, 0)
    assert world.audit().violations == ()


@pytest.mark.parametrize("successor", [False, True])
@pytest.mark.protocol("one-snapshot")
def test_a_twin_is_not_refused_on_the_wallet_of_before_its_job_was_released(
    client: Any, table_name: str, successor: bool
) -> None:
    """Between its read of wallet and key and its read of the job, that job is released, and in one
    case has a successor."""
    world, other = (ServiceHarness(client, table_name, welcome_credits=1) for _ in range(2))
    world.provider.creates = [Indeterminate()]
    first = world.submit(key="k1").job
    done: list[Any] = []

    def interfere(operation: str) -> None:
        if operation == "GetItem" and not done:
            done.append(other.settlement.decline(first, Failure.PROVIDER_BUSY))
            done.extend([other.submit(key="k1").job] if successor else [])

    world.wire().before(interfere)
    placed = world.submit(key="k1").job
    assert placed.job_id != first.job_id
    assert placed.job_id == (done[1].job_id if successor else placed.job_id)
    assert world.balance() == (0, 1, 0)
    assert world.audit().violations == ()


@pytest.mark.protocol("successor")
def test_a_successor_must_have_the_same_body(world: ServiceHarness) -> None:
    world.provider.creates = [Rejected(RejectionReason.BUSY)]
    with pytest.raises(ProviderBusy):
        world.submit(key="k1")
    with pytest.raises(IdempotencyKeyReused):
        world.submit(key="k1", image="https://images.example.com/other.jpg")


@pytest.mark.protocol("successor")
def test_a_failed_generation_is_returned_by_its_key_as_stored(world: ServiceHarness) -> None:
    placed = world.submit(key="k1")
    world.provider.book(placed.job.job_id, TaskStatus.FAILED)
    world.settlement.resolve("ann", placed.job.job_id)
    again = world.submit(key="k1")
    assert (again.job.status, again.job.failure, again.remaining) == (
        JobStatus.FAILED,
        "GENERATION_FAILED",
        3 * SCALE,
    )
