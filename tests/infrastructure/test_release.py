"""The release's own scripts deploy a stage by the real AWS CLI, against a server that takes all our types."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.infrastructure.deployments import IMAGE, ROOT, deployment, filled, stage_parameters
from tests.infrastructure.tools import tool

STAGE = "staging"
_SECONDS = 240
pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Account:
    """An account behind an address, and what was there before the first deployment."""

    url: str
    given: dict[str, str]

    def run(self, *command: str) -> str:
        """The output of a command that speaks to this account and to no other."""
        environment = {
            "PATH": f"{Path(tool('aws')).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "STAGE": STAGE,
            "YES": "1",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        }
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        assert run.returncode == 0, f"{command}\n{run.stdout[-3000:]}\n{run.stderr[-3000:]}"
        return run.stdout

    def described(self, stack: str) -> dict[str, str]:
        told = json.loads(self.run("aws", "cloudformation", "describe-stacks", "--stack-name", stack))["Stacks"][0]
        assert told["StackStatus"] == "CREATE_COMPLETE"
        return {output["OutputKey"]: output["OutputValue"] for output in told.get("Outputs", [])}

    def kinds(self, stack: str) -> dict[str, str]:
        command = ("aws", "cloudformation", "describe-stack-resources", "--stack-name", stack)
        listed = json.loads(self.run(*command))["StackResources"]
        return {body["LogicalResourceId"]: body["ResourceType"] for body in listed if "LogicalResourceId" in body}


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    command = [sys.executable, "-m", "tests.infrastructure.server", STAGE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as server:  # type: ignore[call-overload]
        word, url, *given = server.stdout.readline().split()
        assert word == "ready"
        yield Account(url, dict(pair.split("=", 1) for pair in given))
        server.stdin.close()
        server.wait(30)


def test_the_real_client_deploys_both_stacks(account: Account, tmp_path: Path) -> None:
    """Data first, inline; then the service, which is too long for that and goes through the data stack's own bucket."""
    given = stage_parameters(ROOT, STAGE)
    for stack, outputs in (("data", {}), ("service", None)):
        name = f"farebox-{STAGE}-data" if stack == "data" else f"farebox-{STAGE}"
        handed = account.described(f"farebox-{STAGE}-data") if outputs is None else outputs
        parameters = _parameters(stack, filled(STAGE, given[stack]), handed, account.given, tmp_path)
        account.run("release/change", name, str(ROOT / "cloudformation" / f"{stack}.yaml"), str(parameters))
    rendered = deployment(STAGE)
    assert account.kinds(f"farebox-{STAGE}-data") == {
        key: body["Type"] for key, body in rendered.data.resources.items()
    }
    assert account.kinds(f"farebox-{STAGE}") == {key: body["Type"] for key, body in rendered.service.resources.items()}
    assert account.described(f"farebox-{STAGE}")["ImageUri"] == IMAGE


def _parameters(stack: str, told: dict[str, str], handed: dict[str, str], given: dict[str, str], folder: Path) -> Path:
    """Made by the release's own program from the stage's file, what the data stack gave, and what only this run knows."""
    stage_file = folder / f"{stack}-stage.json"
    stage_file.write_text(json.dumps({stack: told | (given if stack == "service" else {})}))
    outputs = json.dumps([{"OutputKey": name, "OutputValue": value} for name, value in handed.items()])
    decided = [f"Stage={STAGE}"] + ([f"ImageUri={IMAGE}"] if stack == "service" else [])
    template = ROOT / "cloudformation" / f"{stack}.yaml"
    command = [sys.executable, str(ROOT / "release" / "parameters.py"), str(stage_file), str(template), *decided]
    made = subprocess.run(command, input=outputs, capture_output=True, text=True, timeout=60, check=True).stdout
    path = folder / f"{stack}.json"
    path.write_text(made)
    return path
