"""The sweep removes what has no head, and goes on after what it cannot finish."""

from structlog.testing import capture_logs

from service.results import keys, sweeps
from service.results.sweeps import UnfinishedResults
from service.storage.writes import Put
from tests.results.conftest import LARGE, World


def test_one_that_cannot_be_finished_does_not_stop_the_others(world: World) -> None:
    job_id = world.job_with_result(LARGE)
    broken = keys.unfinished("job_0", "att_0")
    index = keys.DUE_UNFINISHED.index("att_0", 1)
    world.table.write(Put(broken, {"userId": "ann", **index}))
    with capture_logs() as logs:
        world.sweep()
    assert [line["event"] for line in logs] == ["result_not_finished"]
    assert world.keys(keys.UNFINISHED_PREFIX) == [broken.sk]
    assert world.results.read("ann", job_id) is not None


def test_an_outage_is_over_by_the_next_run(world: World) -> None:
    world.job_with_result(LARGE)
    wire = world.wire()
    wire.plan("GetItem", "internal", times=100)
    with capture_logs() as logs:
        world.sweep()
    assert logs[0]["reason"] == "STORAGE_UNAVAILABLE"
    wire.leave()
    world.sweep()
    assert world.keys(keys.UNFINISHED_PREFIX) == []


def test_a_stopping_worker_begins_no_other(world: World) -> None:
    world.job_with_result(LARGE)
    world.clock.advance(7200)
    assert not UnfinishedResults(world.results, lambda: True).run_once()
    assert len(world.keys(keys.UNFINISHED_PREFIX)) == 1
    assert sweeps.BATCH > 1
