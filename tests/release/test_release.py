"""The release scripts, run as they are, against an account that is one file (`pretended_aws`)."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from release.parameters import parameter_names
from release.rotated import rotated
from service.core.keyring import read_keyring
from service.settings import Settings
from tests.release.pretended_aws import BASE

ROOT = Path(__file__).resolve().parents[2]
OLD = "registry.example/farebox-dev@sha256:" + "0" * 64
NEW = "registry.example/farebox-dev@sha256:" + "1" * 64
KEYS = {
    "fingerprintPeppers": {"1": "p" * 40},
    "ledgerMacKey": "m" * 40,
    "callbackTokenKeys": ["t" * 40],
}


class Machine:
    """A terminal whose `aws`, `docker`, `curl` and `git` are pretended. `account` is what they
    know."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "account.json"
        tools = folder / "bin"
        tools.mkdir()
        for tool in ("aws", "docker", "curl", "git"):
            script = tools / tool
            script.write_text(
                f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("pretended_aws.py")} {tool} "$@"\n'
            )
            script.chmod(0o755)
        self._path = f"{tools}:{os.environ['PATH']}"
        self.set(
            stacks={},
            secrets={"arn:kling": {"v": "key"}},
            objects={},
            images={},
            built=[],
            docker=[],
            executed=[],
            broken=[],
            users=0,
            web_tasks=1,
            ecs_role=False,
            commit="c0ffee",
            dirt="",
            next_digest="sha256:" + "1" * 64,
        )

    @property
    def account(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._file.read_text())
        return told

    def set(self, **facts: Any) -> None:
        before = self.account if self._file.exists() else {}
        self._file.write_text(json.dumps(before | facts))

    def run(
        self, *command: str, stage: str = "dev", yes: str = "1", **more: str
    ) -> subprocess.CompletedProcess[str]:
        script, *arguments = command
        given = more | {
            "PATH": self._path,
            "STAGE": stage,
            "YES": yes,
            "SMOKE_TRIES": "1",
            "ROLE_PAUSE_SECONDS": "0",
            "OPERATE_PAUSE_SECONDS": "1",
            "PRETENDED": str(self._file),
        }
        return subprocess.run(
            [str(ROOT / "release" / script), *arguments],
            env=given,
            capture_output=True,
            text=True,
            timeout=110,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def shell(self, script: str) -> str:
        """What a piece of shell says."""
        given = {"PATH": self._path, "STAGE": "dev", "PRETENDED": str(self._file)}
        return subprocess.run(
            ["bash", "-c", script], env=given, capture_output=True, text=True, check=True
        ).stdout

    def runs(self, image: str, before: str = "") -> None:
        """From here on, a deployment of that image is there."""
        parameters = {"Stage": "dev", "ImageUri": image, "PreviousImageUri": before}
        outputs = {
            "Url": "https://api.example.com",
            "BalancerName": "balancer",
            "ClusterName": "c",
            "WebServiceName": "w",
        }
        service = {
            "status": "UPDATE_COMPLETE",
            "parameters": parameters,
            "template": "former",
            "outputs": outputs | {"ImageUri": image, "PreviousImageUri": before},
        }
        self.set(stacks=self.account["stacks"] | {"farebox-dev": service})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """What the first deployment said, and the account after it."""
    machine = Machine(tmp_path_factory.mktemp("first"))
    return machine.run("deploy"), machine.account


@pytest.fixture
def deployed(
    machine: Machine, first: tuple[subprocess.CompletedProcess[str], dict[str, Any]]
) -> Machine:
    machine.set(**first[1] | {"executed": [], "docker": []})
    return machine


def test_the_first_deployment_brings_data_then_keys_then_the_service_by_digest(
    first: tuple[subprocess.CompletedProcess[str], dict[str, Any]],
) -> None:
    done, account = first
    assert done.returncode == 0, done.stderr
    assert account["executed"] == ["farebox-dev-data", "farebox-dev"]
    assert account["docker"].index("build") < account["docker"].index("push")
    parameters = account["stacks"]["farebox-dev"]["parameters"]
    assert parameters["ImageUri"] == NEW
    assert (parameters["TableName"], parameters["KeyArn"], parameters["Stage"]) == (
        "UserCredits-dev",
        "arn:key",
        "dev",
    )
    assert account["ecs_role"]


def test_an_image_is_built_on_a_base_named_by_digest_and_says_on_which(
    first: tuple[subprocess.CompletedProcess[str], dict[str, Any]],
) -> None:
    build = first[1]["build"]
    assert f"BASE_IMAGE={BASE}" in build
    assert f"org.opencontainers.image.base.name={BASE}" in build
    assert "org.opencontainers.image.revision=c0ffee" in build


def test_a_base_that_is_named_by_digest_is_taken_as_it_is(deployed: Machine) -> None:
    deployed.set(commit="decaf")
    assert deployed.run("build", BASE_IMAGE=BASE).stdout == "farebox:decaf\n"
    assert deployed.account["docker"] == ["image", "build"]


def test_another_kind_of_processor_gets_an_image_of_its_own(
    deployed: Machine, tmp_path: Path
) -> None:
    parameters = tmp_path / "parameters.json"
    parameters.write_text('{"service": {"CpuArchitecture": "ARM64"}}')
    script = f"source {ROOT}/release/stage.sh; PARAMETERS={parameters}; release_tag"
    assert deployed.shell(script) == "c0ffee-arm64\n"


def test_changed_settings_go_out_with_the_image_that_runs(deployed: Machine) -> None:
    deployed.runs(OLD)
    deployed.set(commit="decaf")
    done = deployed.run("settings")
    assert done.returncode == 0, done.stderr
    parameters = deployed.account["stacks"]["farebox-dev"]["parameters"]
    assert (parameters["ImageUri"], parameters["PreviousImageUri"]) == (OLD, "")
    assert deployed.account["docker"] == []


@pytest.mark.parametrize("script", ["deploy", "settings"])
def test_a_checkout_that_does_not_contain_what_runs_is_refused_unless_that_is_meant(
    deployed: Machine, script: str
) -> None:
    deployed.set(apart=True)
    done = deployed.run(script)
    assert (done.returncode, deployed.account["executed"]) == (1, [])
    assert "c0ffee" in done.stderr
    assert "BACKWARDS=1" in done.stderr
    assert deployed.run(script, BACKWARDS="1").returncode == 0


def test_what_runs_of_an_unknown_commit_holds_nobody_up(deployed: Machine) -> None:
    deployed.runs(OLD)
    deployed.set(apart=True)
    assert deployed.run("deploy").returncode == 0


def test_a_cloud_that_cannot_say_how_many_tasks_are_wanted_does_not_take_a_release_back(
    deployed: Machine,
) -> None:
    deployed.set(web_tasks="no answer")
    assert deployed.run("smoke").returncode == 0


def test_settings_of_what_is_not_there_are_refused(machine: Machine) -> None:
    done = machine.run("settings")
    assert (done.returncode, machine.account["executed"]) == (1, [])
    assert "is not there" in done.stderr


@pytest.mark.parametrize("script", ["deploy", "rollback", "restart", "smoke"])
def test_nobody_asks_a_paused_deployment_whether_it_answers(deployed: Machine, script: str) -> None:
    deployed.runs(OLD, before=NEW)
    deployed.set(web_tasks=0, broken=["0" * 64, "1" * 64])
    done = deployed.run(script)
    assert done.returncode == 0, done.stderr
    assert "paused" in done.stderr


def test_the_first_deployment_makes_keys_that_the_service_takes_and_shows_them_to_nobody(
    first: tuple[subprocess.CompletedProcess[str], dict[str, Any]],
) -> None:
    done, account = first
    [keys] = account["secrets"]["arn:keys"].values()
    settings = Settings(
        keys_secret_name="keys", google_client_ids=("id",), kling_api_key_secret_name="kling"
    )
    keyring = read_keyring(settings, lambda _: keys)
    made = {keyring.mac_key.decode(), keyring.peppers[0].key.decode(), keyring.token_keys[0]}
    assert len(made) == 3
    assert not any(key in done.stdout + done.stderr for key in made)


def test_a_second_deployment_of_the_same_changes_nothing_and_never_touches_the_keys(
    deployed: Machine,
) -> None:
    before = deployed.account
    done = deployed.run("deploy")
    assert done.returncode == 0, done.stderr
    after = deployed.account
    assert (after["secrets"], after["executed"], after["docker"]) == (before["secrets"], [], [])


def test_a_deployment_remembers_what_ran_before_and_a_rollback_goes_back_to_it(
    deployed: Machine,
) -> None:
    deployed.runs(OLD)
    assert deployed.run("deploy").returncode == 0
    assert deployed.account["stacks"]["farebox-dev"]["parameters"]["PreviousImageUri"] == OLD
    assert deployed.run("rollback").returncode == 0
    parameters = deployed.account["stacks"]["farebox-dev"]["parameters"]
    assert (parameters["ImageUri"], parameters["PreviousImageUri"]) == (OLD, NEW)


def test_a_deployment_that_does_not_answer_is_taken_back_with_all_its_settings(
    deployed: Machine,
) -> None:
    deployed.runs(OLD)
    former = deployed.account["stacks"]["farebox-dev"]
    deployed.set(broken=["1" * 64])
    done = deployed.run("deploy")
    assert done.returncode == 1
    assert "taken back" in done.stderr
    now = deployed.account["stacks"]["farebox-dev"]
    assert (now["parameters"], now["template"].strip()) == (
        former["parameters"],
        former["template"],
    )


def test_what_cloudformation_takes_back_is_reported_and_ends_the_release(deployed: Machine) -> None:
    deployed.runs(OLD)
    deployed.set(failing=["farebox-dev"])
    done = deployed.run("deploy")
    assert done.returncode == 1
    assert "no luck" in done.stderr
    assert "cancelled" not in done.stderr
    assert "an older story" not in done.stderr
    assert deployed.account["stacks"]["farebox-dev"]["parameters"]["ImageUri"] == OLD


def test_a_cloud_that_does_not_answer_is_not_taken_for_an_empty_one(deployed: Machine) -> None:
    deployed.set(silent=True, change=None)
    done = deployed.run("deploy")
    assert done.returncode == 1
    assert "Could not connect" in done.stderr
    assert deployed.account["change"] is None


def test_two_releases_at_a_time_put_one_set_of_keys(deployed: Machine) -> None:
    before = deployed.account["secrets"]
    deployed.set(blind=True)
    assert "they stay" in deployed.run("keys").stderr
    assert deployed.account["secrets"] == before


def test_a_table_with_users_never_gets_new_keys(machine: Machine) -> None:
    machine.set(users=7)
    done = machine.run("deploy")
    assert done.returncode == 1
    assert "Restore them" in done.stderr
    assert machine.account["executed"] == ["farebox-dev-data"]
    assert "arn:keys" not in machine.account["secrets"]


def test_nothing_of_the_data_is_replaced_or_dropped_on_the_way(machine: Machine) -> None:
    machine.set(
        changes={
            "farebox-dev-data": [
                {"Action": "Modify", "LogicalResourceId": "Table", "Replacement": "True"}
            ]
        }
    )
    done = machine.run("deploy")
    assert done.returncode == 1
    assert "replace or drop Table" in done.stderr
    assert machine.account["executed"] == []


def test_what_may_be_replaced_is_not_changed_either(machine: Machine) -> None:
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
    assert "replace or drop Keys" in done.stderr


def test_what_only_refers_to_a_changed_key_is_no_loss(machine: Machine) -> None:
    kind = "AWS::Backup::BackupVault"
    change = {
        "Action": "Modify",
        "LogicalResourceId": "Vault",
        "ResourceType": kind,
        "Replacement": "Conditional",
    }
    machine.set(changes={"farebox-dev-data": [change]})
    assert machine.run("deploy").returncode == 0


def test_another_selection_of_what_is_backed_up_is_no_loss(machine: Machine) -> None:
    kind = "AWS::Backup::BackupSelection"
    change = {
        "Action": "Modify",
        "LogicalResourceId": "BackupSelection",
        "ResourceType": kind,
        "Replacement": "True",
    }
    machine.set(changes={"farebox-dev-data": [change]})
    assert machine.run("deploy").returncode == 0


def test_without_a_yes_nothing_is_changed(machine: Machine) -> None:
    done = machine.run("deploy", yes="")
    assert done.returncode == 1
    assert machine.account["executed"] == []


@pytest.mark.parametrize("stage", ["", "prod"])
def test_an_unknown_stage_is_refused(machine: Machine, stage: str) -> None:
    assert machine.run("deploy", stage=stage).returncode == 2
    assert machine.account["executed"] == []


def test_what_is_not_committed_goes_no_further_than_dev(deployed: Machine) -> None:
    stacks = deployed.account["stacks"]
    deployed.set(
        dirt=" M service/app.py", stacks={"farebox-staging-data": stacks["farebox-dev-data"]}
    )
    done = deployed.run("image", stage="staging")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not committed" in done.stderr


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (["audit"], None),
        (["audit", "--repair", "--yes"], "arn:repair"),
        (["ledger", "--repairs"], None),
    ],
)
def test_only_a_repair_gets_the_role_that_may_delete(
    deployed: Machine, command: list[str], role: str | None
) -> None:
    deployed.set(exit_code=0)
    assert deployed.run("operate", *command).returncode == 0
    task = deployed.account["task"]
    assert task.get("taskRoleArn") == role
    assert task["containerOverrides"][0]["command"] == ["farebox", *command]


