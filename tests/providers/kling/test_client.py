"""Kling's client against the simulated Kling, over real HTTP: which outcomes are certain and which
are indeterminate."""

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from service.core.metrics import Metric, NoMetrics
from service.core.settings import Secret
from service.providers.base import (
    Accepted,
    Found,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
    TaskStatus,
    VideoRequest,
)
from service.providers.http import NeverSent, ProviderHttp
from service.providers.kling.client import Kling, KlingDefaults
from service.providers.kling.credentials import KlingCredentials, KlingKeys
from service.storage.secrets import SecretUnavailable
from tests.doubles.quick import QuickClock

KEYS = KlingKeys(api_key=Secret("kling-local-api-key"))
PAIR = KlingKeys(
    access_key=Secret("kling-local-access-key"),
    secret_key=Secret("kling-local-secret-key-of-32-characters"),
)
ORDER = VideoRequest("job_1", "https://images.example.com/a.jpg", "The astronaut stood up", None)


class Counting(NoMetrics):
    def __init__(self) -> None:
        self.counts: Counter[Metric] = Counter()

    def count(self, metric: Metric, value: int = 1, **dimensions: str) -> None:
        self.counts[metric] += value


@dataclass
class ServiceHarness:
    url: str
    reads: list[KlingKeys]
    keys: KlingKeys = KEYS
    metrics: Counting = field(default_factory=Counting)

    @property
    def refusals(self) -> tuple[int, int]:
        """How often Kling has refused us, and how often it was not reached."""
        counts = self.metrics.counts
        return counts[Metric.PROVIDER_REFUSES_US], counts[Metric.PROVIDER_NOT_REACHED]

    def kling(self, url: str | None = None, seconds: float = 5.0) -> Kling:
        clock = QuickClock()

        def read() -> KlingKeys:
            self.reads.append(self.keys)
            return self.keys

        return Kling(
            http=ProviderHttp(clock),
            credentials=KlingCredentials(read, clock),
            clock=clock,
            metrics=self.metrics,
            base_url=url or f"{self.url}/kling",
            defaults=KlingDefaults("kling-v1", "pro", "5"),
            query_seconds=seconds,
            callback_secret=lambda: "",
        )

    def fault(self, operation: str, fault: str, **more: Any) -> None:
        body = {"service": "kling", "operation": operation, "fault": fault, **more}
        assert requests.post(f"{self.url}/__faults", json=body, timeout=5).status_code == 200

    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = requests.get(f"{self.url}/kling/__tasks", timeout=5).json()[
            "tasks"
        ]
        return tasks

    def journal(self, operation: str) -> list[dict[str, Any]]:
        query = {"service": "kling", "operation": operation}
        found: list[dict[str, Any]] = requests.get(
            f"{self.url}/__journal", query, timeout=5
        ).json()["requests"]
        return found


@pytest.fixture
def world() -> Iterator[ServiceHarness]:
    with SimulatorServer(SimulatorSettings(port=0, video_seconds=0.0)) as server:
        yield ServiceHarness(server.url, [])


def soon() -> float:
    return QuickClock().monotonic() + 5


def test_an_accepted_create_returns_the_task_and_the_facts_that_may_be_stored(
    world: ServiceHarness,
) -> None:
    created = world.kling().create(ORDER, soon())
    assert isinstance(created, Accepted)
    assert set(created.task.facts) == {"task_id", "task_status", "created_at", "updated_at"}
    assert [task["external_task_id"] for task in world.tasks()] == ["job_1"]


def test_what_is_sent_is_what_brief_000_requires(world: ServiceHarness) -> None:
    world.kling().create(
        VideoRequest("job_1", "https://x.example/a.jpg", "p", "https://me.example/c"), soon()
    )
    body = world.journal("create")[0]["body"]
    assert {name: body[name] for name in ("model_name", "mode", "duration", "image", "prompt")} == {
        "model_name": "kling-v1",
        "mode": "pro",
        "duration": "5",
        "image": "https://x.example/a.jpg",
        "prompt": "p",
    }
    assert (body["external_task_id"], body["callback_url"]) == ("job_1", "https://me.example/c")


