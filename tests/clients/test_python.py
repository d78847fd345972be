"""The client that openapi-python-client makes of the document: two classes of responses for each
route, and it works."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from service.core.clock import SystemClock
from tests.clients.node import CLIENTS
from tests.stack.live_stack import LiveStack

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

SECONDS = 250
BIN = Path(sys.executable).parent


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)),
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def generated(document_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the generated package."""
    folder = tmp_path_factory.mktemp("python")
    package = folder / "farebox_client"
    options = ["--path", document_file, "--output-path", package, "--meta", "none"]
    made = run(BIN / "openapi-python-client", "generate", *options, "--fail-on-warning")
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def test_a_generated_python_client_makes_a_video_and_reads_every_error_as_one_class(
    generated: Path, start: Callable[..., LiveStack]
) -> None:
    stack = start(clock=SystemClock())
    program = CLIENTS / "programs" / "openapi_python_client.py"
    made = run(
        sys.executable, program, stack.url, stack.token("ann"), "ann", PYTHONPATH=str(generated)
    )
    assert made.returncode == 0, made.stderr
    report = json.loads(made.stdout)
    assert report["returned"] == ["ErrorResponse", "JobResponse", "NoneType"]
    assert (report["status"], report["refused"]) == ("SUCCEEDED", "JOB_NOT_FOUND")
    assert report["outcome"].startswith("http")
    assert datetime.fromisoformat(report["createdAt"]).tzinfo is not None
    assert stack.credits("ann") == (2, 0)
