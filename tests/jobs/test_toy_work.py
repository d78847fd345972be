"""Another kind of work goes through hold, settlement, sweep, audit and routes as it is: a folder of
its own, and one line in the list of features."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.app import FEATURES, create_app
from service.catalog.pricing import Metered, Price, Rate
from service.core.amounts import SCALE
from service.core.principal import Principal
from service.jobs.entities import JobRequest, JobStatus, ProviderCost
from service.jobs.operations import Submission
from service.jobs.schemas import job_body
from service.jobs.work import NotKept, price_of
from service.ledger.entities import InsufficientCredits
from tests.doubles.service_harness import ServiceHarness
from tests.jobs.toy.feature import BY_THE_WORD, TOY, TooManyWords, Words

ANN = Principal("https://accounts.google.com", "ann")
WITH_TOY = (*FEATURES[:-2], TOY, *FEATURES[-2:])


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, welcome_credits=10, features=WITH_TOY)


def words(world: ServiceHarness) -> Words:
    return world.parts.get(Words)


def say(world: ServiceHarness, count: int, key: str | None = None) -> Submission:
    request = JobRequest(ANN, "toy:words", "POST /words", "phone", count, (str(count),), key)
    return world.jobs.submit(request)


def test_a_toy_takes_one_file_and_one_line() -> None:
    files = [path.name for path in (Path(__file__).parent / "toy").glob("*.py")]
    assert sorted(files) == ["__init__.py", "feature.py"]
    assert [each for each in WITH_TOY if each not in FEATURES] == [TOY]


def test_work_that_costs_less_than_it_holds_is_charged_what_it_cost(world: ServiceHarness) -> None:
    job = say(world, 8).job
    assert (job.status, world.balance()) == (JobStatus.SUBMITTED, (2, 8, 0))
    words(world).said[job.job_id] = 3
    world.work_until(60)
    done = world.job(job.job_id)
    assert done.status is JobStatus.SUCCEEDED
    assert (done.held, done.captured, done.returned) == (8 * SCALE, 3 * SCALE, 5 * SCALE)
    assert (done.usage, done.provider_cost) == ({"words": 3}, ProviderCost(210, "USD"))
    assert world.balance() == (7, 0, 3)
    assert world.audit().violations == ()


def test_a_job_is_charged_by_the_price_that_it_was_quoted(world: ServiceHarness) -> None:
    """Its price has been replaced meanwhile, and another process settles it."""
    job = say(world, 8).job
    words(world).price = Metered({Rate.OUTPUT: 5})
    words(world).said[job.job_id] = 3
    world.work_until(60)
    assert world.job(job.job_id).captured == 3 * SCALE
    assert price_of(world.job(job.job_id)) == Price("toy:words", BY_THE_WORD)
    assert world.audit().violations == ()


def test_a_minimum_is_charged_for_less_and_a_maximum_for_more(world: ServiceHarness) -> None:
    words(world).price = replace(BY_THE_WORD, minimum=2 * SCALE, maximum=5 * SCALE)
    few, many = say(world, 1).job, say(world, 7).job
    assert (few.held, many.held) == (2 * SCALE, 5 * SCALE)
    words(world).said |= {few.job_id: 1, many.job_id: 7}
    world.work_until(60)
    assert world.balance() == (3, 0, 7)
    assert world.audit().violations == ()


def test_work_that_used_nothing_is_delivered_for_nothing(world: ServiceHarness) -> None:
    job = say(world, 8).job
    words(world).said[job.job_id] = 0
    world.work_until(60)
    assert world.job(job.job_id).status is JobStatus.SUCCEEDED
    assert world.balance() == (10, 0, 0)
    assert world.audit().violations == ()


def test_work_that_cost_more_than_it_holds_is_charged_what_it_holds(world: ServiceHarness) -> None:
    job = say(world, 4).job
    words(world).said[job.job_id] = 9
    world.work_until(60)
    assert (world.job(job.job_id).captured, world.balance()) == (4 * SCALE, (6, 0, 4))
    assert world.audit().violations == ()


def test_work_that_fails_is_not_charged(world: ServiceHarness) -> None:
    job = say(world, 4).job
    words(world).said[job.job_id] = None
    world.work_until(60)
    assert (world.job(job.job_id).failure, world.balance()) == ("GENERATION_FAILED", (10, 0, 0))
    assert world.audit().violations == ()


@pytest.mark.parametrize(("count", "refusal"), [(101, TooManyWords), (11, InsufficientCredits)])
def test_work_that_is_refused_writes_nothing(
    world: ServiceHarness, count: int, refusal: type[Exception]
) -> None:
    say(world, 1)
    before = world.items()
    with pytest.raises(refusal):
        say(world, count)
    assert world.items() == before


@pytest.mark.parametrize("verb", ["validate", "estimate", "payload"])
@pytest.mark.parametrize("known", [False, True])
def test_work_that_refuses_in_any_of_its_verbs_writes_nothing_not_even_a_sign_up(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch, verb: str, known: bool
) -> None:
    if known:
        say(world, 1)

    def refuse(body: int) -> Any:
        raise TooManyWords

    monkeypatch.setattr(words(world), verb, refuse)
    before = world.items()
    with pytest.raises(TooManyWords):
        say(world, 2)
    assert world.items() == before


def test_work_that_keeps_too_much_of_its_request_writes_nothing(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words(world), "payload", lambda body: {"maxWords": "w" * 200})
    with pytest.raises(ValueError, match="keeps too much"):
        say(world, 2)
    assert world.items() == []


def test_work_delivered_late_for_nothing_is_no_house_loss_and_no_violation(
    world: ServiceHarness,
) -> None:
    job = say(world, 4).job
    words(world).said[job.job_id] = None
    world.work_until(60)
    words(world).said[job.job_id] = 0
    late = world.settlement.resolve("ann", job.job_id)
    assert (late.status, late.house_loss) == (JobStatus.FAILED, 0)
    assert late.result is not None
    assert world.audit().violations == ()


def test_a_job_whose_operation_is_not_offered_is_shown_with_the_common_fields(
    client: Any, table_name: str, world: ServiceHarness
) -> None:
    """The release that offered it was rolled back."""
    toy = say(world, 2).job
    world.clock.advance(1)
    world.submit()
    rolled_back = ServiceHarness(client, table_name, clock=world.clock)
    page = rolled_back.jobs.page("ann", 9, None)
    _, shown = (job_body(job, rolled_back.operations) for job in page.jobs)
    assert shown == {
        "jobId": toy.job_id,
        "operation": toy.operation,
        "status": "SUBMITTED",
        "createdAt": shown["createdAt"],
        "credits": {"held": 2, "captured": 0, "released": 0},
        "receipt": shown["receipt"],
        "error": None,
    }
    assert rolled_back.audit().violations == ()


@pytest.mark.protocol("key-per-user")
def test_a_key_of_one_kind_of_work_is_not_that_of_another(world: ServiceHarness) -> None:
    video = world.submit(key="k").job
    job = say(world, 2, key="k").job
    assert job.job_id != video.job_id
    assert say(world, 2, key="k").job == job


def test_each_job_is_shown_with_its_own_kinds_fields(world: ServiceHarness) -> None:
    say(world, 2)
    world.clock.advance(1)
    world.submit()
    video, toy = (job_body(job, world.operations) for job in world.jobs.page("ann", 9, None).jobs)
    assert "videoUrl" in video
    assert "videoUrl" not in toy
    assert toy["words"] is None
    assert toy["credits"] == {"held": 2, "captured": 0, "released": 0}


def test_the_service_serves_it_with_everything_else(world: ServiceHarness) -> None:
    rules = {rule.rule for rule in create_app(world.parts).url_map.iter_rules()}
    assert {"/callbacks/kling/<token>", "/callbacks/toy/<token>", "/jobs", "/videos"} <= rules


def test_what_cannot_be_kept_stays_held_and_is_tried_again(world: ServiceHarness) -> None:
    job_id = say(world, 3).job.job_id
    toy = words(world)
    toy.said[job_id], toy.not_kept = 3, NotKept("the shelf is full", 7)
    held = world.wallet().held
    world.clock.advance(60)
    world.work()
    job = world.job(job_id)
    assert (job.status, job.due_at) == (JobStatus.SUBMITTED, world.clock.now() + 7000)
    assert world.wallet().held == held
    toy.not_kept = NotKept("the shelf is full")
    world.clock.advance(7)
    world.work()
    later = world.job(job_id).due_at or 0
    assert later > world.clock.now()
    toy.not_kept = None
    world.clock.advance(60)
    world.work()
    assert world.job(job_id).status is JobStatus.SUCCEEDED
    assert world.audit().violations == ()


def test_what_takes_long_to_keep_is_left_to_the_worker(world: ServiceHarness) -> None:
    job_id = say(world, 3).job.job_id
    toy = words(world)
    toy.said[job_id], toy.slowly = 3, True
    for _ in range(2):
        assert world.settlement.resolve("ann", job_id).status is JobStatus.SUBMITTED
    assert (toy.kept, world.job(job_id).due_at) == ([], world.clock.now())
    world.work()
    assert (toy.kept, world.job(job_id).status) == ([job_id], JobStatus.SUCCEEDED)
