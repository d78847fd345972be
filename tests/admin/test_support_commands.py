"""The commands for support: what they print, and what they exit with."""

import json
from typing import Any

import pytest

from service import cli
from service.core.clock import SystemClock
from service.providers.base import TaskStatus
from tests.doubles.clock import FakeClock
from tests.doubles.operator import operator_environment
from tests.doubles.people import google
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

REASON = ("--reason", "for a test")


@pytest.fixture
def stored(client: Any, table_name: str, monkeypatch: pytest.MonkeyPatch) -> ServiceHarness:
    """A table in which ann has one job, and the environment of the commands that read it."""
    environment = operator_environment(client.meta.endpoint_url, table_name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    world = ServiceHarness(client, table_name, clock=FakeClock(1_600_000_000_000))
    world.submit()
    return world


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """In real time: a command that calls the API reads the clock of its machine."""
    return ServiceHarness(memory, memory.name, clock=SystemClock())


def test_it_prints_a_line_for_each_event_newest_first(
    stored: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["timeline", "ann"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[1] for line in lines) == [
        *("device_added", "entry", "entry", "job", "sign_up")
    ]
    assert any("HOLD" in line and "2 available, 1 held" in line for line in lines)


def test_as_json_each_line_is_an_object(
    stored: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["timeline", "ann", "--json", "--limit", "3"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(events) == 3
    assert all(event["at"].endswith("Z") for event in events)


def test_more_than_a_page_is_read_on(
    stored: ServiceHarness,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.admin.support_commands.EVENTS_A_PAGE", 2)
    assert cli.main(["timeline", "ann"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_a_stranger_has_none_and_the_exit_code_says_so(
    stored: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["timeline", "nobody"]) == 1
    assert "farebox find" in capsys.readouterr().err


def test_a_user_is_found_and_shown(farebox: Any, world: ServiceHarness) -> None:
    world.users.sign_up(google("ann"), world.users.digests("phone"))
    job_id = world.submit("ann").job.job_id
    for by, value in (("email", "ann@example.com"), ("job", job_id), ("device", "phone")):
        code, out, _ = farebox("search", by, value)
        assert (code, "a***@example.com" in out) == (0, True)
    code, out, _ = farebox("user", "ann")
    assert (code, job_id in out, world.users.digests("phone").newest in out) == (0, True, True)
    code, out, _ = farebox("user", "ann", "--show-email", "--json")
    assert json.loads(out.splitlines()[-1])["data"]["email"] == "ann@example.com"
    code, _, err = farebox("user", "nobody")
    assert (code, "USER_NOT_FOUND" in err) == (1, True)


def test_a_job_is_settled_and_a_device_released_and_both_are_recorded(
    farebox: Any, world: ServiceHarness
) -> None:
    job_id = world.submit("ann").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    assert farebox("resolve-job", "ann", job_id, *REASON)[0] == 0
    assert world.balance() == (2, 0, 1)
    code, _, err = farebox("release-job", "ann", job_id, *REASON)
    assert (code, "RELEASE_NOT_ALLOWED" in err) == (1, True)
    digest = world.users.digests("phone").newest
    device = ("release-device", "ann", digest, "--fingerprint", "phone")
    assert farebox(*device, *REASON)[0] == 0
    assert farebox(*device, *REASON)[0] == 1
    _, out, _ = farebox("actions", "ann", "--json")
    recorded = json.loads(out.splitlines()[-1])["data"]["actions"]
    assert [action["action"] for action in recorded] == ["release_device", "resolve_job"]
    assert world.audit().violations == ()
