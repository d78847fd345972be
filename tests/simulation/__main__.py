"""`make simulate`: worlds one after the other until enough user operations were made, or a promise
is broken.

World n of a run has the seed SEED + n, so that a failing world is played again by `--seed <its
seed> --steps 1`."""

import argparse
import sys
import time
from collections import Counter
from zlib import crc32

from tests.faults.library.random_faults import QUERY_FAULTS, TABLE_FAULTS, VENDOR_FAULTS
from tests.simulation.plan import draw
from tests.simulation.shrink import Shrinker
from tests.simulation.text_vendor import TEXT_FAULTS
from tests.simulation.world import Outcome, play

MAX_TRACE = 400
_FIRST = (
    "worlds",
    "user operations",
    "table calls",
    "provider calls",
    "process deaths",
    "late writes that landed",
)


_FAULTS = (*TABLE_FAULTS, *VENDOR_FAULTS, *QUERY_FAULTS, *TEXT_FAULTS)


class Run:
    """What all worlds of a run add up to."""

    def __init__(self, seed: int, steps: int) -> None:
        self.seed = seed
        self.steps = steps
        self.counts: Counter[str] = Counter()
        self.digest = 0
        self.virtual_seconds = 0.0
        self._began_at = time.perf_counter()

    def play(self) -> Outcome | None:
        """The first world that breaks a promise, None if none does."""
        while self.counts["user operations"] < self.steps:
            outcome = play(draw(self.next_seed))
            self.add(outcome)
            if outcome.violation:
                return outcome
        return None

    @property
    def next_seed(self) -> int:
        return self.seed + self.counts["worlds"]

    def add(self, outcome: Outcome) -> None:
        self.counts += outcome.journal.counts
        self.digest = crc32(outcome.journal.digest.to_bytes(4, "big"), self.digest)
        self.virtual_seconds += outcome.virtual_seconds

    def summary(self) -> str:
        """The same lines for the same seed, but for the speed in the last."""
        seconds = time.perf_counter() - self._began_at
        calls = self.counts["table calls"] + self.counts["provider calls"]
        faults = [f"{name} {self.counts[name]}" for name in _FAULTS]
        other = sorted(set(self.counts) - {*_FIRST, *_FAULTS})
        lines = [
            f"seed {self.seed}: " + ", ".join(f"{self.counts[name]} {name}" for name in _FIRST),
            "faults: " + ", ".join(faults),
            "branches: " + ", ".join(f"{name} {self.counts[name]}" for name in other),
            f"{self.virtual_seconds / 3600:.0f} virtual hours, digest {self.digest:08x}",
            f"{seconds:.1f} s, {calls / seconds * 60:,.0f} calls and "
            f"{self.counts['user operations'] / seconds * 60:,.0f} "
            "user operations a minute",
        ]
        return "\n".join(lines) + "\n"


def report(seed: int, violation: str) -> None:
    """The violation, and the shortest trace that was found for it."""
    sys.stdout.write(f"\nVIOLATION in world {seed}: {violation}\nShrinking …\n")
    shrinker = Shrinker(draw(seed))
    plan = shrinker.shrink()
    outcome = play(plan, tracing=True)
    faults = sorted(
        name
        for name, chance in plan.faults.chances.items()
        if chance and name not in plan.faults.muted
    )
    sys.stdout.write(
        f"After {shrinker.plays} plays: {len(plan.requests)} asks, {plan.webs} web, "
        f"{plan.workers} workers, storms {plan.storms}, "
        f"faults {faults}\n" + "".join(f"  {request}\n" for request in plan.requests)
    )
    busy = [line for line in outcome.journal.lines if not line.endswith("Query -> ok 0")]
    for line in busy[-MAX_TRACE:]:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"VIOLATION: {outcome.violation}\nAgain: make simulate SEED={seed} STEPS=1\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first world")
    parser.add_argument(
        "--steps", "--operations", type=int, default=20_000, help="user operations at least"
    )
    arguments = parser.parse_args()
    run = Run(arguments.seed, arguments.steps)
    failed = run.play()
    sys.stdout.write(run.summary())
    if failed is None:
        return 0
    report(run.next_seed - 1, failed.violation)
    return 1


if __name__ == "__main__":
    sys.exit(main())
