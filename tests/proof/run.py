"""Runs a proof in a process group of its own, with all its output in a file."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.proof.proofs import Proof

CHECKOUT = Path(__file__).parents[2]
STOP_SECONDS = 60.0
MAX_LINE = 240


@dataclass(frozen=True)
class Result:
    """How a proof ended. `last_line` is its own summary."""

    passed: bool
    seconds: float
    last_line: str


def run(proof: Proof, log: Path, stop_seconds: float = STOP_SECONDS) -> Result:
    """Blocks until the proof has ended or its time is over; nothing of it is left running then."""
    began_at = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            proof.command,
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(60 * proof.max_minutes)
            ending = "" if code == 0 else f"exit code {code}: "
        except subprocess.TimeoutExpired:
            ending = f"stopped after {proof.max_minutes:g} minutes: "
        finally:
            _stop(process, stop_seconds)
    return Result(not ending, time.monotonic() - began_at, ending + _last_line(log))


def _stop(process: subprocess.Popen[bytes], stop_seconds: float) -> None:
    """As Ctrl-C does, so that it can stop what it started; then the whole group is killed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(stop_seconds)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    return next((line[:MAX_LINE] for line in reversed(lines) if line), "no output")
