"""`release/change` refuses to lose data."""

import pytest

from tests.release.machine import Machine


def test_a_change_that_replaces_the_table_is_refused(machine: Machine) -> None:
    machine.set(
        changes={
            "farebox-dev-data": [
                {"Action": "Modify", "LogicalResourceId": "Table", "Replacement": "True"}
            ]
        }
    )
    done = machine.run("deploy")
    assert done.returncode == 1
    assert "replace or remove Table" in done.stderr
    assert machine.account["executed"] == []


@pytest.mark.parametrize(
    ("action", "replacement"),
    [("Modify", "Conditional"), ("Modify", "True"), ("Remove", None)],
)
@pytest.mark.parametrize(
    "kind", ["AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SecretsManager::Secret"]
)
def test_a_change_that_may_replace_what_cannot_be_made_again_is_refused(
    machine: Machine, kind: str, action: str, replacement: str | None
) -> None:
    change = {"Action": action, "LogicalResourceId": "Kept", "ResourceType": kind}
    machine.set(changes={"farebox-dev-data": [change | {"Replacement": replacement}]})
    done = machine.run("deploy")
    assert (done.returncode, machine.account["executed"]) == (1, [])
    assert "replace or remove Kept" in done.stderr


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::ECR::Repository"])
def test_nothing_else_of_the_data_stack_is_removed_either(machine: Machine, kind: str) -> None:
    change = {"Action": "Remove", "LogicalResourceId": "Kept", "ResourceType": kind}
    machine.set(changes={"farebox-dev-data": [change]})
    assert machine.run("deploy").returncode == 1
    assert machine.account["executed"] == []


def test_a_reference_to_a_changed_key_is_no_loss(machine: Machine) -> None:
    kind = "AWS::Backup::BackupVault"
    change = {
        "Action": "Modify",
        "LogicalResourceId": "Vault",
        "ResourceType": kind,
        "Replacement": "Conditional",
    }
    machine.set(changes={"farebox-dev-data": [change]})
    assert machine.run("deploy").returncode == 0


def test_a_new_backup_selection_is_no_loss(machine: Machine) -> None:
    kind = "AWS::Backup::BackupSelection"
    change = {
        "Action": "Modify",
        "LogicalResourceId": "BackupSelection",
        "ResourceType": kind,
        "Replacement": "True",
    }
    machine.set(changes={"farebox-dev-data": [change]})
    assert machine.run("deploy").returncode == 0
