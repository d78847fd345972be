"""`release/deploy`, `release/settings` and `release/rollback` against the pretended account."""

import json
import re

import pytest

from release.join import text_of
from release.parameters import parameter_names
from tests.release.machine import NEW, OLD, ROOT, Machine, Run


def test_the_first_deployment_makes_data_keys_base_and_service_in_this_order(
    first: Run,
) -> None:
    done, account = first
    assert done.returncode == 0, done.stderr
    assert account["executed"] == ["farebox-dev-data", "farebox-dev-base", "farebox-dev"]
    assert account["docker"].index("build") < account["docker"].index("push")
    parameters = account["stacks"]["farebox-dev"]["parameters"]
    assert parameters["ImageUri"] == NEW
    assert (parameters["TableName"], parameters["KeyArn"], parameters["Stage"]) == (
        "UserCredits-dev",
        "arn:key",
        "dev",
    )
    assert (parameters["TargetGroup"], parameters["TaskSubnets"]) == (
        "arn:targets",
        "subnet-a,subnet-b",
    )
    assert account["ecs_role"]


def test_only_the_first_deployment_sets_the_number_of_tasks(first: Run, deployed: Machine) -> None:
    begun = first[1]["stacks"]["farebox-dev"]["parameters"]
    assert begun["FirstDeployment"] == "true"
    deployed.set(commit="decaf", images={}, next_digest="sha256:" + "2" * 64)
    assert deployed.run("deploy").returncode == 0
    later = deployed.account["stacks"]["farebox-dev"]["parameters"]
    assert later["FirstDeployment"] == "false"


@pytest.mark.parametrize(
    ("end", "said", "code"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "is as before", 1),
        ("UPDATE_ROLLBACK_FAILED", "nor taken back", 1),
        ("UPDATE_IN_PROGRESS", "is still changing", 3),
    ],
)
def test_what_became_of_a_change_is_read_from_the_stack(
    deployed: Machine, end: str, said: str, code: int
) -> None:
    """A wait that ends is no rollback, and what is not known has an exit code of its own."""
    deployed.runs(OLD)
    deployed.set(failing=["farebox-dev"], end=end)
    done = deployed.run("deploy")
    assert done.returncode == code
    assert said in done.stderr
    assert ("is as before" in done.stderr) == (end == "UPDATE_ROLLBACK_COMPLETE")


def test_a_change_that_ended_well_after_its_wait_is_done(deployed: Machine) -> None:
    deployed.runs(OLD)
    deployed.set(failing=["farebox-dev"], end="UPDATE_COMPLETE")
    done = deployed.run("deploy")
    assert done.returncode == 0, done.stderr


def test_a_failed_version_that_cannot_be_taken_back_is_named(deployed: Machine) -> None:
    deployed.runs(OLD)
    deployed.set(broken=["0" * 64, "1" * 64])
    done = deployed.run("deploy")
    assert done.returncode == 1
    assert "what ran before fails it too" in done.stderr


def test_changed_settings_are_deployed_with_the_running_image(deployed: Machine) -> None:
    deployed.runs(OLD)
    deployed.set(commit="decaf")
    done = deployed.run("settings")
    assert done.returncode == 0, done.stderr
    parameters = deployed.account["stacks"]["farebox-dev"]["parameters"]
    assert (parameters["ImageUri"], parameters["PreviousImageUri"]) == (OLD, "")
    assert deployed.account["docker"] == []


@pytest.mark.parametrize("script", ["deploy", "settings"])
def test_a_checkout_without_the_running_commit_is_refused_unless_backwards_is_set(
    deployed: Machine, script: str
) -> None:
    deployed.set(apart=True)
    done = deployed.run(script)
    assert (done.returncode, deployed.account["executed"]) == (1, [])
    assert "c0ffee" in done.stderr
    assert "BACKWARDS=1" in done.stderr
    assert deployed.run(script, BACKWARDS="1").returncode == 0


def test_an_unknown_running_commit_does_not_stop_a_deployment(deployed: Machine) -> None:
    deployed.runs(OLD)
    deployed.set(apart=True)
    assert deployed.run("deploy").returncode == 0


