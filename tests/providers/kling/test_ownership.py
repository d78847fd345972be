"""A task is the job's own only if its external id is absent, empty or ours, whichever way it was
learnt of."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import structlog.testing

from service.core.metrics import Metric
from service.providers.base import Accepted, Found, Indeterminate, TaskStatus
from tests.doubles.slow_servers import SlowServer
from tests.providers.kling.harness import ORDER, KlingHarness, soon

# How a response names the task's external id, and whether the task can be the job's own.
OWN = [{}, {"task_info": None}, {"task_info": {}}, {"task_info": {"external_task_id": ""}}] + [
    {"task_info": {"external_task_id": external_id}} for external_id in (None, "job_1")
]
FOREIGN = [
    {"task_info": {"external_task_id": external_id}}
    for external_id in ("job_2", "JOB_1", 1, ["job_1"])
]


def responding(named: dict[str, Any]) -> Callable[[socket.socket], None]:
    """A vendor that returns one finished task, whatever is requested."""
    task = {
        "task_id": "task-9",
        "task_status": "succeed",
        "task_result": {"videos": [{"url": "https://cdn.example.com/a.mp4"}]},
        **named,
    }
    body = json.dumps({"code": 0, "data": task}).encode()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
            % (len(body), body)
        )

    return serve


@pytest.mark.parametrize("named", OWN, ids=str)
def test_a_task_without_another_jobs_id_is_the_jobs_own(
    harness: KlingHarness, named: dict[str, Any]
) -> None:
    with SlowServer(responding(named)) as server:
        kling = harness.kling(server.url)
        assert isinstance(kling.create(ORDER, soon()), Accepted)
        for task_id in ("task-9", None):
            lookup = kling.fetch_task(task_id, "job_1")
            assert isinstance(lookup, Found)
            assert lookup.task.status is TaskStatus.SUCCEEDED
    assert harness.metrics.counts[Metric.PROVIDER_FOREIGN_TASKS] == 0


@pytest.mark.parametrize("named", FOREIGN, ids=str)
@pytest.mark.protocol("own-task")
def test_another_jobs_task_is_not_believed_whatever_was_requested(
    harness: KlingHarness, named: dict[str, Any]
) -> None:
    with SlowServer(responding(named)) as server, structlog.testing.capture_logs() as logs:
        kling = harness.kling(server.url)
        assert kling.create(ORDER, soon()) == Indeterminate()
        assert kling.fetch_task("task-9", "job_1") == Indeterminate()
        assert kling.fetch_task(None, "job_1") == Indeterminate()
    assert harness.metrics.counts[Metric.PROVIDER_FOREIGN_TASKS] == 3
    assert [line["job_id"] for line in logs if line["event"] == "provider_foreign_task"] == [
        "job_1"
    ] * 3


@pytest.mark.protocol("own-task")
def test_a_query_by_a_task_id_has_to_return_that_task(harness: KlingHarness) -> None:
    with SlowServer(responding({})) as server:
        assert harness.kling(server.url).fetch_task("task-8", "job_1") == Indeterminate()
    assert harness.metrics.counts[Metric.PROVIDER_FOREIGN_TASKS] == 1


@pytest.fixture
def harness() -> KlingHarness:
    return KlingHarness("", [])


def test_facts_hold_no_text_that_cannot_be_stored(harness: KlingHarness) -> None:
    """JSON can spell half a surrogate pair; a job with it could never be written, nor so end."""
    video = {"url": "https://cdn.example.com/a.mp4", "id": "video-\ud83d", "duration": "5"}
    with SlowServer(responding({"task_result": {"videos": [video]}})) as server:
        lookup = harness.kling(server.url).fetch_task("task-9", "job_1")
    assert isinstance(lookup, Found)
    assert lookup.task.facts["videos"] == ({"id": "video-?", "duration": "5"},)
