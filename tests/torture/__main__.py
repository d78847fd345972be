"""`make torture`: real processes under real kills, until there were enough of them; then everything
is held against everything.

The seed decides who is killed and which faults come; the machine decides what they meet, so that no
run is quite like another."""

import argparse
import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from devstack.errors import LocalSetupError
from tests.torture.run import Plan, Run

LINE_SECONDS = 15.0
MAX_SHOWN = 50


class Progress:
    """One line that changes in place on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._in_place = sys.stdout.isatty()
        self._width = shutil.get_terminal_size().columns - 1
        self._shown_at = 0.0

    def show(self, text: str) -> None:
        if self._in_place:
            sys.stdout.write(f"\r{text[: self._width]:<{self._width}}")
        elif time.monotonic() - self._shown_at >= LINE_SECONDS:
            self._shown_at = time.monotonic()
            sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def end(self) -> None:
        if self._in_place:
            sys.stdout.write(f"\r{' ' * self._width}\r")


def _plan() -> tuple[Plan, bool]:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=200, help="how many processes are killed (200)"
    )
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="of all decisions (a random one)"
    )
    parser.add_argument(
        "--minutes", type=float, default=30.0, help="longest time for the kills (30)"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep logs and data even if all is well"
    )
    given = parser.parse_args()
    if given.kills < 1 or given.minutes <= 0:
        parser.error("there must be a kill to make and some time to make it in")
    return Plan(given.kills, given.seed, given.minutes * 60), given.keep


def main() -> int:
    """0: every promise was kept; 1: not, and the folder with all logs is named."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    plan, keep = _plan()
    folder = Path(tempfile.mkdtemp(prefix="farebox-torture-"))
    print(f"Seed {plan.seed}; logs and data are in {folder} until the end.", flush=True)
    progress = Progress()
    try:
        outcome = Run(plan, folder, progress.show).play()
    except (LocalSetupError, TimeoutError, OSError) as error:
        progress.end()
        print(f"The run broke off: {error}\nSeed {plan.seed}; logs and data: {folder}")
        return 1
    progress.end()
    for sentence in outcome.violations[:MAX_SHOWN]:
        print(f"VIOLATION  {sentence}")
    print(outcome.summary())
    if outcome.violations or keep:
        print(f"Logs and data: {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
