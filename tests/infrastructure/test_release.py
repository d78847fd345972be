"""Deployments by the real AWS CLI against the extended moto: by its own `deploy`, and by the
release scripts."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from release.parameters import chosen
from service.core.settings import STAGES
from tests.infrastructure.cloud import INLINE_BYTES, path_of
from tests.infrastructure.deployments import (
    IMAGE,
    ROOT,
    TEMPLATES,
    deployment,
    filled,
    stage_parameters,
)
from tests.infrastructure.render import Stack
from tests.infrastructure.texts import text_of
from tests.infrastructure.tools import tool
from tests.stack.live_stack import LiveStack

_SECONDS = 240
_LOADED_CLI = Path(__file__).parent / "loaded_cli"
_FIRST, _SECOND, _BROKEN = "1" * 40, "2" * 40, "3" * 40
pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]

# The image is not built, the test names the commit, and the balancer's name resolves to this
# machine. `aws` and `curl` are real; the calls of `aws` are noted, and find it loaded.
_STAND_INS = {
    "docker": """
case "$1" in
    image) [ "$3" = --format ] && echo "registry.example/python@sha256:$(printf 'b%.0s' {1..64})" ;;
    login) [ -n "$(cat)" ] ;;
    push)
        name=${3##*/}
        # The registry requires the media type of the image.
        kind=application/vnd.oci.image.manifest.v1+json
        aws ecr put-image --repository-name "${name%:*}" --image-tag "${name##*:}" \\
            --image-manifest "{\\"tag\\": \\"$3\\"}" --image-manifest-media-type "$kind" >&2
        ;;
esac
""",
    "git": """
case " $* " in *" rev-parse "*) echo "$COMMIT" ;; esac
""",
    "aws": """
printf '%s\\n' "$*" >>{calls}
# Only this process has such a file.
case "$*" in *file:///dev/fd/*) exec {aws} "$@" ;; esac
exec {python} -I -S {client} {socket} "$@"
""",
    "curl": """
exec {curl} --connect-to "::127.0.0.1:$WEB_PORT" "$@"
""",
}


@dataclass(frozen=True)
class Account:
    """An account behind an address, what existed before the first deployment, and a folder of
    programs that come first in PATH."""

    url: str
    given: dict[str, str]
    programs: str = "/nonexistent"

    def tried(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a command that can reach this account and no other."""
        environment = {
            "PATH": f"{self.programs}:{Path(tool('aws')).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "YES": "1",
            "AWS_ENDPOINT_URL": self.url,
            # moto recognises a bucket's name only in an address of localhost.
            "AWS_ENDPOINT_URL_S3": self.url.replace("127.0.0.1", "localhost"),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        }
        return subprocess.run(
            command,
            cwd=ROOT,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def run(self, *command: str, **variables: str) -> str:
        """The output of a command that must succeed."""
        run = self.tried(*command, **variables)
        assert run.returncode == 0, f"{command}\n{run.stdout[-3000:]}\n{run.stderr[-3000:]}"
        return run.stdout

    def client(self, service: str) -> Any:
        """For what the tests themselves want to know: the CLI takes half a second to start."""
        return boto3.client(service, region_name="us-east-1", endpoint_url=self.url)

    def described(self, stack: str, status: str) -> dict[str, str]:
        """The outputs of a stack, which must be in this status."""
        (described,) = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        assert described["StackStatus"] == status
        return {
            output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])
        }

    def kinds(self, stack: str) -> dict[str, str]:
        listed = self.client("cloudformation").describe_stack_resources(StackName=stack)
        return {
            body["LogicalResourceId"]: body["ResourceType"]
            for body in listed["StackResources"]
            if "LogicalResourceId" in body
        }

    def calls(self, word: str) -> list[str]:
        """What the release scripts called of AWS with this word, in order."""
        made = (Path(self.programs) / "calls").read_text(encoding="utf-8").splitlines()
        return [call for call in made if word in call]

    def changes(self, stack: str) -> int:
        """How often the release scripts have changed a stack."""
        return len(self.calls(f"execute-change-set --stack-name {stack} "))

    def boundaries(self) -> dict[str, str]:
        """The boundary of each role that is not a service's own, by its name; empty for none."""
        iam = self.client("iam")
        listed = iam.list_roles(MaxItems=1000)["Roles"]
        names = [role["RoleName"] for role in listed if "/aws-service-role/" not in role["Arn"]]
        roles = [iam.get_role(RoleName=name)["Role"] for name in names]
        return {
            role["RoleName"]: role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
            for role in roles
        }

    def images(self, stage: str) -> set[str]:
        """The images of all task definitions of a stage."""
        found, ecs = set(), self.client("ecs")
        for family in ("web", "worker", "audit", "operator"):
            described = ecs.describe_task_definition(taskDefinition=f"farebox-{stage}-{family}")
            (container,) = described["taskDefinition"]["containerDefinitions"]
            found.add(container["image"])
        return found