def test_an_unknown_task_count_does_not_take_a_release_back(
    deployed: Machine,
) -> None:
    deployed.set(web_tasks="unknown")
    assert deployed.run("smoke").returncode == 0


def test_settings_are_refused_without_a_deployment(machine: Machine) -> None:
    done = machine.run("settings")
    assert (done.returncode, machine.account["executed"]) == (1, [])
    assert "does not exist" in done.stderr


@pytest.mark.parametrize("script", ["deploy", "rollback", "restart", "smoke"])
def test_a_paused_deployment_is_not_tested(deployed: Machine, script: str) -> None:
    deployed.runs(OLD, before=NEW)
    deployed.set(web_tasks=0, broken=["0" * 64, "1" * 64])
    done = deployed.run(script)
    assert done.returncode == 0, done.stderr
    assert "paused" in done.stderr


def test_another_deployment_of_the_same_commit_changes_nothing(
    deployed: Machine,
) -> None:
    assert deployed.run("deploy").returncode == 0, "no longer the first deployment"
    deployed.set(executed=[], docker=[])
    before = deployed.account
    done = deployed.run("deploy")
    assert done.returncode == 0, done.stderr
    after = deployed.account
    assert (after["secrets"], after["executed"], after["docker"]) == (before["secrets"], [], [])


def test_a_rollback_returns_to_the_image_before(
    deployed: Machine,
) -> None:
    deployed.runs(OLD)
    assert deployed.run("deploy").returncode == 0
    assert deployed.account["stacks"]["farebox-dev"]["parameters"]["PreviousImageUri"] == OLD
    assert deployed.run("rollback").returncode == 0
    parameters = deployed.account["stacks"]["farebox-dev"]["parameters"]
    assert (parameters["ImageUri"], parameters["PreviousImageUri"]) == (OLD, NEW)


def test_a_deployment_that_fails_its_test_is_taken_back_with_its_settings(
    deployed: Machine,
) -> None:
    deployed.runs(OLD)
    former = deployed.account["stacks"]["farebox-dev"]
    deployed.set(broken=["1" * 64])
    done = deployed.run("deploy")
    assert done.returncode == 1
    assert "failed its test and was rolled back." in done.stderr
    now = deployed.account["stacks"]["farebox-dev"]
    assert (now["parameters"], now["template"].strip()) == (
        former["parameters"],
        former["template"],
    )


def test_a_rollback_of_cloudformation_is_reported_and_ends_the_release(deployed: Machine) -> None:
    deployed.runs(OLD)
    deployed.set(failing=["farebox-dev"])
    done = deployed.run("deploy")
    assert done.returncode == 1
    assert "no luck" in done.stderr
    assert "cancelled" not in done.stderr
    assert "an older story" not in done.stderr
    assert deployed.account["stacks"]["farebox-dev"]["parameters"]["ImageUri"] == OLD


def test_an_unreachable_cloud_is_not_taken_for_an_empty_one(deployed: Machine) -> None:
    deployed.set(silent=True, change=None)
    done = deployed.run("deploy")
    assert done.returncode == 1
    assert "Could not connect" in done.stderr
    assert deployed.account["change"] is None


def test_nothing_is_changed_without_a_confirmation(machine: Machine) -> None:
    done = machine.run("deploy", yes="")
    assert done.returncode == 1
    assert machine.account["executed"] == []


@pytest.mark.parametrize("stage", ["", "prod"])
def test_an_unknown_stage_is_refused(machine: Machine, stage: str) -> None:
    assert machine.run("deploy", stage=stage).returncode == 2
    assert machine.account["executed"] == []


@pytest.mark.parametrize("stage", ["dev", "staging", "production"])
def test_a_stage_sets_only_parameters_of_its_templates(stage: str) -> None:
    given = json.loads((ROOT / f"cloudformation/parameters/{stage}.json").read_text())
    for name in ("data", "base", "service"):
        names = parameter_names(text_of(ROOT / f"cloudformation/{name}.yaml"))
        assert given[name].keys() <= names
    assert not given["base"].keys() & given["service"].keys()


def test_every_script_reads_its_stage_first() -> None:
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
