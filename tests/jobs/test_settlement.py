"""How a job ends: what the worker reads from the provider, and what it settles from that."""

import pytest

from service.core.amounts import SCALE
from service.jobs.entities import JobDamaged, JobStatus
from service.providers.base import Indeterminate, Task, TaskStatus
from tests.doubles.service_harness import ServiceHarness
from tests.jobs.lost_jobs import lost


@pytest.mark.protocol("capture-with-result")
def test_a_delivered_video_is_charged_with_its_link_in_one_step(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(30)
    job = world.job(job_id)
    assert (job.status, job.due_at) == (JobStatus.SUCCEEDED, None)
    assert (job.result or {})["videoUrl"] == f"https://videos.example.com/{job_id}.mp4"
    assert world.balance() == (2, 0, 1)
    assert world.audit().violations == ()


@pytest.mark.protocol("failure-releases")
def test_a_failed_generation_returns_the_credit(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.FAILED)
    world.work_until(30)
    assert (world.job(job_id).failure, world.balance()) == ("GENERATION_FAILED", (3, 0, 0))
    assert world.audit().violations == ()


@pytest.mark.protocol("polls-spread")
def test_a_running_job_is_fetched_less_and_less_often(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.work_until(1800, step=10)
    lookups = len(world.provider.requested)
    assert 30 <= lookups <= 50
    assert world.job(job_id).status is JobStatus.SUBMITTED
    assert world.audit().violations == ()


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "ftp://x.example/v.mp4",
        "http://x.example/v.mp4",
        "https://",
        "https://x.example/" + "v" * 2000,
    ],
)
@pytest.mark.protocol("unusable-result")
def test_a_success_without_a_usable_link_is_not_charged(
    world: ServiceHarness, url: str | None
) -> None:
    job_id = world.submit().job.job_id
    world.provider.tasks[job_id] = Task(f"task-{job_id}", TaskStatus.SUCCEEDED, {}, url)
    world.work_until(120)
    assert world.job(job_id).status is JobStatus.SUBMITTED
    assert world.balance() == (2, 1, 0)


@pytest.mark.protocol("found-by-our-id")
def test_an_accepted_task_whose_response_is_lost_is_found_and_charged_once(
    world: ServiceHarness,
) -> None:
    job_id = lost(world, taken=True)
    world.work_until(60)
    assert (world.job(job_id).status, world.job(job_id).task_id) == (
        JobStatus.SUBMITTED,
        f"task-{job_id}",
    )
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(120)
    assert world.balance() == (2, 0, 1)
    assert len(world.provider.sent) == 1


@pytest.mark.protocol("two-not-founds")
def test_a_lost_request_comes_back_only_after_two_not_founds_and_the_quarantine(
    world: ServiceHarness,
) -> None:
    job_id = lost(world, taken=False)
    world.work_until(610, step=10)
    assert world.job(job_id).status is JobStatus.SUBMITTING
    world.work_until(100, step=10)
    job = world.job(job_id)
    assert (job.failure, world.balance()) == ("PROVIDER_UNRESOLVED", (3, 0, 0))
    assert job.watch_until is not None
    assert world.audit().violations == ()


@pytest.mark.protocol("two-not-founds")
def test_one_not_found_is_not_enough_however_late_it_comes(world: ServiceHarness) -> None:
    job_id = lost(world, taken=False)
    world.clock.advance(5000)
    world.work()
    assert world.job(job_id).status is JobStatus.SUBMITTING
    world.clock.advance(61)
    world.work()
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"


@pytest.mark.protocol("two-not-founds")
def test_a_slow_not_found_counts_from_its_response_not_from_its_request(
    world: ServiceHarness,
) -> None:
    """The provider may have searched at any moment until it responded: the second lookup must be
    far enough from that."""
    job_id = lost(world, taken=False)
    world.clock.advance(700)
    fetch_task = world.provider.fetch_task
    world.provider.fetch_task = lambda *arguments: (
        world.clock.advance(40),
        fetch_task(*arguments),
    )[1]
    world.work()
    world.provider.fetch_task = fetch_task
    world.clock.advance(30)
    world.settlement.resolve("ann", job_id)
    assert world.job(job_id).status is JobStatus.SUBMITTING
    world.clock.advance(31)
    world.settlement.resolve("ann", job_id)
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"


@pytest.mark.protocol("errors-never-count")
def test_errors_never_count_as_not_found(world: ServiceHarness) -> None:
    job_id = lost(world, taken=False)
    world.provider.lookups = [Indeterminate()] * 1000
    world.work_until(3600)
    assert world.job(job_id).status is JobStatus.SUBMITTING
    assert world.balance() == (2, 1, 0)


