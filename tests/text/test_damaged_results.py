"""What becomes of a text whose stored result is damaged: nothing stays held for ever, and nothing
else waits for it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.core.metrics import Metric, NoMetrics
from service.jobs.entities import Failure, Job
from service.jobs.sweeps import DueJobs
from service.results import keys
from service.storage.writes import REPLACE, Update
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.text.conftest import begin, text_world


class Alarms(NoMetrics):
    def __init__(self) -> None:
        self.names: list[str] = []

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None:
        del value
        if metric is Metric.JOB_ALARMS:
            self.names.append(dimensions["alarm"])


@pytest.fixture
def world() -> ServiceHarness:
    return text_world(MemoryBehind(), MemoryBehind.name)


@pytest.fixture
def job(world: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Past its hard limit: its process died, and no one can read the result that it left."""
    with monkeypatch.context() as patch:
        patch.setattr(world.jobs, "conclude", _die)
        with pytest.raises(SystemExit):
            begin(world)
    (job,) = world.jobs.page("ann", 1, None).jobs
    world.table.write(Update(keys.head("ann", job.job_id), REPLACE, {"mac": "x"}))
    world.clock.advance(421)
    return job


def _die(*_: object) -> Job:
    raise SystemExit


def alarms_of_a_round(world: ServiceHarness) -> list[str]:
    alarms = Alarms()
    with ThreadPoolExecutor(1) as executor:
        DueJobs(world.table, world.settlement, world.clock, alarms, executor).run_once()
    return alarms.names


def test_its_job_is_put_off_with_an_alarm(world: ServiceHarness, job: Job) -> None:
    assert alarms_of_a_round(world) == ["unresolvable"]
    assert alarms_of_a_round(world) == [], "it makes way for those behind it"
    world.clock.advance(61)
    assert alarms_of_a_round(world) == ["unresolvable"]
    assert world.job(job.job_id).is_open


def test_its_job_can_be_given_up_and_is_not_watched_for_ever(
    world: ServiceHarness, job: Job
) -> None:
    given_up = world.settlement.force_release("ann", job.job_id)
    assert (given_up.failure, given_up.captured) == (Failure.INTERRUPTED, 0)
    assert world.wallet().held == 0
    assert world.wallet().credits == 3000
    watch_until = given_up.watch_until
    assert watch_until is not None
    world.clock.advance((watch_until - world.clock.now()) / 1000 + 61)
    world.work()
    assert world.job(job.job_id).watch_until is None
    assert alarms_of_a_round(world) == []
