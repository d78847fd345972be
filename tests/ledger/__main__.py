"""`python -m tests.ledger [--steps 1000000] [--seed 1]`: random movements of random ledgers, with
the ledger's promises, its replay and the audit's rules checked after each step.

Stops at the first that does not hold, with exit code 1; the same seed makes the same movements."""

import argparse
import sys
import time
from itertools import count

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from service.ledger.entities import EntryKind
from tests.ledger.life import LedgerLife

LEDGERS_AT_ONCE = 500
MAX_STEPS = 50
SETTINGS = settings(
    max_examples=LEDGERS_AT_ONCE,
    stateful_step_count=MAX_STEPS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger", description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began_at = time.monotonic()
    for seed in count(given.seed):
        run_state_machine_as_test(hypothesis.seed(seed)(LedgerLife), settings=SETTINGS)
        _say(f"{LedgerLife.steps} steps")
        if LedgerLife.steps >= given.steps:
            break
    return report(given.seed, time.monotonic() - began_at)


def report(seed: int, seconds: float) -> int:
    """Exit code 1 for a run that did not make every kind of movement: it proves less than it
    says."""
    movements = LedgerLife.movements
    kinds = ", ".join(f"{times} {kind}" for kind, times in movements.most_common())
    missing = [kind for kind in EntryKind if kind not in movements]
    if missing:
        _say(f"not made: {', '.join(missing)}")
    _say(
        f"ledger-properties: {LedgerLife.steps} steps, seed {seed}, every promise kept; "
        f"{kinds}; {seconds:.0f} s"
    )
    return 1 if missing else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
