"""`release/stage.sh`: what every script decides by. Ancestors are those of a real history, and
confirmations are typed at a real terminal."""

import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.release.machine import ROOT, Machine

_GIT = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A checkout at `head` with its parent `before`, and a `branch` that left after `before`."""
    checkout = tmp_path_factory.mktemp("history")
    git(checkout, "init", "--quiet", "--initial-branch=main")
    commits = {}
    for name in ("before", "branch"):
        git(checkout, "commit", "--quiet", "--allow-empty", "--message", name)
        commits[name] = git(checkout, "rev-parse", "HEAD")
    git(checkout, "reset", "--quiet", "--hard", commits["before"])
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "head")
    commits["head"] = git(checkout, "rev-parse", "HEAD")
    return checkout, commits


def git(checkout: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(checkout), *words],
        env=os.environ | _GIT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def shell(script: str, stdin: int = subprocess.DEVNULL, **more: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a piece of shell that has sourced `stage.sh`."""
    done = subprocess.run(
        ["bash", "-c", f"source {ROOT}/release/stage.sh; {script}"],
        env={"PATH": os.environ["PATH"], "STAGE": "staging"} | more,
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("running", "passes"),
    [("head", True), ("before", True), ("branch", False), ("0" * 40, False)],
)
@pytest.mark.parametrize("suffix", ["", "-arm64", "-20261130120000-arm64"])
def test_only_a_checkout_that_contains_what_runs_is_deployed(
    history: tuple[Path, dict[str, str]], running: str, passes: bool, suffix: str
) -> None:
    checkout, commits = history
    tag = commits.get(running, running) + suffix
    script = f"ROOT={checkout}; aws() {{ echo {tag}; }}; guard_forward r/n@sha256:1"
    assert shell(script)[0] == (0 if passes else 1)
    assert shell(script, BACKWARDS="1")[0] == 0
    assert shell(script, BACKWARDS="0")[0] == (0 if passes else 1)


@contextmanager
def terminal(typed: str) -> Iterator[int]:
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    yield theirs
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("typed", ["\n", "n\n", "N\n", "Y\n", "yes\n", "yy\n", "1\n", "\x04"])
def test_nothing_but_y_confirms(typed: str) -> None:
    with terminal(typed) as stdin:
        code, out, _ = shell('confirm "Really?"; echo done', stdin)
    assert (code, out) == (1, "")


def test_y_confirms_and_so_does_the_environment() -> None:
    with terminal("y\n") as stdin:
        assert shell('confirm "Really?"; echo done', stdin)[:2] == (0, "done\n")
    assert shell('confirm "Really?"; echo done', YES="1")[:2] == (0, "done\n")
    for word in ("", "0", "yes"):
        assert shell('confirm "Really?"; echo done', YES=word)[:2] == (1, "")


@pytest.mark.parametrize(
    "error",
    [
        "An error occurred (Throttling) when calling DescribeStacks: Rate exceeded",
        "An error occurred (ExpiredToken) when calling DescribeStacks: expired",
        "An error occurred (AccessDenied) when calling AssumeRole: role does not exist",
        "Could not connect to the endpoint URL",
        "",
    ],
)
def test_no_other_error_is_taken_for_a_missing_stack(error: str) -> None:
    script = f"aws() {{ echo '{error}' >&2; return 254; }}; found=$(described s Q) && echo done"
    assert shell(script)[:2] == (1, "")


def test_a_missing_stack_is_described_by_nothing() -> None:
    error = "An error occurred (ValidationError): Stack with id s does not exist"
    script = f"aws() {{ echo '{error}' >&2; return 254; }}; found=$(described s Q); echo [$found]"
    assert shell(script) == (0, "[]\n", "")


def test_an_unknown_end_has_an_exit_code_of_its_own(deployed: Machine) -> None:
    assert shell("unknown no one knows")[0] == 3
    deployed.set(silent=True)
    done = deployed.run("smoke")
    assert (done.returncode, "was not tested" in done.stderr) == (3, True)