@pytest.mark.protocol("early-not-found")
def test_a_not_found_before_the_end_of_the_window_counts_for_nothing(world: ServiceHarness) -> None:
    job_id = lost(world, taken=False)
    world.clock.advance(10)
    world.settlement.resolve("ann", job_id)
    assert world.job(job_id).not_found_at is None


@pytest.mark.protocol("house-loss")
def test_a_late_success_after_the_release_is_delivered_and_counted_as_house_loss(
    world: ServiceHarness,
) -> None:
    job_id = lost(world, taken=False)
    world.work_until(800)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(1000)
    job = world.job(job_id)
    assert (job.status, job.house_loss, job.due_at) == (JobStatus.FAILED, 1 * SCALE, None)
    assert job.result is not None
    assert world.balance() == (3, 0, 0)
    assert world.audit().violations == ()


@pytest.mark.protocol("watched")
def test_a_watch_ends_when_the_task_has_failed(world: ServiceHarness) -> None:
    job_id = lost(world, taken=False)
    world.work_until(800)
    world.provider.book(job_id, TaskStatus.FAILED)
    world.work_until(1000)
    assert (world.job(job_id).watch_until, world.job(job_id).due_at) == (None, None)


@pytest.mark.protocol("watched")
def test_a_watch_ends_with_its_time(world: ServiceHarness) -> None:
    job_id = lost(world, taken=False)
    world.work_until(800)
    world.work_until(25 * 3600, step=600)
    assert (world.job(job_id).watch_until, world.job(job_id).due_at) == (None, None)
    lookups = len(world.provider.requested)
    world.work_until(3600, step=600)
    assert len(world.provider.requested) == lookups


@pytest.mark.protocol("house-loss")
def test_a_late_success_of_a_job_that_failed_otherwise_is_delivered_too(
    world: ServiceHarness,
) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.FAILED)
    world.work_until(60)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    job = world.settlement.resolve("ann", job_id)
    assert (job.status, job.house_loss) == (JobStatus.FAILED, 1 * SCALE)
    assert world.balance() == (3, 0, 0)
    assert world.audit().violations == ()


@pytest.mark.protocol("hard-limit")
def test_a_job_that_still_runs_at_the_hard_limit_is_released_and_watched(
    world: ServiceHarness,
) -> None:
    job_id = world.submit().job.job_id
    world.work_until(24 * 3600 - 600, step=300)
    assert world.job(job_id).status is JobStatus.SUBMITTED
    world.work_until(1200, step=60)
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(2000, step=100)
    assert world.job(job_id).house_loss == 1 * SCALE


@pytest.mark.protocol("hard-limit")
def test_a_success_at_the_hard_limit_is_still_charged(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.clock.advance(25 * 3600)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work()
    assert world.job(job_id).status is JobStatus.SUCCEEDED


@pytest.mark.protocol("hard-limit")
def test_a_submitted_task_that_vanishes_is_kept_until_the_hard_limit(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.tasks.clear()
    world.work_until(23 * 3600, step=600)
    assert world.job(job_id).status is JobStatus.SUBMITTED
    world.work_until(2 * 3600, step=600)
    assert world.job(job_id).failure == "PROVIDER_UNRESOLVED"


@pytest.mark.protocol("silence-waits")
def test_when_nothing_responds_at_the_hard_limit_the_job_waits(world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.lookups = [Indeterminate()] * 1000
    world.work_until(26 * 3600, step=600)
    assert world.job(job_id).status is JobStatus.SUBMITTED


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("taskId", {"S": "task-of-another"}),
        ("createdAt", {"S": "2026-01-01T00:00:00.000Z"}),
        ("hardAt", {"N": "1"}),
    ],
)
def test_a_job_that_was_edited_by_hand_is_not_settled_and_not_sealed_again(
    world: ServiceHarness, attribute: str, value: dict[str, str]
) -> None:
    """Or the edit would look as if the service had made it."""
    job_id = world.submit().job.job_id
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "USER#ann"}, "SK": {"S": f"JOB#{job_id}"}},
        UpdateExpression="SET #a = :v",
        ExpressionAttributeNames={"#a": attribute},
        ExpressionAttributeValues={":v": value},
    )
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    before = world.items()
    with pytest.raises(JobDamaged):
        world.settlement.resolve("ann", job_id)
    assert world.items() == before
    assert any(job_id in violation.item for violation in world.audit().violations)
