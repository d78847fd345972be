"""Submitting a job while the table, the worker or our own code fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from service.jobs.entities import JobStatus
from service.ledger.entities import OutcomeUnknown, WalletBusy
from service.providers.base import Rejected, RejectionReason
from tests.doubles.service_harness import ServiceHarness


@pytest.mark.parametrize(
    "fault", ["lost-answer", "lost-request", "throttle", "conflict", "internal", "unreachable"]
)
@pytest.mark.parametrize("key", [None, "k1"])
@pytest.mark.protocol("hold-first")
def test_a_disturbed_hold_makes_one_job(world: ServiceHarness, fault: str, key: str | None) -> None:
    world.submit()
    world.wire().plan("TransactWriteItems", fault)
    placed = world.submit(key=key)
    assert placed.job.status is JobStatus.SUBMITTED
    assert world.balance() == (1, 2, 0)
    assert [request.job_id for request in world.provider.sent].count(placed.job.job_id) == 1
    assert world.audit().violations == ()


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "throttle", "internal"])
@pytest.mark.protocol("record-exactly")
def test_a_disturbed_record_ends_in_the_recorded_job(world: ServiceHarness, fault: str) -> None:
    world.submit()
    world.wire().plan("UpdateItem", fault)
    assert world.submit().job.status is JobStatus.SUBMITTED


@pytest.mark.protocol("response-from-store")
def test_a_record_that_cannot_be_confirmed_returns_the_job(world: ServiceHarness) -> None:
    world.submit()
    world.wire().plan("UpdateItem", "lost-request", times=3)
    placed = world.submit()
    assert placed.job.status is JobStatus.SUBMITTING
    world.work_until(60)
    assert world.job(placed.job.job_id).status is JobStatus.SUBMITTED


@pytest.mark.protocol("unknown-hold")
def test_a_hold_of_unknown_outcome_names_the_job_it_may_have_made(world: ServiceHarness) -> None:
    world.submit()
    world.wire().plan("TransactWriteItems", "lost-request", times=1000)
    with pytest.raises(OutcomeUnknown) as refused:
        world.submit()
    assert refused.value.location == f"/jobs/{refused.value.details['jobId']}"
    assert len(world.provider.sent) == 1


@pytest.mark.protocol("worker-never-sends")
def test_a_hold_that_lands_late_is_never_sent_and_comes_back(world: ServiceHarness) -> None:
    world.submit()
    wire = world.wire()
    wire.plan("TransactWriteItems", "late", times=1000)
    with pytest.raises(OutcomeUnknown) as refused:
        world.submit()
    wire._plans.clear()
    assert 200 in wire.deliver_late()
    job_id = str(refused.value.details["jobId"])
    assert world.job(job_id).status is JobStatus.SUBMITTING
    world.work_until(800)
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"
    assert job_id not in [request.job_id for request in world.provider.sent]
    assert world.audit().violations == ()


@pytest.mark.protocol("fair-lock")
def test_the_time_to_send_begins_after_the_wait_for_the_wallets_lock(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that queued for longer than the window is still sent: the window belongs to its
    hold."""
    world.submit()
    left: list[float] = []
    create = world.provider.create

    @contextmanager
    def slow_lock(*_: object) -> Iterator[bool]:
        world.clock.advance(25)
        yield True

    def timed(request: Any, until: float) -> Any:
        left.append(until - world.clock.monotonic())
        return create(request, until)

    monkeypatch.setattr(world.ledger._wallet_locks, "locked", slow_lock)
    monkeypatch.setattr(world.provider, "create", timed)
    world.submit()
    assert left == [8.0]


def test_a_busy_wallet_is_reported_and_nothing_is_sent(world: ServiceHarness) -> None:
    world.submit()
    world.wire().plan("TransactWriteItems", "conflict", times=1000)
    with pytest.raises(WalletBusy):
        world.submit()
    assert len(world.provider.sent) == 1


@pytest.mark.protocol("response-from-store")
def test_a_release_that_cannot_be_confirmed_returns_the_job_as_stored(
    world: ServiceHarness,
) -> None:
    world.submit()
    world.provider.creates = [Rejected(RejectionReason.CONTENT)]
    world.wire().plan("TransactWriteItems", "lost-request", skip=1, times=1000)
    placed = world.submit()
    assert placed.job.status is JobStatus.SUBMITTING


@pytest.mark.protocol("window")
def test_a_request_that_wakes_after_its_job_was_released_neither_sends_nor_releases_again(
    client: Any, table_name: str
) -> None:
    """The hold is committed, its response is lost, and the process is suspended until the worker
    has released the job."""
    world = ServiceHarness(client, table_name)
    world.submit()
    worker = ServiceHarness(client, table_name, clock=world.clock, provider=world.provider)
    wire = world.wire()
    wire.plan("TransactWriteItems", "lost-answer")
    slept: list[bool] = []

    def stand_still(_: str) -> None:
        if wire.calls[-1:] == ["TransactWriteItems"] and not slept:
            slept.append(True)
            worker.work_until(800)

    wire.before(stand_still)
    placed = world.submit()
    assert (placed.job.failure, len(world.provider.sent)) == ("PROVIDER_UNRESOLVED", 1)
    assert world.balance() == (2, 1, 0)
    assert world.audit().violations == ()


@pytest.mark.parametrize("reason", [RejectionReason.CONTENT, RejectionReason.BUSY])
@pytest.mark.protocol("job-named")
def test_whatever_goes_wrong_after_the_hold_the_response_names_the_job(
    world: ServiceHarness, reason: RejectionReason
) -> None:
    world.submit()
    world.provider.creates = [Rejected(reason)]

    def broken(*_: Any) -> Any:
        raise RuntimeError("a fault of ours")

    world.jobs._settlement = type("Broken", (), {"decline": broken, "record": broken})()
    assert world.submit().job.status is JobStatus.SUBMITTING


def test_a_conflict_at_the_first_read_is_tried_again(world: ServiceHarness) -> None:
    world.submit()
    world.wire().plan("TransactGetItems", "conflict", times=4)
    assert world.submit(key="k1").job.status is JobStatus.SUBMITTED