def test_a_key_pair_is_signed_into_a_token(world: ServiceHarness) -> None:
    world.keys = PAIR
    assert isinstance(world.kling().create(ORDER, soon()), Accepted)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("status:400:1200", RejectionReason.IMAGE),
        ("status:400:1201", RejectionReason.IMAGE),
        ("status:400:1300", RejectionReason.CONTENT),
        ("status:400:1301", RejectionReason.CONTENT),
        ("status:429:1302", RejectionReason.BUSY),
        ("status:429:1303", RejectionReason.BUSY),
        ("status:401:1000", RejectionReason.UNAVAILABLE),
        ("status:401:1001", RejectionReason.UNAVAILABLE),
        ("status:401:1002", RejectionReason.UNAVAILABLE),
        ("status:401:1003", RejectionReason.UNAVAILABLE),
        ("status:401:1004", RejectionReason.UNAVAILABLE),
        ("status:429:1100", RejectionReason.UNAVAILABLE),
        ("status:429:1101", RejectionReason.UNAVAILABLE),
        ("status:429:1102", RejectionReason.UNAVAILABLE),
        ("status:403:1103", RejectionReason.UNAVAILABLE),
        ("status:404:1202", RejectionReason.UNAVAILABLE),
        ("status:404:1203", RejectionReason.UNAVAILABLE),
        ("status:429:1304", RejectionReason.UNAVAILABLE),
    ],
)
def test_every_definite_refusal_of_the_table_is_known_as_one(
    world: ServiceHarness, fault: str, reason: RejectionReason
) -> None:
    world.fault("create", fault, count=-1)
    assert world.kling().create(ORDER, soon()) == Rejected(reason)
    assert world.tasks() == []


@pytest.mark.parametrize(
    "fault",
    [
        "status:500:5000",
        "status:503:5001",
        "status:504:5002",
        "status:500:1301",
        "status:400:9999",
        "status:302:0",
        "html:502",
        "reset",
        "lost-answer",
        "garbage",
        "no-task-id",
        "late",
    ],
)
def test_a_response_that_proves_nothing_is_indeterminate_and_is_sent_once(
    world: ServiceHarness, fault: str
) -> None:
    world.fault("create", fault, count=-1)
    assert world.kling().create(ORDER, soon()) == Indeterminate()
    assert len(world.journal("create")) == 1


def test_a_response_that_takes_too_long_is_indeterminate(world: ServiceHarness) -> None:
    world.fault("create", "slow", seconds=2)
    assert world.kling().create(ORDER, QuickClock().monotonic() + 0.3) == Indeterminate()


@pytest.mark.parametrize("fault", ["status:429:1303", "status:401:1004"])
def test_a_refusal_that_passes_is_tried_again(world: ServiceHarness, fault: str) -> None:
    world.fault("create", fault, count=1)
    assert isinstance(world.kling().create(ORDER, soon()), Accepted)
    assert len(world.tasks()) == 1


def test_a_refused_token_is_made_anew_only_once(world: ServiceHarness) -> None:
    world.fault("create", "status:401:1004", count=-1)
    assert world.kling().create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
    assert len(world.journal("create")) == 2


def test_after_the_window_nothing_is_sent(world: ServiceHarness) -> None:
    assert world.kling().create(ORDER, QuickClock().monotonic() - 1) == Rejected(
        RejectionReason.UNAVAILABLE
    )
    assert world.journal("create") == []


def test_no_connection_is_known_as_never_sent(world: ServiceHarness) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert world.kling(url).create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
        assert isinstance(world.kling(url).fetch_task(None, "job_1"), Indeterminate)


def test_a_failed_tls_handshake_is_known_as_never_sent(world: ServiceHarness) -> None:
    url = world.url.replace("http://", "https://")
    assert world.kling(url).create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)


def test_a_connection_that_goes_silent_is_indeterminate(world: ServiceHarness) -> None:
    with silent_server() as url:
        assert world.kling(url).create(ORDER, QuickClock().monotonic() + 0.3) == Indeterminate()


def test_a_secret_that_cannot_be_read_means_never_sent(world: ServiceHarness) -> None:
    kling = world.kling()

    def broken() -> KlingKeys:
        raise SecretUnavailable

    kling._credentials._read = broken
    assert kling.create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
    assert isinstance(kling.fetch_task(None, "job_1"), Indeterminate)


def test_a_task_is_found_by_its_own_id_and_by_ours(world: ServiceHarness) -> None:
    kling = world.kling()
    created = kling.create(ORDER, soon())
    assert isinstance(created, Accepted)
    for lookup in (
        kling.fetch_task(created.task.task_id, "job_1"),
        kling.fetch_task(None, "job_1"),
    ):
        assert isinstance(lookup, Found)
        assert lookup.task.task_id == created.task.task_id
        assert lookup.task.status is TaskStatus.SUCCEEDED
        assert lookup.task.result_url is not None
        assert lookup.task.result_url.endswith(".mp4")


def test_an_unknown_task_is_not_found_for_certain(world: ServiceHarness) -> None:
    assert world.kling().fetch_task(None, "job_1") == NotFound()


@pytest.mark.parametrize(
    "fault", ["status:500:5000", "status:401:1000", "status:404:9", "html:502", "reset", "garbage"]
)
def test_a_query_that_proves_nothing_is_indeterminate(world: ServiceHarness, fault: str) -> None:
    kling = world.kling()
    kling.create(ORDER, soon())
    world.fault("query", fault, count=-1)
    assert kling.fetch_task(None, "job_1") == Indeterminate()


