"""The Java archives of DynamoDB Local: their list, their folder, and their checksums.

The committed list `jars.sha256` (in the format of `sha256sum -c`) names each file by its path in a
Maven repository, so that no dependency is resolved at run time."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import LocalSetupError

VERSION = "3.1.0"
JARS_LIST = Path(__file__).with_name("jars.sha256")
DOWNLOAD_SECONDS = 900.0
_CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Jar:
    """One archive: its path in a Maven repository (`group/as/folders/artifact/version/file`) and
    its checksum."""

    path: str
    sha256: str


def listed(path: Path = JARS_LIST) -> tuple[Jar, ...]:
    """The committed list, in its order."""
    lines = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    return tuple(Jar(name, digest) for digest, name in lines)


def cache_directory(xdg_cache_home: str = "") -> Path:
    """The folder of this version's archives: `~/.cache/farebox/…`, or below `xdg_cache_home` if
    given."""
    root = Path(xdg_cache_home) if xdg_cache_home else Path.home() / ".cache"
    return root / "farebox" / f"dynamodb-local-{VERSION}"


def differing(directory: Path, jars: Sequence[Jar]) -> tuple[str, ...]:
    """The paths of listed files that are missing from the directory or have another checksum."""
    return tuple(jar.path for jar in jars if _sha256(directory / jar.path) != jar.sha256)


def provide_jars(directory: Path) -> Path:
    """Returns the directory after verifying every file; downloads all of them if any is missing or
    damaged.

    The download runs in its own process (`devstack.download`) and shows its progress on standard
    output. Raises `LocalSetupError`."""
    if differing(directory, listed()):
        command = [sys.executable, "-m", "devstack.download", str(directory)]
        try:
            done = subprocess.run(  # noqa: S603 - a command of ours
                command,
                cwd=_CHECKOUT,
                stderr=subprocess.PIPE,
                text=True,
                timeout=DOWNLOAD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LocalSetupError(
                "The download of DynamoDB Local takes too long; try again later."
            ) from None
        if done.returncode:
            raise LocalSetupError(
                _last_line(done.stderr) or "The download of DynamoDB Local was interrupted."
            )
    return directory


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