def test_an_audit_of_a_restored_copy_is_told_that_it_is_one(deployed: Machine) -> None:
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


def test_an_operators_command_says_and_ends_as_it_did_inside(deployed: Machine) -> None:
    deployed.set(exit_code=1)
    done = deployed.run("operate", "audit")
    assert (done.returncode, done.stdout) == (1, "VIOLATION\n1 violations.\n")


@pytest.mark.parametrize("step", ["add-token-key", "use-token-key", "drop-token-key", "add-pepper"])
def test_no_rotation_touches_the_mac_key_or_takes_a_pepper_away(step: str) -> None:
    before = KEYS | {"callbackTokenKeys": ["a" * 40, "b" * 40]} if step != "add-token-key" else KEYS
    after = rotated(before, step)
    assert after["ledgerMacKey"] == KEYS["ledgerMacKey"]
    assert after["fingerprintPeppers"]["1"] == KEYS["fingerprintPeppers"]["1"]
    assert after != before


def test_a_token_key_is_replaced_so_that_every_process_can_open_what_any_seals() -> None:
    added = rotated(KEYS, "add-token-key")
    used = rotated(added, "use-token-key")
    dropped = rotated(used, "drop-token-key")
    old, new = added["callbackTokenKeys"]
    assert (old, used["callbackTokenKeys"], dropped["callbackTokenKeys"]) == (
        "t" * 40,
        [new, old],
        [new],
    )


