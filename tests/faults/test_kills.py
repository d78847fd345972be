"""`kill -9` at every effect of a job's life: the job settles, the audit is clean, the user paid for
what was delivered.

The effects come from a recording of a run that no one disturbs, so a new write is covered the day
it is written."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from service.ledger.scale import check_scale
from service.videos.operations import Videos
from tests.doubles.service_harness import order
from tests.faults.library.proxy import Proxy
from tests.stack.forked_workers import ForkedWorkers
from tests.stack.proxied_stack import SETTLE_SECONDS, ProxiedStack, until

pytestmark = pytest.mark.sample


@dataclass(frozen=True)
class Moment:
    """The nth time that an operation comes by, before it or after it."""

    proxy: str
    operation: str
    nth: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'}-{self.operation}-{self.nth}"


def moments(stack: ProxiedStack) -> list[Moment]:
    """Before and after each effect of what has just been recorded."""
    found = []
    for name, proxy in (("table", stack.table), ("kling", stack.kling)):
        snapshot: Counter[str] = Counter()
        for operation in proxy.effects():
            snapshot[operation] += 1
            found += [
                Moment(name, operation, snapshot[operation], after) for after in (False, True)
            ]
    return found


def record(stack: ProxiedStack) -> None:
    for proxy in (stack.table, stack.kling):
        proxy.passed.clear()


@pytest.fixture
def stack(client: Any, table_name: str) -> Iterator[ProxiedStack]:
    url = client.meta.endpoint_url
    with (
        ForkedWorkers() as launcher,
        SimulatorServer(SimulatorSettings(port=0, video_seconds=0.2)) as simulators,
        Proxy(url) as table,
        Proxy(f"{simulators.url}/kling") as kling,
    ):
        stack = ProxiedStack(launcher, table, kling, simulators.url, url, table_name)
        # A table that has been used before: only the first start of all records the scale.
        check_scale(stack.parts.core.table)
        yield stack


@pytest.mark.timeout(900)
def test_a_web_process_killed_at_any_effect_leaves_nothing_wrong(stack: ProxiedStack) -> None:
    with stack.web():
        record(stack)
        clean = stack.post("clean")
        assert clean is not None
        assert clean.status_code == 200
        recorded = moments(stack)
    assert {moment.operation for moment in recorded} == {
        "TransactWriteItems",
        "create",
        "UpdateItem",
    }
    for moment in recorded:
        with stack.web() as web:
            trap = getattr(stack, moment.proxy).set_trap(
                moment.operation, moment.nth, after=moment.after, kill=web.kill
            )
            assert stack.post(str(moment)) is None, moment
            assert trap.sprung, moment
    with stack.web():
        for moment in recorded:
            again = stack.post(str(moment))
            assert again is not None
            assert again.status_code == 200, (moment, again.text)
    stack.settle()
    assert len(stack.jobs()) == len(recorded) + 1, "one key, one job"
    stack.assert_paid_for_what_was_delivered()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", ["delivered", "failed", "answer lost"])
def test_a_worker_killed_at_any_effect_leaves_nothing_wrong(stack: ProxiedStack, path: str) -> None:
    submit(stack, "clean", path)
    recorded = recorded_settlement(stack)
    assert recorded, "the worker did something"
    for moment in recorded:
        submit(stack, str(moment), path)
        with stack.worker() as worker:
            trap = getattr(stack, moment.proxy).set_trap(
                moment.operation, moment.nth, after=moment.after, kill=worker.kill
            )
            until(lambda: trap.sprung, SETTLE_SECONDS, f"the worker came to {moment}")  # noqa: B023
    stack.settle()
    ends = Counter(job["status"]["S"] for job in stack.jobs())
    assert ends == {"FAILED" if path == "failed" else "SUCCEEDED": len(recorded) + 1}
    stack.assert_paid_for_what_was_delivered()


def recorded_settlement(stack: ProxiedStack) -> list[Moment]:
    """What the worker does to settle one job, from its first look at a finished task on."""
    record(stack)
    with stack.worker():
        until(
            lambda: stack.jobs()[0]["status"]["S"] in ("SUCCEEDED", "FAILED"),
            SETTLE_SECONDS,
            "the first job settled",
        )
    return moments(stack)


def submit(stack: ProxiedStack, sub: str, path: str) -> None:
    """An open job of a new user whose task has ended at Kling, made without any disturbance."""
    if path != "delivered":
        stack.fault("create", "job-fails" if path == "failed" else "lost-answer")
    job = stack.parts.get(Videos).create(order(sub, f"device-of-{sub}")).job
    assert job.is_open
    until(
        lambda: any(
            task["external_task_id"] == job.job_id and task["status"] in ("succeed", "failed")
            for task in stack.tasks()
        ),
        SETTLE_SECONDS,
        "the task ended",
    )
