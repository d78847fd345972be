"""`release/identity` as it is, with the real AWS CLI against the extended moto."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infrastructure.deployments import ROOT
from tests.infrastructure.identity_stack import DOMAIN, PAGES, identity_stack
from tests.infrastructure.tools import tool

_SECONDS = 240
_STACK = "farebox-dev-identity"
# What the release needs of the data stack.
_DATA = {
    "Resources": {
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"Description": "d", "KeyPolicy": {}}}
    },
    "Outputs": {"KeyArn": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}}},
}
pytestmark = [pytest.mark.tools, pytest.mark.timeout(600)]


@pytest.fixture
def url() -> Iterator[str]:
    """An empty account behind an address."""
    command = [sys.executable, "-m", "tests.infrastructure.server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as server:  # type: ignore[call-overload]
        yield server.stdout.readline().split()[1]
        server.stdin.close()
        server.wait(30)


def _run(url: str, *command: str) -> str:
    environment = {
        "PATH": f"{Path(tool('aws')).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "STAGE": "dev",
        "YES": "1",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
    }
    run = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert run.returncode == 0, f"{command}\n{run.stdout[-3000:]}\n{run.stderr[-3000:]}"
    return run.stdout


def test_the_stack_is_made_with_google_whose_secret_no_parameter_has(
    url: str, tmp_path: Path
) -> None:
    secret = "GOCSPX-secret-of-tests"
    given = json.dumps({"clientSecret": secret})
    create = ("aws", "secretsmanager", "create-secret", "--name", "farebox/google")
    arn = json.loads(_run(url, *create, "--secret-string", given))["ARN"]
    data = ("aws", "cloudformation", "create-stack", "--stack-name", "farebox-dev-data")
    _run(url, *data, "--template-body", json.dumps(_DATA))
    for folder in ("release", "cloudformation"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    file = tmp_path / "cloudformation" / "parameters" / "dev.json"
    chosen = {**PAGES, "GoogleClientId": "x", "GoogleSecretArn": arn}
    stage = json.loads(file.read_text()) | {"identity": chosen}
    stage["base"]["DomainName"] = DOMAIN
    file.write_text(json.dumps(stage, indent=2))
    _run(url, str(tmp_path / "release" / "identity"))
    describe = ("aws", "cloudformation", "describe-stacks", "--stack-name", _STACK)
    said = _run(url, *describe)
    described = json.loads(said)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
    assert described["StackStatus"] == "CREATE_COMPLETE"
    assert set(outputs) == set(identity_stack(ROOT, "dev", chosen | {"DomainName": DOMAIN}).outputs)
    assert outputs["CognitoClientIds"].count(",") == 1
    assert secret not in said
