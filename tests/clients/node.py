"""The commands of `package.json`, below `.cache/` so that no test and no linter of ours walks
through them."""

import os
import subprocess
from pathlib import Path

from tests.installs import ROOT, node_tools

CLIENTS = ROOT / "tests" / "clients"
FOLDER = ROOT / ".cache" / "clients"
_SECONDS = 250
# None of the tools reports what it does.
_SILENT = {"REDOCLY_TELEMETRY": "off", "SCARF_ANALYTICS": "false", "NO_COLOR": "1"}


def node_folder() -> Path:
    """Installs what the lock file pins, if it is not there yet. Raises `RuntimeError`."""
    return node_tools(FOLDER, CLIENTS / "package.json")


def run_node(
    command: str, *arguments: str | Path, cwd: Path = FOLDER
) -> subprocess.CompletedProcess[str]:
    """Runs `node`, or a command of an installed package."""
    found = FOLDER / "node_modules" / ".bin" / command
    return subprocess.run(
        [str(found) if found.exists() else command, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | _SILENT,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
