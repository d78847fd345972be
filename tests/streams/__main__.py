"""`python -m tests.streams`: random streams of text, and whether every credit captured is what the
rules say of the simulated vendor's own books, to the thousandth. Exit 1 where one is not.

World n of a run has the seed SEED + n, so that a failing one is played again by `--seed <its seed>
--streams 1`."""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.journal import Journal
from tests.simulation.logs import counted_logs
from tests.streams.world import STREAMS, World

MAX_SHOWN = 20


def main() -> int:
    given = _arguments()
    counts: Counter[str] = Counter()
    faults: list[str] = []
    began_at, seed = time.perf_counter(), given.seed
    while counts["streams"] < given.streams:
        with counted_logs(Journal()) as broken:
            world = World(seed)
            faults += [f"world {seed}: {fault}" for fault in world.play() + broken]
        counts += world.counts
        seed += 1
        if len(faults) >= MAX_SHOWN:
            break
    for fault in faults[:MAX_SHOWN]:
        _say(f"WRONG  {fault}")
    for name in sorted(counts):
        _say(f"  {name}: {counts[name]}")
    seconds = time.perf_counter() - began_at
    _say(
        f"{counts['streams']} streams, {counts['thousandths captured']} thousandths captured, "
        f"{counts['thousandths by the rules']} by the rules, {len(faults)} faults "
        f"(seed {given.seed}, {seconds:.0f} s)"
    )
    return 1 if faults else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.streams", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first world")
    parser.add_argument(
        "--streams", type=int, default=10_000, help=f"at least; a world has {STREAMS}"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
