"""`release/change` refuses to lose data."""

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


def test_a_change_that_may_replace_a_secret_is_refused(machine: Machine) -> None:
    machine.set(
        changes={
            "farebox-dev-data": [
                {
                    "Action": "Modify",
                    "LogicalResourceId": "Keys",
                    "Replacement": "Conditional",
                    "ResourceType": "AWS::SecretsManager::Secret",
                }
            ]
        }
    )
    done = machine.run("deploy")
    assert (done.returncode, machine.account["executed"]) == (1, [])
    assert "replace or remove Keys" in done.stderr


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
