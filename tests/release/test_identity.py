"""`release/identity` against the pretended account, in a checkout whose dev stage has a pool."""

import json
import shutil
from pathlib import Path

import pytest

from tests.release import machine as machines
from tests.release.machine import ROOT, Machine

STACK = "farebox-dev-identity"


@pytest.fixture
def chosen(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine after a deployment of the data stack, with a checkout of its own."""
    for folder in ("release", "cloudformation"):
        shutil.copytree(ROOT / folder, tmp_path / "checkout" / folder)
    file = tmp_path / "checkout" / "cloudformation" / "parameters" / "dev.json"
    stage = json.loads(file.read_text())
    certificate = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    stage["base"] |= {"DomainName": "api.example.com", "CertificateArn": certificate}
    file.write_text(json.dumps(stage | {"identity": {}}, indent=2))
    monkeypatch.setattr(machines, "ROOT", tmp_path / "checkout")
    data = {
        "status": "CREATE_COMPLETE",
        "parameters": {},
        "template": "",
        "outputs": {"KeyArn": "arn:aws:kms:key"},
    }
    machine.set(stacks={"farebox-dev-data": data})
    return machine


def test_a_stage_with_a_section_has_a_user_pool(chosen: Machine) -> None:
    done = chosen.run("identity")
    assert done.returncode == 0, done.stderr
    assert chosen.account["executed"] == [STACK]
    assert chosen.account["stacks"][STACK]["parameters"] == {
        "KeyArn": "arn:aws:kms:key",
        "DomainName": "api.example.com",
        "LogRetentionDays": "14",
        "Stage": "dev",
    }
    again = chosen.run("identity")
    assert (again.returncode, "nothing to change" in again.stderr) == (0, True)


def test_a_deployment_makes_the_pool_and_hands_it_to_the_service(chosen: Machine) -> None:
    done = chosen.run("deploy")
    assert done.returncode == 0, done.stderr
    account = chosen.account
    executed = account["executed"]
    assert (
        executed.index("farebox-dev-data") < executed.index(STACK) < executed.index("farebox-dev")
    )
    parameters = account["stacks"]["farebox-dev"]["parameters"]
    assert parameters["CognitoUserPoolId"] == "us-east-1_AbCdEf123"
    assert parameters["CognitoClientIds"] == "1app"
    # The base stack lets tasks reach the secret, and the service has them read it.
    for stack in ("farebox-dev-base", "farebox-dev"):
        assert account["stacks"][stack]["parameters"]["CognitoHookSecretArn"] == "arn:hook"
    assert f"{STACK}: CREATE_COMPLETE" in done.stdout


def test_its_rules_are_tried_before_anything_is_made(chosen: Machine) -> None:
    """In the order of a deployment: the service is tried with a pool that is not made yet."""
    done = chosen.run("check")
    assert done.returncode == 0, done.stderr
    _, identity, _, service = chosen.account["checked"]
    assert identity == {
        "KeyArn": "arn:aws:kms:key",
        "DomainName": "api.example.com",
        "LogRetentionDays": "14",
        "Stage": "dev",
    }
    assert (service["KeyArn"], "CognitoUserPoolId" in service) == ("arn:aws:kms:key", False)
    assert (chosen.account["executed"], chosen.account["reviews"]) == ([], [])


def test_a_refused_pool_stops_a_release_before_anything_is_made(chosen: Machine) -> None:
    _choose(identity={"MailFrom": "accounts@example.com"})
    done = chosen.run("deploy")
    assert (done.returncode, chosen.account["executed"]) == (1, [])
    assert "MailFrom needs MailIdentity" in done.stderr
    assert "for its identity stack is refused; nothing was changed" in done.stderr
    assert (chosen.account["docker"], chosen.account["reviews"]) == ([], [])


def test_a_stage_without_a_section_has_none(machine: Machine) -> None:
    done = machine.run("identity")
    assert (done.returncode, machine.account["executed"]) == (0, [])
    assert "no user pool is made" in done.stderr


@pytest.mark.parametrize("replacement", ["True", "Conditional"])
def test_a_change_that_may_replace_the_pool_is_refused(chosen: Machine, replacement: str) -> None:
    change = {
        "Action": "Modify",
        "LogicalResourceId": "UserPool",
        "ResourceType": "AWS::Cognito::UserPool",
        "Replacement": replacement,
    }
    chosen.set(changes={STACK: [change]})
    done = chosen.run("identity")
    assert (done.returncode, chosen.account["executed"]) == (1, [])
    assert f"replace or remove UserPool in {STACK}" in done.stderr
    assert chosen.run("identity", ALLOW_LOSS="1").returncode == 0


def test_a_pool_that_exists_already_needs_its_clients_before_anything_is_made(
    chosen: Machine,
) -> None:
    """This stack hands on none of them, so the rule of the service is tried by what the stage has
    chosen."""
    pool = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEf123"
    _choose(identity={"UserPoolArn": pool})
    done = chosen.run("deploy")
    assert (done.returncode, chosen.account["executed"]) == (1, [])
    assert "CognitoUserPoolId needs CognitoClientIds" in done.stderr
    assert "for its service stack is refused; nothing was changed" in done.stderr
    _choose(service={"CognitoClientIds": "1app"})
    done = chosen.run("check")
    assert done.returncode == 0, done.stderr


def _choose(**sections: dict[str, str]) -> None:
    """Adds to the parameters of dev."""
    file = machines.ROOT / "cloudformation" / "parameters" / "dev.json"
    stage = json.loads(file.read_text())
    for name, chosen in sections.items():
        stage[name] |= chosen
    file.write_text(json.dumps(stage, indent=2))
