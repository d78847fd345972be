"""`farebox ledger`: what it prints is computed from what is stored, and says whether it agrees."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from service import cli
from service.audit.entities import Ledger
from service.audit.ledger_report import as_text
from service.core.amounts import SCALE
from service.ledger.entities import Wallet, WalletStatus
from service.ledger.store import freeze_write
from service.providers.base import TaskStatus
from tests.doubles.operator import operator_environment
from tests.doubles.service_harness import ServiceHarness
from tests.repair.items import change, remove

WALLET = Wallet("ann", version=3, credits=2 * SCALE, granted=3 * SCALE, captured=1 * SCALE)


@pytest.fixture
def world(client: Any, table_name: str, monkeypatch: pytest.MonkeyPatch) -> ServiceHarness:
    """A delivered job."""
    environment = operator_environment(client.meta.endpoint_url, table_name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    world = ServiceHarness(client, table_name)
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(60)
    return world


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], list[str]]:
    code = cli.main(["ledger", "ann", *words])
    both = capsys.readouterr()
    return code, both.out.splitlines(), both.err.splitlines()


def test_a_whole_ledger_is_printed_with_its_sum(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines, _ = printed(capsys)
    assert code == 0
    assert [line.split()[2] for line in lines[1:4]] == ["INITIAL", "HOLD", "CAPTURE"]
    assert lines[4:] == [
        "Wallet at version 3: 2 available, 0 held.",
        "3 granted = 1 captured + 0 expired + 0 clawed back + 2 available + 0 held",
        "Every balance is proved by its 3 entries.",
    ]


def test_a_tampered_frozen_wallet_says_so_and_asserts_no_equation(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    change(world, "ann", "METADATA", "SET credits = :n", n={"N": "12"})
    change(world, "ann", "METADATA", "SET #status = :s", s={"S": "frozen"})
    code, lines, _ = printed(capsys)
    assert code == 1
    assert (
        "3 granted is not 1 captured + 0 expired + 0 clawed back + 12 available + 0 held = 13"
        in lines
    )
    assert "FROZEN: nothing can be spent until an operator has investigated." in lines
    assert "VIOLATION  USER#ann/METADATA: credits is 12, its entries say 2" in lines
    assert lines[-1].startswith("DAMAGED: ")


def test_a_wallet_frozen_for_another_reason_is_not_called_damaged(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    world.table.write(freeze_write(world.wallet()))
    code, lines, _ = printed(capsys)
    assert (code, lines[-1]) == (0, "Every balance is proved by its 3 entries.")
    assert any(line.startswith("FROZEN") for line in lines)


@pytest.mark.parametrize("damage", ["unreadable", "missing"])
def test_a_wallet_that_cannot_be_read_is_a_violation_and_no_crash(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    if damage == "missing":
        remove(world, "ann", "METADATA")
    else:
        change(world, "ann", "METADATA", "SET head = :n", n={"N": "1"})
    code, lines, _ = printed(capsys)
    assert code == 1
    assert [line.split()[2] for line in lines[1:4]] == ["INITIAL", "HOLD", "CAPTURE"]
    assert any(line.startswith("VIOLATION  USER#ann/METADATA: ") for line in lines)


def test_an_entry_that_cannot_be_read_is_named(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    change(world, "ann", "ENTRY#000000000002", "SET amount = :n", n={"S": "x"})
    code, lines, _ = printed(capsys)
    assert code == 1
    assert any("USER#ann/ENTRY#000000000002: cannot be read" in line for line in lines)


def test_the_ledger_as_json_has_everything(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines, _ = printed(capsys, "--json")
    document = json.loads("\n".join(lines))
    assert (code, document["proved"], document["violations"]) == (0, True, [])
    wallet = document["wallet"]
    assert (wallet["available"], wallet["captured"], wallet["status"]) == (2, 1, "open")
    assert [each["remaining"] for each in wallet["lots"]] == [2]
    assert [each["kind"] for each in document["entries"]] == ["INITIAL", "HOLD", "CAPTURE"]
    change(world, "ann", "METADATA", "SET credits = :n", n={"N": "12"})
    code, lines, _ = printed(capsys, "--json")
    document = json.loads("\n".join(lines))
    assert (code, document["proved"]) == (1, False)
    assert document["violations"]


def test_the_ledger_as_csv_has_the_entries_and_says_apart_whether_they_agree(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines, messages = printed(capsys, "--csv")
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
    assert [(row["version"], row["kind"], row["credits"]) for row in rows] == [
        ("1", "INITIAL", "3"),
        ("2", "HOLD", "2"),
        ("3", "CAPTURE", "2"),
    ]
    assert (code, messages) == (0, ["Every balance is proved by its 3 entries."])
    change(world, "ann", "METADATA", "SET credits = :n", n={"N": "12"})
    code, _, messages = printed(capsys, "--csv")
    assert (code, messages[-1][:8]) == (1, "DAMAGED:")


def test_debt_and_erasure_are_said() -> None:
    owing = replace(WALLET, debt=4 * SCALE)
    assert ", 4 owed." in as_text(Ledger("ann", owing, (), ()))
    closed = replace(WALLET, status=WalletStatus.CLOSED)
    assert "CLOSED: " in as_text(Ledger("ann", closed, (), ()))
