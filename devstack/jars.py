"""Which Java archives DynamoDB Local is made of, where they are kept, and whether they are the
right ones, byte for byte.

The committed list `jars.sha256` (readable by `sha256sum -c`) names each file by its path in a Maven
repository, so that nothing has to be resolved: a listed file is fetched as it is, or not used at
all."""

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
    """One archive: its path as in a Maven repository (`group/as/folders/artifact/version/file`),
    and what it must be."""

    path: str
    sha256: str


def listed(path: Path = JARS_LIST) -> tuple[Jar, ...]:
    """The committed list, in its order."""
    lines = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    return tuple(Jar(name, digest) for digest, name in lines)


def cache_directory(xdg_cache_home: str = "") -> Path:
    """Where the archives of this version live for this user: `~/.cache/farebox/…`, or below
    `xdg_cache_home` if given."""
    root = Path(xdg_cache_home) if xdg_cache_home else Path.home() / ".cache"
    return root / "farebox" / f"dynamodb-local-{VERSION}"


def differing(directory: Path, jars: Sequence[Jar]) -> tuple[str, ...]:
    """Paths of the listed files that are missing from the directory or are not what the list
    says."""
    return tuple(jar.path for jar in jars if _sha256(directory / jar.path) != jar.sha256)


def provide_jars(directory: Path) -> Path:
    """The directory, with every listed file verified just now; what is absent or damaged is
    downloaded first.

    The download is a process of its own (`devstack.download`), which shows its progress on standard
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
                _last_line(done.stderr) or "The download of DynamoDB Local was broken off."
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
