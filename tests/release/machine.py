"""A machine on which the release scripts run as they are, against a pretended account."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OLD = "registry.example/farebox-dev@sha256:" + "0" * 64
NEW = "registry.example/farebox-dev@sha256:" + "1" * 64
# A run of a script, and the account after it.
Run = tuple[subprocess.CompletedProcess[str], dict[str, Any]]


class Machine:
    """A terminal whose `aws`, `docker`, `curl` and `git` are `pretended_aws`. `account` is its
    state."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "account.json"
        tools = folder / "bin"
        tools.mkdir()
        for tool in ("aws", "docker", "curl", "git"):
            script = tools / tool
            script.write_text(
                f"#!/bin/sh\n"
                f"exec {sys.executable} {Path(__file__).with_name('pretended_aws.py')} {tool} "
                f'"$@"\n'
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
        account: dict[str, Any] = json.loads(self._file.read_text())
        return account

    def set(self, **facts: Any) -> None:
        before = self.account if self._file.exists() else {}
        self._file.write_text(json.dumps(before | facts))

    def run(
        self, *command: str, stage: str = "dev", yes: str = "1", **more: str
    ) -> subprocess.CompletedProcess[str]:
        script, *arguments = command
        environment = more | {
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
            env=environment,
            capture_output=True,
            text=True,
            timeout=110,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def shell(self, script: str) -> str:
        """The output of a piece of shell."""
        environment = {"PATH": self._path, "STAGE": "dev", "PRETENDED": str(self._file)}
        return subprocess.run(
            ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stdout

    def runs(self, image: str, before: str = "") -> None:
        """Adds a deployment of the image to the account."""
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
