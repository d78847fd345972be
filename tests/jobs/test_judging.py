"""A vendor's strange response about a finished task delays no job's end, and raises an alarm."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.core.amounts import SCALE
from service.core.metrics import Metric, NoMetrics
from service.jobs.entities import Failure, Job, JobStatus, ProviderCost
from service.jobs.work import AsynchronousWork, Charge
from service.ledger.entities import StaleRead
from service.providers.base import RejectionReason, TaskStatus
from tests.doubles.service_harness import ServiceHarness
from tests.jobs.lost_jobs import lost

PRICE = 2


class Counts(NoMetrics):
    def __init__(self) -> None:
        self.counted: list[tuple[Metric, int, dict[str, str]]] = []

    def count(self, metric: Metric, value: int = 1, **dimensions: str) -> None:
        self.counted.append((metric, value, dimensions))

    def of(self, metric: Metric) -> list[tuple[int, dict[str, str]]]:
        return [(value, names) for each, value, names in self.counted if each is metric]


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, price=PRICE)


@pytest.fixture
def counts(world: ServiceHarness) -> Counts:
    counts = Counts()
    world.settlement._metrics = counts
    return counts


def work(world: ServiceHarness) -> AsynchronousWork:
    return world.operations.work("kling:image2video")


def raises(error: Exception) -> Callable[..., Any]:
    def broken(*_: object) -> Any:
        raise error

    return broken


def returns(value: Any) -> Callable[..., Any]:
    return lambda *_: value


def delivered(world: ServiceHarness) -> str:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    return job_id


IMPOSSIBLE = [
    raises(ArithmeticError("a number too large")),
    raises(LookupError("duration")),
    returns(None),
    returns(Charge(-1)),
    returns(Charge(1.5)),  # type: ignore[arg-type]
    returns(Charge(True)),
    returns(Charge("1")),  # type: ignore[arg-type]
    returns(Charge(10**40)),
    returns(Charge(1, {"videos": -1})),
    returns(Charge(1, {"videos": 10**40})),
    returns(Charge(1, {"videos": 0.5})),  # type: ignore[dict-item]
    returns(Charge(1, {7: 1})),  # type: ignore[dict-item]
    returns(Charge(1, {}, ProviderCost(-1, "USD"))),
    returns(Charge(1, {}, ProviderCost(1, None))),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("charge", IMPOSSIBLE)
def test_a_charge_that_breaks_or_is_impossible_is_made_by_our_own_count_with_an_alarm(
    world: ServiceHarness, counts: Counts, monkeypatch: pytest.MonkeyPatch, charge: Any
) -> None:
    job_id = delivered(world)
    monkeypatch.setattr(work(world), "charge", charge)
    with capture_logs() as logs:
        job = world.settlement.resolve("ann", job_id)
    assert (job.status, job.captured, job.usage) == (
        JobStatus.SUCCEEDED,
        PRICE * SCALE,
        {"videos": 1},
    )
    assert world.job(job_id).captured == PRICE * SCALE
    assert [line["alarm"] for line in logs if line["event"] == "job_needs_attention"] == [
        "charge_unusable"
    ]
    assert counts.of(Metric.JOB_ALARMS) == [(1, {"alarm": "charge_unusable"})]
    assert counts.of(Metric.USAGE_FAULTS) == [(1, {"fault": "charge_unusable"})]
    assert world.audit().violations == ()


def test_where_our_own_count_breaks_too_nothing_is_charged(
    world: ServiceHarness, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = delivered(world)
    for verb in ("charge", "charge_by_own_count"):
        monkeypatch.setattr(work(world), verb, raises(ArithmeticError()))
    assert world.settlement.resolve("ann", job_id).status is JobStatus.SUCCEEDED
    assert world.balance() == (3, 0, 0)
    assert counts.of(Metric.JOB_ALARMS) == [(1, {"alarm": "charge_unusable"})]
    assert world.audit().violations == ()


@pytest.mark.parametrize("duration", ["9e999999", "1e-999999", "sNaN", "-9e999999"])
def test_a_length_that_is_no_number_of_seconds_delays_no_delivery(
    world: ServiceHarness, duration: str
) -> None:
    job_id = delivered(world)
    task = world.provider.tasks[job_id]
    strange = {**task.facts, "videos": ({"id": "1", "duration": duration},)}
    world.provider.tasks[job_id] = replace(task, facts=strange)
    assert world.settlement.resolve("ann", job_id).usage == {"videos": 1}
    assert world.balance() == (1, 0, PRICE)


UNUSABLE = [
    raises(ValueError("no such field")),
    returns({}),
    returns(5),
    returns({"videoUrl": 0.5}),
    returns({"videoUrl": "v" * 1300}),
]


@pytest.mark.parametrize("judge", UNUSABLE)
def test_a_result_that_cannot_be_judged_is_unusable_and_raises_an_alarm(
    world: ServiceHarness, counts: Counts, monkeypatch: pytest.MonkeyPatch, judge: Any
) -> None:
    job_id = delivered(world)
    monkeypatch.setattr(work(world), "judge", judge)
    job = world.settlement.resolve("ann", job_id)
    assert (job.status, world.balance()) == (JobStatus.SUBMITTED, (1, PRICE, 0))
    assert counts.of(Metric.JOB_ALARMS) == [(1, {"alarm": "result_unusable"})]


@pytest.mark.parametrize("judge", UNUSABLE)
def test_a_job_whose_result_cannot_be_judged_can_be_given_up(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch, judge: Any
) -> None:
    job_id = delivered(world)
    monkeypatch.setattr(work(world), "judge", judge)
    world.clock.advance(24 * 3600 + 1)
    given_up = world.settlement.force_release("ann", job_id)
    assert (given_up.failure, world.balance()) == (Failure.PROVIDER_UNRESOLVED, (3, 0, 0))
    assert world.audit().violations == ()


@pytest.mark.protocol("house-loss")
def test_a_late_delivery_that_cannot_be_priced_is_a_loss_by_our_own_count(
    world: ServiceHarness, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = lost(world, taken=False)
    world.work_until(800)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    monkeypatch.setattr(work(world), "charge", raises(ArithmeticError()))
    counts.counted.clear()
    assert world.settlement.resolve("ann", job_id).house_loss == PRICE * SCALE
    assert counts.of(Metric.HOUSE_LOSS) == [(PRICE, {})]
    assert counts.of(Metric.JOB_ALARMS) == [(1, {"alarm": "charge_unusable"})]
    assert world.audit().violations == ()


def test_a_loss_beyond_the_hold_is_counted_once_by_the_write_that_committed(
    client: Any,
    table_name: str,
    world: ServiceHarness,
    counts: Counts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first capture finds the job changed, the second commits."""
    job_id = delivered(world)
    monkeypatch.setattr(work(world), "charge", returns(Charge((PRICE + 3) * SCALE)))
    settle, refused = world.settlement._settle, [StaleRead("the job has changed")]

    def stale_once(*arguments: Any) -> Job:
        if refused:
            raise refused.pop()
        return settle(*arguments)

    monkeypatch.setattr(world.settlement, "_settle", stale_once)
    assert world.settlement.resolve("ann", job_id).captured == PRICE * SCALE
    assert counts.of(Metric.HOUSE_LOSS) == [(3, {})]


