"""Kling's client against the simulated Kling, over real HTTP: which outcomes are certain and which
are indeterminate."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

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
from service.providers.kling.credentials import KlingKeys
from service.storage.secrets import SecretUnavailable
from tests.doubles.quick import QuickClock
from tests.doubles.slow_servers import MAX_TRIES
from tests.providers.kling.harness import KEYS, ORDER, PAIR, KlingHarness, soon


def test_an_accepted_create_returns_the_task_and_the_facts_that_may_be_stored(
    world: KlingHarness,
) -> None:
    created = world.kling().create(ORDER, soon())
    assert isinstance(created, Accepted)
    assert set(created.task.facts) == {"task_id", "task_status", "created_at", "updated_at"}
    assert [task["external_task_id"] for task in world.tasks()] == ["job_1"]


def test_the_request_has_the_model_mode_duration_image_and_prompt(world: KlingHarness) -> None:
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


def test_a_key_pair_is_signed_into_a_token(world: KlingHarness) -> None:
    world.keys = PAIR
    assert isinstance(world.kling().create(ORDER, soon()), Accepted)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("status:400:1200", RejectionReason.UNAVAILABLE),
        ("status:400:1201", RejectionReason.UNAVAILABLE),
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
@pytest.mark.protocol("unavailable")
def test_every_definite_refusal_of_the_table_is_known_as_one(
    world: KlingHarness, fault: str, reason: RejectionReason
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
@pytest.mark.protocol("never-sent-again")
def test_a_response_that_proves_nothing_is_indeterminate_and_is_sent_once(
    world: KlingHarness, fault: str
) -> None:
    world.fault("create", fault, count=-1)
    assert world.kling().create(ORDER, soon()) == Indeterminate()
    assert len(world.journal("create")) == 1


def within_a_second(world: KlingHarness, url: str | None = None) -> object:
    """The outcome of a create. One that a pause of this machine ended before anything was sent is
    made again."""
    for _ in range(MAX_TRIES):
        created = world.kling(url).create(ORDER, QuickClock().monotonic() + 1)
        if created == Indeterminate():
            break
    return created


def test_a_response_that_takes_too_long_is_indeterminate(world: KlingHarness) -> None:
    world.fault("create", "slow", seconds=60, count=-1)
    assert within_a_second(world) == Indeterminate()


@pytest.mark.parametrize("fault", ["status:429:1303", "status:401:1004"])
@pytest.mark.protocol("second-try-proved")
def test_a_refusal_that_passes_is_tried_again(world: KlingHarness, fault: str) -> None:
    world.fault("create", fault, count=1)
    assert isinstance(world.kling().create(ORDER, soon()), Accepted)
    assert len(world.tasks()) == 1


@pytest.mark.protocol("second-try-proved")
def test_a_refused_token_is_made_anew_only_once(world: KlingHarness) -> None:
    world.fault("create", "status:401:1004", count=-1)
    assert world.kling().create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
    assert len(world.journal("create")) == 2


@pytest.mark.protocol("window")
def test_after_the_window_nothing_is_sent(world: KlingHarness) -> None:
    assert world.kling().create(ORDER, QuickClock().monotonic() - 1) == Rejected(
        RejectionReason.UNAVAILABLE
    )
    assert world.journal("create") == []


@pytest.mark.protocol("never-sent-proved")
def test_no_connection_is_known_as_never_sent(world: KlingHarness) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert world.kling(url).create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
        assert isinstance(world.kling(url).fetch_task(None, "job_1"), Indeterminate)


@pytest.mark.protocol("never-sent-proved")
def test_a_failed_tls_handshake_is_known_as_never_sent(world: KlingHarness) -> None:
    url = world.url.replace("http://", "https://")
    assert world.kling(url).create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)


def test_a_connection_that_goes_silent_is_indeterminate(world: KlingHarness) -> None:
    with silent_server() as url:
        assert within_a_second(world, url) == Indeterminate()


def test_a_secret_that_cannot_be_read_means_never_sent(world: KlingHarness) -> None:
    kling = world.kling()

    def broken() -> KlingKeys:
        raise SecretUnavailable

    kling._credentials._read = broken
    assert kling.create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
    assert isinstance(kling.fetch_task(None, "job_1"), Indeterminate)


def test_a_task_is_found_by_its_own_id_and_by_ours(world: KlingHarness) -> None:
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


def test_an_unknown_task_is_not_found_for_certain(world: KlingHarness) -> None:
    assert world.kling().fetch_task(None, "job_1") == NotFound()
    assert world.kling().fetch_task("867283741759111202", "job_1") == NotFound()
    world.fault("query", "status:404:1203")
    assert world.kling().fetch_task(None, "job_1") == NotFound()
    assert world.refusals == (0, 0)


def test_a_create_whose_id_is_in_use_is_indeterminate_because_its_task_exists(
    world: KlingHarness,
) -> None:
    kling = world.kling()
    assert isinstance(kling.create(ORDER, soon()), Accepted)
    assert kling.create(ORDER, soon()) == Indeterminate()
    assert isinstance(kling.fetch_task(None, "job_1"), Found)


@pytest.mark.parametrize(
    "fault", ["status:500:5000", "status:401:1000", "status:404:9", "html:502", "reset", "garbage"]
)
@pytest.mark.protocol("errors-never-count")
def test_a_query_that_proves_nothing_is_indeterminate(world: KlingHarness, fault: str) -> None:
    kling = world.kling()
    kling.create(ORDER, soon())
    world.fault("query", fault, count=-1)
    assert kling.fetch_task(None, "job_1") == Indeterminate()


def test_a_success_without_videos_has_no_result(world: KlingHarness) -> None:
    kling = world.kling()
    kling.create(ORDER, soon())
    world.fault("query", "empty")
    lookup = kling.fetch_task(None, "job_1")
    assert isinstance(lookup, Found)
    assert lookup.task.result_url is None


def test_a_failed_task_is_failed_though_the_response_says_succeed(world: KlingHarness) -> None:
    kling = world.kling()
    world.fault("create", "job-fails")
    kling.create(ORDER, soon())
    lookup = kling.fetch_task(None, "job_1")
    assert isinstance(lookup, Found)
    assert (lookup.task.status, lookup.task.rejection) == (TaskStatus.FAILED, None)


@pytest.mark.parametrize(
    ("image", "rejection"),
    [
        ("https://images.example.com/bad-pixels.jpg", RejectionReason.IMAGE),
        ("https://images.example.com/bad-content.jpg", RejectionReason.CONTENT),
    ],
)
def test_a_task_that_fails_for_the_picture_or_its_content_says_so(
    world: KlingHarness, image: str, rejection: RejectionReason
) -> None:
    kling = world.kling()
    kling.create(replace(ORDER, image=image), soon())
    lookup = kling.fetch_task(None, "job_1")
    assert isinstance(lookup, Found)
    assert (lookup.task.status, lookup.task.rejection) == (TaskStatus.FAILED, rejection)


def test_a_picture_that_kling_refuses_at_once_rejects_the_image(world: KlingHarness) -> None:
    order = replace(ORDER, image="https://images.example.com/refused-image.jpg")
    assert world.kling().create(order, soon()) == Rejected(RejectionReason.IMAGE)
    assert (world.tasks(), world.refusals) == ([], (0, 0))


def test_another_task_than_the_one_requested_is_not_believed(world: KlingHarness) -> None:
    """A query by our id returns Kling's own task id; a query by a task id must return that id."""
    kling = world.kling()
    kling.create(ORDER, soon())
    assert kling.fetch_task("job_1", "job_1") == Indeterminate()
    (task,) = world.tasks()
    assert kling.fetch_task(None, task["task_id"]) == Indeterminate()


def test_stored_facts_are_shown_in_klings_own_shape(world: KlingHarness) -> None:
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
@pytest.mark.protocol("second-try-proved")
def test_a_stale_token_behind_a_5xx_proves_nothing_and_is_not_sent_again(
    world: KlingHarness, fault: str
) -> None:
    world.fault("create", fault, count=-1)
    assert world.kling().create(ORDER, soon()) == Indeterminate()
    assert len(world.journal("create")) == 1


def test_a_secret_without_usable_keys_means_never_sent_and_heals_by_itself(
    world: KlingHarness,
) -> None:
    world.keys = KlingKeys()
    kling = world.kling()
    assert kling.create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
    world.keys = KEYS
    assert isinstance(kling.create(ORDER, soon()), Accepted)
