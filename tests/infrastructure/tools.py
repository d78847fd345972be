"""The linters and the AWS CLI, in a virtual environment of their own: checkov pins a boto3 that is
years old."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from devstack.locks import locked_file
from tests.infrastructure.deployments import ROOT

REQUIREMENTS = ROOT / "requirements" / "infrastructure.txt"
_FOLDER = ROOT / ".venv-infrastructure"
_INSTALL_SECONDS = 600


def tool(name: str) -> str:
    """The path of a command. Installs the pinned tools first if needed; raises when that fails."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = _FOLDER / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        _install(stamp, wanted)
    if name == "docker-compose":
        # The wrapper of that name always exits 0.
        (found,) = _FOLDER.glob("lib/python*/site-packages/compose/docker-compose")
        return str(found)
    return str(_FOLDER / "bin" / name)


def _install(stamp: Path, wanted: str) -> None:
    with locked_file(
        _FOLDER.with_suffix(".lock"),
        "Another process is still installing the tools.",
        _INSTALL_SECONDS,
    ):
        if stamp.exists() and stamp.read_text() == wanted:
            return
        venv.create(_FOLDER, with_pip=True, clear=True)
        command = [
            str(_FOLDER / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
        ]
        command += ["--disable-pip-version-check", "--require-hashes", "-r", str(REQUIREMENTS)]
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
        if run.returncode:
            raise RuntimeError(
                f"the tools could not be installed with {sys.executable}: {run.stderr[-2000:]}"
            )
        stamp.write_text(wanted)