@pytest.fixture
def account() -> Iterator[Account]:
    command = [sys.executable, "-m", "tests.infrastructure.server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as server:  # type: ignore[call-overload]
        word, url, *given = server.stdout.readline().split()
        assert word == "ready"
        yield Account(url, dict(pair.split("=", 1) for pair in given))
        server.stdin.close()
        server.wait(30)


@pytest.fixture
def loaded_cli(tmp_path: Path) -> Iterator[Path]:
    """The socket behind which the CLI waits for calls."""
    python, at = Path(tool("aws")).with_name("python"), tmp_path / "cli"
    command = [str(python), str(_LOADED_CLI / "server.py"), str(at)]
    environment = {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield at
        server.stdin.close()
        server.wait(30)


@pytest.fixture
def releasing(account: Account, loaded_cli: Path, tmp_path: Path) -> Account:
    """The same account, with stand-ins for docker, git and curl."""
    curl = shutil.which("curl")
    assert curl, "the release needs curl"
    paths = {
        "{curl}": curl,
        "{aws}": tool("aws"),
        "{python}": sys.executable,
        "{client}": str(_LOADED_CLI / "client.py"),
        "{socket}": str(loaded_cli),
        "{calls}": str(tmp_path / "calls"),
    }
    for name, text in _STAND_INS.items():
        script = tmp_path / name
        for word, path in paths.items():
            text = text.replace(word, path)
        script.write_text("#!/bin/bash\nset -eu\n" + text)
        script.chmod(0o755)
    return Account(account.url, account.given, str(tmp_path))


@pytest.fixture
def stack(client: Any, table_name: str) -> Iterator[LiveStack]:
    """The service itself, for the smoke test of the release."""
    with LiveStack(client.meta.endpoint_url, table_name) as stack:
        yield stack


def test_the_cli_s_own_deploy_creates_every_stage_completely(
    account: Account, tmp_path: Path
) -> None:
    """All in one account; data first, then base and service, which are too long to be sent
    inline."""
    for stage in STAGES:
        needed = {"dev": set(), "staging": {"HostedZoneId"}, "production": set(account.given)}
        outside = {name: account.given[name] for name in needed[stage]}
        offered = {"Stage": stage, "ImageUri": IMAGE}
        for name, stack in zip(TEMPLATES, deployment(stage).stacks, strict=True):
            given = filled(
                stage, chosen(stage_parameters(ROOT, stage), name, set(stack.parameters))
            )
            text, path = text_of(path_of(name)), tmp_path / f"{name}.yaml"
            path.write_text(text)
            bucket = offered["TemplatesBucket"] if len(text.encode()) > INLINE_BYTES else ""
            parameters = offered | given | outside
            known = {key: value for key, value in parameters.items() if key in stack.parameters}
            _deploy(account, stack.name, path, known, bucket)
            assert account.kinds(stack.name) == _kinds(stack)
            offered |= account.described(stack.name, "CREATE_COMPLETE")
            assert set(stack.outputs) <= set(offered)


def _deploy(
    account: Account, stack: str, template: Path, parameters: dict[str, str], bucket: str
) -> None:
    overrides = [f"{key}={value}" for key, value in parameters.items()]
    command = [
        "aws",
        "cloudformation",
        "deploy",
        "--stack-name",
        stack,
        "--template-file",
        str(template),
    ]
    command += ["--capabilities", "CAPABILITY_IAM", "--parameter-overrides", *overrides]
    said = account.run(*command, *(["--s3-bucket", bucket] if bucket else []))
    assert f"Successfully created/updated stack - {stack}" in said


def _kinds(stack: Stack) -> dict[str, str]:
    return {key: body["Type"] for key, body in stack.resources.items()}


def test_a_release_is_deployed_replaced_rolled_back_when_broken_and_on_demand(
    releasing: Account, stack: LiveStack
) -> None:
    """`make account`, `make deploy`, `make rollback` and `make status` as they are; behind the
    balancer's name is the service itself."""
    port = str(urlsplit(stack.url).port)

    def release(
        script: str, commit: str = "", web_port: str = port
    ) -> subprocess.CompletedProcess[str]:
        variables = {
            "STAGE": "dev",
            "COMMIT": commit,
            "WEB_PORT": web_port,
            "SMOKE_TRIES": "1",
            "ROLE_PAUSE_SECONDS": "0",
        }
        return releasing.tried(f"release/{script}", **variables)

    def deployed(done: subprocess.CompletedProcess[str], status: str) -> dict[str, str]:
        assert done.returncode == 0, done.stdout + done.stderr
        return releasing.described("farebox-dev", status)

    made, administered = _account_made(releasing)

    first = deployed(release("deploy", _FIRST), "CREATE_COMPLETE")
    assert releasing.images("dev") == {first["ImageUri"]}
    assert "PreviousImageUri" not in first

    second = deployed(release("deploy", _SECOND), "UPDATE_COMPLETE")
    assert second["PreviousImageUri"] == first["ImageUri"] != second["ImageUri"]
    assert releasing.images("dev") == {second["ImageUri"]}
    changes = releasing.changes("farebox-dev")

    no_one_listens = "1"
    broken = release("deploy", _BROKEN, no_one_listens)
    assert (broken.returncode, "was rolled back" in broken.stderr) == (1, True), broken.stderr
    kept = releasing.described("farebox-dev", "UPDATE_COMPLETE")
    assert (kept["ImageUri"], kept["PreviousImageUri"]) == (second["ImageUri"], first["ImageUri"])
    assert releasing.images("dev") == {second["ImageUri"]}
    assert releasing.changes("farebox-dev") == changes + 2, "it went there and back"

    back = deployed(release("rollback"), "UPDATE_COMPLETE")
    assert (back["ImageUri"], back["PreviousImageUri"]) == (first["ImageUri"], second["ImageUri"])
    assert releasing.images("dev") == {first["ImageUri"]}
    status = release("status")
    assert (status.returncode, first["ImageUri"] in status.stdout) == (0, True), status.stderr
    _acted_as_the_stack_role_and_within_the_boundary(releasing, made, administered)


def _account_made(releasing: Account) -> tuple[dict[str, str], set[str]]:
    """The outputs of the account's stack, and the roles that are there before any stage."""
    releasing.run("release/account", "Repository=example/farebox", "MonthlyBudgetDollars=0")
    stacks = releasing.client("cloudformation").describe_stacks(StackName="farebox-account")
    assert stacks["Stacks"][0]["EnableTerminationProtection"]
    made = releasing.described("farebox-account", "CREATE_COMPLETE")
    return made, set(releasing.boundaries())


def _acted_as_the_stack_role_and_within_the_boundary(
    releasing: Account, made: dict[str, str], administered: set[str]
) -> None:
    role = f" --role-arn {made['devStackRole']}"
    of_the_account, *changes = releasing.calls("create-change-set")
    assert role not in of_the_account
    assert len(changes) > 10, "a check and three stacks, several times"
    assert all(role in change for change in changes)
    boundaries = releasing.boundaries()
    of_the_stage = {boundaries[name] for name in set(boundaries) - administered}
    assert of_the_stage == {made["PermissionsBoundary"]}
