"""Process entry `python -m devstack.watchdog`: ends what a supervisor started, should the
supervisor be killed.

It reads `add GROUP SECONDS` and `remove GROUP` lines. When its input ends, however that comes, it
ends the process groups that are left, last added first: SIGTERM, and SIGKILL to what still lives
after so many seconds."""

import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, TextIO

from devstack.groups import end_group
from service.core.clock import Clock, SystemClock

_CHECKOUT = Path(__file__).resolve().parents[1]


class Watchdog:
    """The supervisor's side of it. Starts the process; tell it of every group."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "devstack.watchdog"]
        self._process = subprocess.Popen(  # noqa: S603 - a command of ours
            command, cwd=_CHECKOUT, stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def add(self, group: int, seconds: float) -> None:
        """From now on the group ends with this process, with so many seconds to do so by itself."""
        self._tell(f"add {group} {seconds}")

    def remove(self, group: int) -> None:
        """The group has ended."""
        self._tell(f"remove {group}")

    def close(self) -> None:
        """Ends the watchdog, once every group has been removed."""
        with suppress(BrokenPipeError):
            self._input().close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with suppress(BrokenPipeError):
            self._input().write(f"{line}\n")
            self._input().flush()

    def _input(self) -> IO[str]:
        if self._process.stdin is None:
            raise ValueError("the watchdog has no input")
        return self._process.stdin


def groups_left(lines: Iterable[str]) -> dict[int, float]:
    """Group id -> seconds of those that were added and not removed, in the order of their
    adding."""
    left: dict[int, float] = {}
    for line in lines:
        word, group, *seconds = line.split()
        left.pop(int(group), None)
        if word == "add":
            left[int(group)] = float(seconds[0])
    return left


def watch(lines: TextIO, clock: Clock) -> None:
    """Reads until the end, then ends what is left."""
    for group, seconds in reversed(groups_left(lines).items()):
        end_group(group, clock, seconds)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(sys.stdin, SystemClock())