def failed(world: ServiceHarness, rejection: RejectionReason | None) -> str:
    """A job whose task has failed, for that reason."""
    job_id = world.submit().job.job_id
    task = world.provider.book(job_id, TaskStatus.FAILED)
    world.provider.tasks[job_id] = replace(task, rejection=rejection)
    return job_id


@pytest.mark.parametrize(
    ("rejection", "failure"),
    [
        (None, "GENERATION_FAILED"),
        (RejectionReason.IMAGE, "IMAGE_REJECTED"),
        (RejectionReason.CONTENT, "CONTENT_REJECTED"),
        # Retryable failures: a task that was taken must have no successor under its key.
        (RejectionReason.BUSY, "GENERATION_FAILED"),
        (RejectionReason.UNAVAILABLE, "GENERATION_FAILED"),
    ],
)
def test_a_failed_task_is_named_by_the_reason_the_provider_states(
    world: ServiceHarness, rejection: RejectionReason | None, failure: str
) -> None:
    job_id = failed(world, rejection)
    world.work_until(60)
    job = world.job(job_id)
    assert (job.status, job.failure, job.retryable) == (JobStatus.FAILED, failure, False)
    assert world.balance() == (3, 0, 0)
    assert world.audit().violations == ()


@pytest.mark.parametrize("name", [raises(KeyError("image")), returns("NO_SUCH_FAILURE")])
def test_a_reason_that_cannot_be_named_is_a_failed_generation(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch, name: Callable[..., Any]
) -> None:
    job_id = failed(world, RejectionReason.IMAGE)
    monkeypatch.setattr(work(world), "failure_of", name)
    world.work_until(60)
    assert world.job(job_id).failure == "GENERATION_FAILED"
    assert world.audit().violations == ()


def test_an_early_rejection_is_the_error_of_the_post_and_a_late_one_is_not(
    world: ServiceHarness,
) -> None:
    late = world.job(failed(world, RejectionReason.IMAGE))
    world.work_until(60)
    assert world.operations.refusal(world.job(late.job_id)) is None
    early = replace(late, task_id=None, status=JobStatus.FAILED, failure="IMAGE_REJECTED")
    assert world.operations.refusal(early) is not None
