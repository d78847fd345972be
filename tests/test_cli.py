"""The operator's commands: what they print where, and what they exit with."""

import json
import signal
from dataclasses import replace
from typing import Any

import pytest

from service import cli
from service.audit import operations
from service.providers.base import TaskStatus
from service.storage.keys import Key
from service.storage.table import StorageRefused, Table
from tests.doubles.clock import FakeClock
from tests.doubles.operator import operator_environment
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


def break_the_wallet(world: ServiceHarness) -> None:
    where = {"PK": {"S": "USER#ann"}, "SK": {"S": "METADATA"}}
    world.client.update_item(TableName=world.table._name, Key=where, UpdateExpression="REMOVE head")


def test_an_audit_as_json_prints_nothing_else_on_stdout(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "users": 1,
        "entries": 4,
        "jobs": 2,
        "claims": 2,
        "idempotency_keys": 0,
        "compared": 0,
        "complete": True,
        "violations": [],
    }
    assert json.loads(printed.err)["AuditViolations"] == 0


def test_an_audit_that_finds_something_exits_1_and_names_it(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    break_the_wallet(world)
    assert cli.main(["audit"]) == 1
    assert "VIOLATION  USER#ann/METADATA: cannot be read" in capsys.readouterr().out


def test_an_audit_of_a_copy_raises_no_alarm(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    break_the_wallet(world)
    assert cli.main(["audit"]) == 1
    assert "AuditViolations" in capsys.readouterr().err
    assert cli.main(["audit", "--copy"]) == 1
    assert "AuditViolations" not in capsys.readouterr().err


def test_an_audit_reports_each_segment_that_is_done(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit", "--segments", "3", "--reads-per-second", "5000"]) == 0
    on_segment = capsys.readouterr().err
    assert [f"segment {number} of 3 is done" in on_segment for number in range(3)] == [
        True,
        True,
        True,
    ]


def test_a_terminated_audit_says_how_to_go_on_and_going_on_finishes_it(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs = operations.audit_account

    def terminated(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return proofs(*arguments)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(operations, "audit_account", terminated)
    segments = ["audit", "--segments", "2"]
    assert cli.main([*segments, "--json", "--reads-per-second", "9000"]) == 2
    assert signal.getsignal(signal.SIGTERM) is before
    printed = capsys.readouterr()
    assert json.loads(printed.out)["complete"] is False
    words = printed.err.rpartition("go on with: farebox ")[2].split("\n")[0].split()
    assert words[:5] == [*segments, "--reads-per-second", "9000"]
    monkeypatch.setattr(operations, "audit_account", proofs)
    assert cli.main([*words, "--json"]) == 0
    rest = capsys.readouterr()
    assert json.loads(printed.out)["users"] + json.loads(rest.out)["users"] == 1
    assert cli.main(["audit", "--segments", "4", *words[5:]]) == 2
    assert "--start belongs to a walk with other segments" in capsys.readouterr().err


def test_one_segment_goes_on_as_one_segment(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYNAMODB_TABLE_NAME", "NoSuchTable")
    assert cli.main(["audit", "--segments", "8", "--segment", "3"]) == 2
    assert "go on with: farebox audit --segments 8 --segment 3 --start " in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--segments", "0"], ["--segment", "1"], ["--start", "nonsense"]]
)
def test_pieces_that_do_not_exist_are_refused(
    world: ServiceHarness, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit", *words]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("rate", ["0", "-1", "inf", "nan", "x"])
def test_a_pace_is_a_number_above_nothing(rate: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["audit", "--reads-per-second", rate])


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


def lose_the_last_entry(world: ServiceHarness) -> None:
    where = {"PK": {"S": "USER#ann"}, "SK": {"S": "ENTRY#000000000004"}}
    world.client.delete_item(TableName=world.table._name, Key=where)


def test_a_repair_says_what_it_would_do_and_does_it_only_with_yes(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit", "--repair"]) == 0
    assert "There is nothing to repair." in capsys.readouterr().err
    lose_the_last_entry(world)
    before = world.items()
    assert cli.main(["audit", "--repair"]) == 1
    on_segment = capsys.readouterr().err
    assert "REPAIR  USER#ann: write entry 4 (HOLD 1 for job_" in on_segment
    assert "Nothing was done; --yes does it." in on_segment
    assert world.items() == before
    assert cli.main(["audit", "--repair", "--yes", "--json"]) == 0
    printed = capsys.readouterr()
    assert (json.loads(printed.out)["entries"], json.loads(printed.out)["violations"]) == (4, [])
    assert cli.main(["audit", "--repair"]) == 0


def test_a_repair_names_what_it_leaves_to_a_person(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    break_the_wallet(world)
    assert cli.main(["audit", "--repair", "--yes"]) == 1
    assert "LEFT    USER#ann: needs a person: METADATA cannot be read" in capsys.readouterr().err


def test_a_role_that_may_not_write_cannot_repair(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_the_last_entry(world)
    before = world.items()

    def denied(*_: object) -> None:
        raise StorageRefused

    monkeypatch.setattr(Table, "transact", denied)
    assert cli.main(["audit", "--repair"]) == 1
    assert cli.main(["audit", "--repair", "--yes"]) == 2
    assert "The table refuses this role" in capsys.readouterr().err
    assert world.items() == before


def test_a_repair_takes_the_whole_table(
    capsys: pytest.CaptureFixture[str], world: ServiceHarness
) -> None:
    assert cli.main(["audit", "--repair", "--segments", "2"]) == 2
    assert cli.main(["audit", "--yes"]) == 2
    assert "--yes belongs to --repair" in capsys.readouterr().err


def test_settings_that_cannot_be_used_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "nowhere")
    assert cli.main(["audit"]) == 2


def test_the_ledger_of_a_stranger_exits_1(world: ServiceHarness) -> None:
    assert cli.main(["ledger", "nobody"]) == 1


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


def test_find_reads_no_faster_than_it_may(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered, _ = job_ids(world)
    assert cli.main(["find", delivered, "--reads-per-second", "10000"]) == 0
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


def test_a_part_of_the_table_is_not_called_every_balance(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit", "--segments", "2", "--segment", "0"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "Every balance of this part of the table is proved by its entries."


def test_a_wallet_is_accepted_with_a_reason(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["accept", "ann", "--reason", "entries lost in the restore"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "ann is accepted at version 4. The next audit compares with that.\n"
    assert "wallet_accepted" in printed.err
    assert cli.main(["audit"]) == 0
    assert cli.main(["accept", "stranger", "--reason", "removed on request"]) == 0
    assert "stranger is accepted as gone." in capsys.readouterr().out


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_an_acceptance_needs_a_short_reason(world: ServiceHarness, reason: str) -> None:
    before = world.items()
    with pytest.raises(SystemExit):
        cli.main(["accept", "ann", "--reason", reason])
    assert world.items() == before


def test_a_damaged_wallet_is_not_accepted(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    lose_the_last_entry(world)
    before = world.items()
    assert cli.main(["accept", "ann", "--reason", "lost"]) == 1
    assert "Repair it first. USER#ann/" in capsys.readouterr().err
    assert world.items() == before


def test_damage_that_only_a_person_can_mend_is_not_called_nothing(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    break_the_wallet(world)
    assert cli.main(["audit", "--repair"]) == 1
    printed = capsys.readouterr().err
    assert "Nothing can be repaired without a person." in printed
    assert "There is nothing to repair." not in printed
