"""`make up` runs the compose file with what is there: Docker, or Podman with either Compose."""

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def up(folder: Path, programs: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """`make up` where only these container programs exist; each is a line of shell."""
    for name in ("docker", "podman", "podman-compose"):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{programs.get(name, 'exit 127')}\n")
        program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run(
        ["make", "--no-print-directory", "up", *words],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


WORKS = 'echo "$(basename "$0") $*"'
NO_COMPOSE = f'case "$1" in compose) exit 125;; esac; {WORKS}'
NO_DAEMON = f'case "$1" in info) exit 1;; esac; {WORKS}'


@pytest.mark.parametrize(
    ("programs", "chosen"),
    [
        ({"docker": WORKS, "podman": WORKS}, "docker compose up --build"),
        ({"docker": NO_DAEMON, "podman": WORKS}, "podman compose up --build"),
        ({"podman": NO_COMPOSE, "podman-compose": WORKS}, "podman-compose up --build"),
    ],
)
def test_the_first_that_works_is_chosen(
    tmp_path: Path, programs: dict[str, str], chosen: str
) -> None:
    done = up(tmp_path, programs)
    assert (done.returncode, done.stdout) == (0, f"{chosen}\n")


def test_another_can_be_named(tmp_path: Path) -> None:
    done = up(tmp_path, {"docker": WORKS, "podman-compose": WORKS}, "COMPOSE=podman-compose")
    assert done.stdout == "podman-compose up --build\n"


def test_without_either_one_sentence_says_what_works(tmp_path: Path) -> None:
    done = up(tmp_path, {})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "Neither Docker nor Podman with Compose runs here; `make run` needs neither."
    )
