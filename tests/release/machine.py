"""A machine on which the release scripts run as they are, against a pretended account."""

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.infrastructure.plain_python import plain_python
from tests.release.tools import ToolServer

ROOT = Path(__file__).resolve().parents[2]
OLD = "registry.example/farebox-dev@sha256:" + "0" * 64
NEW = "registry.example/farebox-dev@sha256:" + "1" * 64
# A run of a script, and the account after it.
Run = tuple[subprocess.CompletedProcess[str], dict[str, Any]]


class Machine:
    """A terminal whose `aws`, `docker`, `curl` and `git` are `pretended_aws`. `account` is its
    state."""

    def __init__(self, folder: Path) -> None:
        tools = folder / "bin"
        tools.mkdir()
        plain_python(tools)
        self._path = f"{tools}:{os.environ['PATH']}"
        self._server = ToolServer(tools)
        self.set(
            stacks={},
            secrets={"arn:kling": {"v": "key"}},
            objects={},
            images={},
            built=[],
            docker=[],
            executed=[],
            broken=[],
            checked=[],
            reviews=[],
            users=0,
            web_tasks=1,
            ecs_role=False,
            end="UPDATE_ROLLBACK_COMPLETE",
            tasks={},
            min_tasks={},
            ecs_calls=[],
            commit="c0ffee",
            dirt="",
            next_digest="sha256:" + "1" * 64,
        )

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()

    @property
    def account(self) -> dict[str, Any]:
        with self._server.locked() as account:
            copy: dict[str, Any] = json.loads(json.dumps(account))
        return copy

    def set(self, **facts: Any) -> None:
        with self._server.locked() as account:
            account.update(json.loads(json.dumps(facts)))

    def run(
        self,
        *command: str,
        stage: str = "dev",
        yes: str = "1",
        root: Path | None = None,
        **more: str,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script of this checkout, or of that at `root`."""
        script, *arguments = command
        environment = more | {
            "PATH": self._path,
            "STAGE": stage,
            "YES": yes,
            "SMOKE_TRIES": "1",
            "ROLE_PAUSE_SECONDS": "0",
            "OPERATE_PAUSE_SECONDS": "1",
        }
        return subprocess.run(
            [str((root or ROOT) / "release" / script), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def shell(self, script: str) -> str:
        """The output of a piece of shell."""
        environment = {"PATH": self._path, "STAGE": "dev"}
        return subprocess.run(
            ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stdout

    def runs(self, image: str, before: str = "") -> None:
        """Adds a deployment of the image to the account."""
        parameters = {"Stage": "dev", "ImageUri": image, "PreviousImageUri": before}
        outputs = {
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
