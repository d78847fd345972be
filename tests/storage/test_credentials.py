"""Credentials that end are refreshed in the background, by one at a time."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials
from botocore.session import Session

from service.storage import credentials
from service.storage.credentials import REFRESH_PAUSE_SECONDS, NoCredentials, TaskCredentials
from tests.doubles.clock import FakeClock

GOOD, ENDING, ENDED = timedelta(hours=1), timedelta(minutes=5), timedelta(seconds=-1)


class Source:
    """What botocore finds: credentials that are numbered, and how long each is good."""

    def __init__(self, first: timedelta) -> None:
        self.left = first
        self.number = 0
        self.failure: Exception | None = None
        self.session: Any = Session()
        self.session._credentials = RefreshableCredentials.create_from_metadata(
            self._metadata(), self._metadata, "test"
        )

    def _metadata(self) -> dict[str, str]:
        if self.failure:
            raise self.failure
        self.number += 1
        return {
            "access_key": f"KEY{self.number}",
            "secret_key": "secret",
            "token": "token",
            "expiry_time": (datetime.now(UTC) + self.left).isoformat(),
        }

    def end(self, left: timedelta) -> None:
        """What is in use is good for so long from now on."""
        self.session._credentials._expiry_time = datetime.now(UTC) + left


class Background:
    """Runs what is started when the test says so."""

    def __init__(self) -> None:
        self.started: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], None]) -> None:
        self.started.append(work)

    def run(self) -> None:
        self.started.pop(0)()


def at_once(work: Callable[[], None]) -> None:
    work()


def test_a_call_with_good_credentials_does_not_wait_for_a_refresh() -> None:
    source, clock, background = Source(GOOD), FakeClock(), Background()
    task = TaskCredentials(source.session, clock, lambda work: work())
    assert task().access_key == "KEY1"
    task._start = background
    source.end(ENDING)
    clock.advance(REFRESH_PAUSE_SECONDS)
    assert [task().access_key for _ in range(3)] == ["KEY1"] * 3
    assert len(background.started) == 1
    background.run()
    assert task().access_key == "KEY2"
    assert background.started == []


def test_a_refresh_that_fails_leaves_good_credentials_in_use() -> None:
    """botocore raises in their last ten minutes."""
    source, clock = Source(GOOD), FakeClock()
    task = TaskCredentials(source.session, clock, at_once)
    task()
    source.end(ENDING)
    source.failure = RuntimeError("the endpoint does not respond")
    clock.advance(REFRESH_PAUSE_SECONDS)
    assert [task().access_key for _ in range(3)] == ["KEY1"] * 3


def test_refreshes_have_a_pause_between_them() -> None:
    source, clock = Source(ENDING), FakeClock()
    task = TaskCredentials(source.session, clock, at_once)
    keys = []
    for _ in range(3):
        task()
        keys += [task().access_key for _ in range(2)]
        clock.advance(REFRESH_PAUSE_SECONDS)
    assert keys == ["KEY2", "KEY2", "KEY3", "KEY3", "KEY4", "KEY4"]


def test_credentials_that_have_ended_are_not_used() -> None:
    source, clock = Source(GOOD), FakeClock()
    task = TaskCredentials(source.session, clock, at_once)
    task()
    source.end(ENDED)
    source.failure = OSError("no route")
    clock.advance(REFRESH_PAUSE_SECONDS)
    for _ in range(2):
        with pytest.raises(NoCredentials, match="OSError"):
            task()
    source.failure = None
    clock.advance(REFRESH_PAUSE_SECONDS)
    assert task().access_key == "KEY2"


def test_new_credentials_that_have_ended_already_are_not_used() -> None:
    source = Source(ENDED)
    task = TaskCredentials(source.session, FakeClock(), at_once)
    with pytest.raises(NoCredentials, match="RuntimeError"):
        task()


def test_a_call_without_credentials_waits_no_longer_than_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(credentials, "WAIT_SECONDS", 0.05)
    background = Background()
    task = TaskCredentials(Source(GOOD).session, FakeClock(), background)
    for _ in range(2):
        with pytest.raises(NoCredentials, match="in time"):
            task()
    assert len(background.started) == 1
    background.run()
    assert task().access_key == "KEY1"


def test_many_calls_wait_for_one_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "WAIT_SECONDS", 60.0)
    source, background = Source(GOOD), Background()
    task = TaskCredentials(source.session, FakeClock(), background)
    keys: list[str] = []
    threads = [threading.Thread(target=lambda: keys.append(task().access_key)) for _ in range(8)]
    for thread in threads:
        thread.start()
    while not background.started:
        pass
    background.run()
    for thread in threads:
        thread.join()
    assert keys == ["KEY1"] * 8
    assert background.started == []


def test_without_a_thread_there_are_no_credentials_and_the_next_call_tries_again() -> None:
    def none_left(work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    clock = FakeClock()
    task = TaskCredentials(Source(GOOD).session, clock, none_left)
    with pytest.raises(NoCredentials, match="RuntimeError"):
        task()
    task._start = at_once
    clock.advance(REFRESH_PAUSE_SECONDS)
    assert task().access_key == "KEY1"
