"""The operator's commands: what they print where, and what they exit with."""

import json
import signal
from typing import Any

import pytest

from service import cli
from service.audit import operations
from service.providers.base import TaskStatus
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
