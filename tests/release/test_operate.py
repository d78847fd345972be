"""`release/operate`: an operator command inside a deployment."""

import pytest

from tests.release.machine import Machine


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (["audit"], None),
        (["audit", "--repair", "--yes"], "arn:repair"),
        (["ledger", "--repairs"], None),
    ],
)
def test_only_a_repair_has_the_role_that_may_delete(
    deployed: Machine, command: list[str], role: str | None
) -> None:
    deployed.set(exit_code=0)
    assert deployed.run("operate", *command).returncode == 0
    task = deployed.account["task"]
    assert task.get("taskRoleArn") == role
    assert task["containerOverrides"][0]["command"] == ["farebox", *command]


def test_an_audit_of_a_restored_copy_runs_with_copy(deployed: Machine) -> None:
    deployed.set(exit_code=0)
    assert (
        deployed.run("operate", "audit", "--repair", TABLE="UserCredits-dev-20261121").returncode
        == 0
    )
    [container] = deployed.account["task"]["containerOverrides"]
    assert container["command"] == ["farebox", "audit", "--repair", "--copy"]
    assert {"name": "DYNAMODB_TABLE_NAME", "value": "UserCredits-dev-20261121"} in container[
        "environment"
    ]


def test_an_operator_command_prints_its_log_and_exits_with_its_code(deployed: Machine) -> None:
    deployed.set(exit_code=1)
    done = deployed.run("operate", "audit")
    assert (done.returncode, done.stdout) == (1, "VIOLATION\n1 violations.\n")