def test_a_success_without_videos_has_no_result(world: ServiceHarness) -> None:
    kling = world.kling()
    kling.create(ORDER, soon())
    world.fault("query", "empty")
    lookup = kling.fetch_task(None, "job_1")
    assert isinstance(lookup, Found)
    assert lookup.task.result_url is None


def test_a_failed_task_is_failed_though_the_response_says_succeed(world: ServiceHarness) -> None:
    kling = world.kling()
    world.fault("create", "job-fails")
    kling.create(ORDER, soon())
    lookup = kling.fetch_task(None, "job_1")
    assert isinstance(lookup, Found)
    assert lookup.task.status is TaskStatus.FAILED


def test_another_task_than_the_one_requested_is_not_believed(world: ServiceHarness) -> None:
    """A query by our id returns Kling's own task id; a query by a task id must return that id."""
    kling = world.kling()
    kling.create(ORDER, soon())
    assert kling.fetch_task("job_1", "job_1") == Indeterminate()
    (task,) = world.tasks()
    assert kling.fetch_task(None, task["task_id"]) == Indeterminate()


def test_stored_facts_are_shown_in_klings_own_shape(world: ServiceHarness) -> None:
    kling = world.kling()
    kling.create(ORDER, soon())
    lookup = kling.fetch_task(None, "job_1")
    assert isinstance(lookup, Found)
    shown = kling.show(lookup.task.facts, "job_1")
    assert shown["task_status"] == "succeed"
    assert shown["task_info"] == {"external_task_id": "job_1"}
    assert "url" not in str(shown["task_result"])


@contextmanager
def silent_server() -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("fault", ["status:500:1000", "status:503:1004"])
def test_a_stale_token_behind_a_5xx_proves_nothing_and_is_not_sent_again(
    world: ServiceHarness, fault: str
) -> None:
    world.fault("create", fault, count=-1)
    assert world.kling().create(ORDER, soon()) == Indeterminate()
    assert len(world.journal("create")) == 1


def test_a_secret_without_usable_keys_means_never_sent_and_heals_by_itself(
    world: ServiceHarness,
) -> None:
    world.keys = KlingKeys()
    kling = world.kling()
    assert kling.create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
    world.keys = KEYS
    assert isinstance(kling.create(ORDER, soon()), Accepted)


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        ("status:401:1004", 1),
        ("status:429:1102", 1),
        ("status:400:1201", 0),
        ("status:429:1303", 0),
    ],
)
def test_an_order_counts_a_refusal_of_us_once_and_no_other(
    world: ServiceHarness, fault: str, times: int
) -> None:
    world.fault("create", fault, count=-1)
    world.kling().create(ORDER, soon())
    assert world.refusals == (times, 0)


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        ("status:401:1000", 1),
        ("status:429:1101", 1),
        ("status:404:1203", 0),
        ("status:500:5000", 0),
    ],
)
def test_a_query_counts_a_refusal_of_us_too(world: ServiceHarness, fault: str, times: int) -> None:
    world.fault("query", fault, count=-1)
    world.kling().fetch_task(None, "job_1")
    assert world.refusals == (times, 0)


def test_a_token_that_was_only_stale_counts_as_no_refusal(world: ServiceHarness) -> None:
    world.fault("create", "status:401:1004", count=1)
    world.fault("query", "status:401:1004", count=1)
    assert isinstance(world.kling().create(ORDER, soon()), Accepted)
    assert isinstance(world.kling().fetch_task(None, "job_1"), Found)
    assert world.refusals == (0, 0)


def test_what_was_never_sent_counts_as_not_reached_and_not_as_refused(
    world: ServiceHarness,
) -> None:
    world.kling(world.url.replace("http://", "https://")).create(ORDER, soon())
    assert world.refusals == (0, 1)


def test_an_order_that_gets_through_in_the_end_was_not_out_of_reach(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, fail = ProviderHttp.send_once, [NeverSent("no route"), None]

    def sometimes(*arguments: Any) -> Any:
        error = fail.pop(0)
        if error is not None:
            raise error
        return send(*arguments)

    monkeypatch.setattr(ProviderHttp, "send_once", sometimes)
    assert isinstance(world.kling().create(ORDER, soon()), Accepted)
    assert world.refusals == (0, 0)


def test_a_refusal_of_our_key_at_the_last_try_counts_though_it_might_be_stale(
    world: ServiceHarness,
) -> None:
    world.fault("create", "status:429:1303", count=2)
    world.fault("create", "status:401:1004", count=1)
    assert world.kling().create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
    assert world.refusals == (1, 0)
