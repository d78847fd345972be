"""The results of a user are exported as they were delivered, and gone after an erasure."""

from service.core.clock import iso
from service.core.erasure import StepOutcome
from service.results.entities import Owner
from service.results.personal_data import ResultData
from tests.results.conftest import LARGE, SMALL, VERDICT, World


def test_every_result_is_exported_but_those_that_were_removed(world: World) -> None:
    for number, content in enumerate([LARGE, SMALL] + [{"text": "x"}] * 30):
        world.results.store(Owner("ann", "ann", f"job_{number:02d}"), VERDICT, content)
    world.results.erase_content("ann", "job_01")
    world.results.store(Owner("bob", "bob", "job_99"), VERDICT, SMALL)
    exported = list(ResultData(world.results).exported("ann"))
    assert len(exported) == 31
    at = iso(world.clock.now())
    assert exported[0] == {"jobId": "job_00", "createdAt": at, "content": LARGE}


def test_an_erasure_leaves_nothing_of_one_user_and_all_of_another(world: World) -> None:
    for number, content in enumerate([LARGE, SMALL] + [{"text": "x"}] * 30):
        world.results.store(Owner("ann", "ann", f"job_{number:02d}"), VERDICT, content)
    world.results.store(Owner("bob", "bob", "job_99"), VERDICT, SMALL)
    for _ in range(2):
        assert ResultData(world.results).remove("ann") is StepOutcome.DONE
    assert world.keys() == ["RESULT#job_99"]
