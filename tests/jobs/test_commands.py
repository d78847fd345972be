"""The operator's commands on jobs: what they print where, and what they exit with."""

import json
import signal
from dataclasses import replace
from typing import Any

import pytest

from service import cli
from service.providers.base import TaskStatus
from service.storage.keys import Key
from service.storage.table import Table
from tests.doubles.clock import FakeClock
from tests.doubles.operator import operator_environment
from tests.doubles.people import google
from tests.doubles.service_harness import ServiceHarness

LONG_AGO = 1_600_000_000_000


@pytest.fixture
def world(client: Any, table_name: str, monkeypatch: pytest.MonkeyPatch) -> ServiceHarness:
    """A table in which one job was delivered and one is open, and the environment of the commands
    that look at it."""
    environment = operator_environment(client.meta.endpoint_url, table_name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    world = ServiceHarness(client, table_name, clock=FakeClock(LONG_AGO))
    world.users.sign_up(google("ann"), world.users.digests("phone"))
    delivered = world.submit().job.job_id
    world.provider.book(delivered, TaskStatus.SUCCEEDED)
    world.work_until(60)
    world.submit()
    return world


def job_ids(world: ServiceHarness) -> list[str]:
    """The delivered and the open one."""
    return sorted(
        item["SK"]["S"].removeprefix("JOB#")
        for item in world.items()
        if item["SK"]["S"].startswith("JOB#")
    )


@pytest.mark.parametrize("command", ["resolve", "release"])
def test_a_job_that_does_not_exist_exits_1(
    world: ServiceHarness, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "ann", "job_none"]) == 1
    assert capsys.readouterr() == ("", "There is no such job.\n")


def test_resolve_shows_the_job_as_it_stands(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered, _ = job_ids(world)
    assert cli.main(["resolve", "ann", delivered]) == 0
    assert capsys.readouterr().out == f"{delivered} is SUCCEEDED\n"


def test_release_ends_a_job_that_the_provider_does_not_know(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    _, still_open = job_ids(world)
    assert cli.main(["release", "ann", still_open]) == 0
    assert capsys.readouterr().out == f"{still_open} is FAILED (PROVIDER_UNRESOLVED)\n"
    assert world.balance() == (2, 0, 1)
    assert world.audit().violations == ()


def test_release_of_a_job_that_has_ended_exits_1_and_writes_nothing(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered, _ = job_ids(world)
    before = world.items()
    assert cli.main(["release", "ann", delivered]) == 1
    assert capsys.readouterr().err == f"{delivered} has ended already: it is SUCCEEDED.\n"
    assert world.items() == before


def test_find_lists_a_user_s_jobs_newest_first_with_the_command_for_each(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered, still_open = job_ids(world)
    assert cli.main(["find", "ann"]) == 0
    shown = capsys.readouterr().out
    assert shown.index(still_open) < shown.index(delivered)
    assert f"farebox job ann {delivered}\n" in shown


@pytest.mark.parametrize("by", ["job", "task"])
def test_find_leads_from_a_job_or_a_task_to_the_user(
    world: ServiceHarness, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered, _ = job_ids(world)
    item = next(item for item in world.items() if item["SK"]["S"] == f"JOB#{delivered}")
    before = world.items()
    assert cli.main(["find", delivered if by == "job" else item["taskId"]["S"]]) == 0
    assert f"farebox job ann {delivered}\n" in capsys.readouterr().out
    assert world.items() == before


@pytest.mark.parametrize("by", ["e-mail", "job"])
def test_find_leads_from_an_address_or_a_job_to_the_user_without_reading_the_table(
    world: ServiceHarness,
    by: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def scan(*_: object, **__: object) -> None:
        raise AssertionError("the table is read")

    delivered, still_open = job_ids(world)
    monkeypatch.setattr(Table, "scan", scan)
    assert cli.main(["find", "Ann@example.com" if by == "e-mail" else delivered, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = [still_open, delivered] if by == "e-mail" else [delivered]
    assert [(each["userId"], each["jobId"]) for each in found] == [("ann", job) for job in expected]


def test_a_job_s_id_is_enough_for_every_command_on_it(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered, still_open = job_ids(world)
    assert cli.main(["job", delivered]) == 0
    assert f"{delivered} of user ann" in capsys.readouterr().out
    assert cli.main(["resolve", delivered]) == 0
    assert capsys.readouterr().out == f"{delivered} is SUCCEEDED\n"
    assert cli.main(["release", still_open]) == 0
    assert capsys.readouterr().out == f"{still_open} is FAILED (PROVIDER_UNRESOLVED)\n"
    assert cli.main(["job", "job_none"]) == 1
    assert "farebox find job_none reads the whole table" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["job", "ann", delivered, "more"])


def test_find_reads_no_faster_than_it_may(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered, _ = job_ids(world)
    item = next(item for item in world.items() if item["SK"]["S"] == f"JOB#{delivered}")
    task_id = item["taskId"]["S"]
    assert cli.main(["find", task_id, "--reads-per-second", "10000"]) == 0
    assert f"farebox job ann {delivered}\n" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["find", delivered, "--reads-per-second", "0"])


def test_find_exits_1_where_nothing_has_the_id(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["find", "job_none"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "No user with jobs, no job and no provider task has the id job_none." in printed.err


def test_a_find_that_is_stopped_says_that_it_did_not_finish(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = Table.scan

    def scan_and_stop(self: Table, **where: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return replace(scan(self, **where), after=Key("USER#ann", "METADATA"))

    monkeypatch.setattr(Table, "scan", scan_and_stop)
    assert cli.main(["find", "job_none"]) == 2
    assert "stopped before its end" in capsys.readouterr().err


def test_job_prints_the_facts_and_the_entries_of_a_job(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered, still_open = job_ids(world)
    assert cli.main(["job", "ann", delivered]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{delivered} of user ann\n")
    for fact in ("SUCCEEDED", "held 1, captured 1, returned 0", "HOLD", "CAPTURE", "videoUrl"):
        assert fact in shown
    assert cli.main(["job", "ann", still_open, "--json"]) == 0
    story = json.loads(capsys.readouterr().out)
    assert [entry["kind"] for entry in story["entries"]] == ["HOLD"]
    assert "next query" in story["facts"]


def test_job_of_another_user_is_unknown(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered, _ = job_ids(world)
    assert cli.main(["job", "bob", delivered]) == 1
    assert capsys.readouterr() == ("", "There is no such job.\n")