def test_a_new_pepper_is_newer_than_all_others() -> None:
    assert list(rotated(rotated(KEYS, "add-pepper"), "add-pepper")["fingerprintPeppers"]) == [
        "1",
        "2",
        "3",
    ]


def test_a_rotation_out_of_turn_is_refused() -> None:
    with pytest.raises(SystemExit):
        rotated(KEYS, "use-token-key")
    with pytest.raises(SystemExit):
        rotated(rotated(KEYS, "add-token-key"), "add-token-key")


def test_a_rotation_puts_the_new_keys_and_one_out_of_turn_puts_nothing(deployed: Machine) -> None:
    [before] = deployed.account["secrets"]["arn:keys"].values()
    assert deployed.run("rotate", "use-token-key").returncode == 1
    assert list(deployed.account["secrets"]["arn:keys"].values()) == [before]
    done = deployed.run("rotate", "add-token-key")
    assert done.returncode == 0, done.stderr
    *_, after = deployed.account["secrets"]["arn:keys"].values()
    assert json.loads(after)["callbackTokenKeys"][0] == json.loads(before)["callbackTokenKeys"][0]
    assert len(json.loads(after)["callbackTokenKeys"]) == 2


@pytest.mark.parametrize("stage", ["dev", "staging", "production"])
def test_a_stage_names_only_parameters_that_its_templates_have(stage: str) -> None:
    given = json.loads((ROOT / f"cloudformation/parameters/{stage}.json").read_text())
    for part in ("data", "service"):
        assert given[part].keys() <= parameter_names(
            (ROOT / f"cloudformation/{part}.yaml").read_text()
        )


def test_every_script_knows_its_stage_before_it_does_anything() -> None:
    scripts = [
        path for path in (ROOT / "release").iterdir() if path.suffix == "" and path.is_file()
    ]
    assert len(scripts) > 10
    for script in scripts:
        lines = [
            line for line in script.read_text().splitlines() if line and not line.startswith("#")
        ]
        assert lines[0] == "set -euo pipefail", script
        assert re.match(r'source "\$\(dirname "\$0"\)/stage.sh"', lines[1]), script
