"""`examples/react`: installed as its lock file says, type-checked, built, and served as static
files from an origin of its own."""

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


def build(target: Path, settings: Mapping[str, str]) -> None:
    """Type-checks the example and builds it into `target`, with `VITE_…` settings. Raises
    `AssertionError` with what npm said."""
    if not _installed():
        _npm(["ci", "--no-audit", "--no-fund"], {}, INSTALL_SECONDS)
    _npm(["run", "build", "--", "--outDir", str(target), "--emptyOutDir"], settings, BUILD_SECONDS)


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


def _installed() -> bool:
    """Whether npm has installed from the lock file as it stands."""
    done, lock = FOLDER / "node_modules" / ".package-lock.json", FOLDER / "package-lock.json"
    return done.exists() and done.stat().st_mtime >= lock.stat().st_mtime


def _npm(arguments: list[str], settings: Mapping[str, str], seconds: float) -> None:
    npm = shutil.which("npm")
    assert npm, "The React example needs Node.js (20.19 or newer) with npm."
    done = subprocess.run(
        [npm, *arguments],
        cwd=FOLDER,
        env={**process_environment(), **settings},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"npm {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
