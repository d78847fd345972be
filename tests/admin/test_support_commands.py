"""`farebox timeline USER`: what it prints, and what it exits with."""

import json
from typing import Any

import pytest

from service import cli
from tests.doubles.clock import FakeClock
from tests.doubles.operator import operator_environment
from tests.doubles.service_harness import ServiceHarness


@pytest.fixture
def world(client: Any, table_name: str, monkeypatch: pytest.MonkeyPatch) -> ServiceHarness:
    """A table in which ann has one job, and the environment of the commands that read it."""
    environment = operator_environment(client.meta.endpoint_url, table_name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    world = ServiceHarness(client, table_name, clock=FakeClock(1_600_000_000_000))
    world.submit()
    return world


def test_it_prints_a_line_for_each_event_newest_first(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["timeline", "ann"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[1] for line in lines) == [
        *("device_added", "entry", "entry", "job", "sign_up")
    ]
    assert any("HOLD" in line and "2 available, 1 held" in line for line in lines)


def test_as_json_each_line_is_an_object(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["timeline", "ann", "--json", "--limit", "3"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(events) == 3
    assert all(event["at"].endswith("Z") for event in events)


def test_more_than_a_page_is_read_on(
    world: ServiceHarness,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.admin.support_commands.EVENTS_A_PAGE", 2)
    assert cli.main(["timeline", "ann"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_a_stranger_has_none_and_the_exit_code_says_so(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["timeline", "nobody"]) == 1
    assert "farebox find" in capsys.readouterr().err
