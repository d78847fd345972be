"""Process entry `python -m devstack.watchdog`: ends the supervisor's processes if the supervisor is
killed.

It reads lines `add GROUP SECONDS` and `remove GROUP`. When its input ends, it ends the remaining
process groups, last added first: SIGTERM, then SIGKILL to what still runs after SECONDS."""

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
    """The supervisor's side: starts the watchdog process and registers process groups with it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "devstack.watchdog"]
        self._process = subprocess.Popen(  # noqa: S603 - a command of ours
            command, cwd=_CHECKOUT, stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def add(self, group: int, seconds: float) -> None:
        """Registers a group to end with this process; `seconds` is its time between the signals."""
        self._send(f"add {group} {seconds}")

    def remove(self, group: int) -> None:
        """Unregisters a group that has ended."""
        self._send(f"remove {group}")

    def close(self) -> None:
        """Ends the watchdog. Call it when every group has been removed."""
        with suppress(BrokenPipeError):
            self._input().close()
        self._process.wait()

    def _send(self, line: str) -> None:
        with suppress(BrokenPipeError):
            self._input().write(f"{line}\n")
            self._input().flush()

    def _input(self) -> IO[str]:
        if self._process.stdin is None:
            raise ValueError("the watchdog has no input")
        return self._process.stdin


def groups_left(lines: Iterable[str]) -> dict[int, float]:
    """Group id -> seconds, of the groups added and not removed, in the order added."""
    left: dict[int, float] = {}
    for line in lines:
        word, group, *seconds = line.split()
        left.pop(int(group), None)
        if word == "add":
            left[int(group)] = float(seconds[0])
    return left


def watch(lines: TextIO, clock: Clock) -> None:
    """Reads until the end of the input, then ends the remaining groups."""
    for group, seconds in reversed(groups_left(lines).items()):
        end_group(group, clock, seconds)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(sys.stdin, SystemClock())
