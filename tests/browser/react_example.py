"""`examples/react`: installed as its lock file says, type-checked, built, and served as static
files from an origin of its own."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from devstack.ports import LOOPBACK
from service.settings import process_environment

FOLDER = Path(__file__).parents[2] / "examples" / "react"
INSTALL_SECONDS = 600
BUILD_SECONDS = 300


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def install() -> None:
    """Installs what the lock file pins, if it is not there yet. Raises `AssertionError`."""
    if not _installed():
        _run(["npm", "ci", "--no-audit", "--no-fund"], {}, INSTALL_SECONDS)


def build(target: Path, settings: Mapping[str, str]) -> None:
    """Type-checks the example and builds it into `target`, with `VITE_…` settings. Raises
    `AssertionError` with what npm said."""
    install()
    _run(
        ["npm", "run", "build", "--", "--outDir", str(target), "--emptyOutDir"],
        settings,
        BUILD_SECONDS,
    )


@contextmanager
def served(folder: Path, port: int) -> Iterator[str]:
    """Serves the files on that port of this machine; yields the origin."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer((LOOPBACK, port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()
        thread.join(10)


def build_component(target: Path, source: str, name: str, properties: Mapping[str, str]) -> None:
    """Builds a page that shows one React component with those properties, with the example's tools.
    Raises `AssertionError`."""
    target.mkdir()
    shown = json.dumps(properties)
    (target / "main.jsx").write_text(
        'import { createElement, useState } from "react";\n'
        'import { createRoot } from "react-dom/client";\n'
        f"{source}\n"
        f'createRoot(document.getElementById("root")).render(createElement({name}, {shown}));\n'
    )
    (target / "index.html").write_text(
        '<!doctype html><div id="root"></div><script type="module" src="/main.jsx"></script>'
    )
    (target / "node_modules").symlink_to(FOLDER / "node_modules")
    vite = FOLDER / "node_modules" / "vite" / "bin" / "vite.js"
    _run(["node", str(vite), "build", str(target)], {}, BUILD_SECONDS)


def _installed() -> bool:
    """Whether npm has installed from the lock file as it stands."""
    done, lock = FOLDER / "node_modules" / ".package-lock.json", FOLDER / "package-lock.json"
    return done.exists() and done.stat().st_mtime >= lock.stat().st_mtime


def _run(command: list[str], settings: Mapping[str, str], seconds: float) -> None:
    assert shutil.which("npm"), "The React example needs Node.js (20.19 or newer) with npm."
    done = subprocess.run(
        command,
        cwd=FOLDER,
        env={**process_environment(), **settings},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
