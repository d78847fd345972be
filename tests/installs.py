"""Tools that are no packages of this project, in folders of their own: installed once for each
version of the list that pins them, by one process at a time; and packages of Debian."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devstack.locks import locked_file

ROOT = Path(__file__).parents[1]
_INSTALL_SECONDS = 600


def installed(folder: Path, pins: Path, install: Callable[[], None]) -> Path:
    """The folder, with what `pins` lists in it. Raises what `install` raises."""
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    stamp = folder / "installed"
    folder.parent.mkdir(parents=True, exist_ok=True)
    if _stamped(stamp, wanted):
        return folder
    with locked_file(
        folder.with_name(f"{folder.name}.lock"),
        "Another process is still installing the tools.",
        _INSTALL_SECONDS,
    ):
        if not _stamped(stamp, wanted):
            install()
            stamp.write_text(wanted)
    return folder


def python_tools(folder: Path, requirements: Path) -> Path:
    """A virtual environment with exactly those packages. Raises `RuntimeError` when they cannot be
    installed."""

    def install() -> None:
        venv.create(folder, with_pip=True, clear=True)
        python = str(folder / "bin" / "python")
        options = ["--quiet", "--no-compile", "--disable-pip-version-check", "--require-hashes"]
        _run([python, "-m", "pip", "install", *options, "-r", str(requirements)], folder)

    return installed(folder, requirements, install)


def node_tools(folder: Path, package: Path) -> Path:
    """A folder whose `node_modules` holds what the lock of that `package.json` pins. No package
    runs a script of its own. Raises `RuntimeError` when they cannot be installed."""
    lock = package.with_name("package-lock.json")

    def install() -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("This needs Node.js 20 or newer, with npm.")
        folder.mkdir(exist_ok=True)
        for file in (package, lock):
            shutil.copyfile(file, folder / file.name)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        _run([npm, "ci", *options], folder)

    return installed(folder, lock, install)


def go_tool(folder: Path, pin: Path, kept: str) -> Path:
    """A folder with the program of the Go module that `pin` names (module, version, checksum), and
    the module's file `kept`. Raises `RuntimeError` when it cannot be built."""
    module, version, checksum = pin.read_text().split()

    def install() -> None:
        go = shutil.which("go")
        if go is None:
            raise RuntimeError("This needs Go 1.22 or newer.")
        folder.mkdir(exist_ok=True)
        own = {"GOPATH": str(folder / "go"), "GOBIN": str(folder), "GOFLAGS": "-modcacherw"}
        found = _run([go, "mod", "download", "-json", f"{module}@{version}"], folder, own)
        described = json.loads(found)
        if described["Sum"] != checksum:
            raise RuntimeError(f"{module} {version} has another checksum than {pin.name} says.")
        _run([go, "install", f"{module}@{version}"], folder, own)
        shutil.copyfile(Path(described["Dir"]) / kept, folder / Path(kept).name)
        shutil.rmtree(folder / "go")

    return installed(folder, pin, install)


def debian_package(name: str, find: Callable[[], str | None]) -> str | None:
    """What `find` finds, such as the path of a program. Where it finds nothing, root first gets the
    package from Debian. None: it cannot be had here."""
    if find() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        lock = ROOT / ".cache" / "debian.lock"
        lock.parent.mkdir(exist_ok=True)
        with locked_file(lock, "Another process is still installing packages.", _INSTALL_SECONDS):
            if find() is None:
                _apt("update")
                _apt("install", "-y", "--no-install-recommends", name)
    return find()


def _apt(*arguments: str) -> None:
    subprocess.run(
        ["apt-get", "-qq", *arguments], capture_output=True, timeout=_INSTALL_SECONDS, check=False
    )


def _stamped(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    run = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(
            f"{Path(command[0]).name} could not install into {folder.name} "
            f"(Python: {sys.executable}): {run.stderr[-2000:]}"
        )
    return run.stdout
