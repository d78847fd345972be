"""An audit during traffic: what moves while it is read is judged, and is no violation."""

from typing import Any

import pytest

from service.audit.operations import MAX_REREADINGS
from service.providers.base import TaskStatus
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness

READINGS = 1 + MAX_REREADINGS


def begin(world: ServiceHarness, user_id: str = "cara") -> str:
    return world.submit(user_id, f"phone-of-{user_id}").job.job_id


def end(world: ServiceHarness, job_id: str, user_id: str = "cara", *, delivered: bool) -> None:
    status = TaskStatus.SUCCEEDED if delivered else TaskStatus.FAILED
    world.provider.book(job_id, status)
    assert not world.settlement.resolve(user_id, job_id).is_open


@pytest.mark.protocol("in-flight")
def test_what_moves_while_it_is_read_is_judged_and_no_violation(
    client: Any, table_name: str
) -> None:
    """Before every single read of the audit another process places a job, and now and then ends all
    that are open."""
    world = ServiceHarness(client, table_name)
    for user_id in ("ann", "bob"):
        world.submit(user_id, f"phone-of-{user_id}", key="k")
    other = ServiceHarness(
        client, table_name, clock=world.clock, provider=world.provider, welcome_credits=100
    )
    begin(other)
    placed, still_open = list[str](), list[str]()

    def move(operation: str) -> None:
        if operation != "Query" or len(placed) == 30:
            return
        placed.append(other.submit("cara", "phone-of-cara", key=f"k{len(placed)}").job.job_id)
        still_open.append(placed[-1])
        while len(placed) % 4 == 0 and still_open:
            end(other, still_open.pop(), delivered=len(still_open) % 2 == 1)

    world.wire().before(move)
    assert not world.audit().violations
    assert len(placed) == 30


@pytest.mark.protocol("in-flight")
@pytest.mark.parametrize("prefix", ["JOB#", "DEVICE#"], ids=["before", "after"])
@pytest.mark.parametrize("delivered", [True, False])
def test_a_job_that_ends_during_every_reading_is_no_violation(prefix: str, delivered: bool) -> None:
    """Each time, just before or after the read of the jobs. An account that looked wrong for that
    would look wrong each time it is read again."""
    world = ServiceHarness(None, "Memory", connected=memory_client(), welcome_credits=100)
    still_open = [begin(world) for _ in range(2 * READINGS)]
    ended = list[str]()

    def end_one(operation: str, request: Any) -> None:
        if reads(operation, request, "cara", prefix):
            ended.append(still_open.pop())
            end(world, ended[-1], delivered=delivered)

    world.wire().instead(end_one)
    assert not world.audit().violations
    assert len(ended) == 1, "and nothing had to be read again"


def reads(operation: str, request: Any, user_id: str, prefix: str) -> bool:
    """Whether the request is the audit's query of that user's items of that kind."""
    values = request.get("ExpressionAttributeValues")
    return operation == "Query" and values == {
        ":pk": {"S": f"USER#{user_id}"},
        ":prefix": {"S": prefix},
    }
