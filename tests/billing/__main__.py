"""`python -m tests.billing [--length 5] [--only payments] [--named "a dispute won"]`: every
sequence of the events of a payment's story and a subscription's life, with repetitions, up to that
length, over the table in memory against the simulated Stripe, with audits of it. Each story has a
table of its own, so as many run at once as there are processors (or `--processes`).

Stops at the first that ends otherwise, with exit code 1."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import Protocol, TypeVar

import structlog

from tests.billing.life_stories import LIVES, Life
from tests.billing.lives import Lives
from tests.billing.stories import MAX_LENGTH, STORIES, Stories, Story, sequences

# One table in memory holds so many runs: an audit walks all of it.
RUNS_A_TABLE = 2_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.billing", description=__doc__)
    parser.add_argument("--length", type=int, default=MAX_LENGTH)
    parser.add_argument("--only", choices=("payments", "subscriptions"))
    parser.add_argument("--named", default="", help="one story or life alone, by its name")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    began_at = time.monotonic()
    stories = _chosen(STORIES if given.only != "subscriptions" else (), given.named)
    lives = _chosen(LIVES if given.only != "payments" else (), given.named)
    if not stories and not lives:
        _say(f"billing-orders: no story is named {given.named!r}")
        return 2
    wanted = [each.name for each in (*lives, *stories)]
    runs = 0
    with ProcessPoolExecutor(given.processes) as pool:
        for name, found in zip(
            wanted, pool.map(_all_of, wanted, repeat(given.length)), strict=True
        ):
            _say(f"{name}: {found} sequences")
            runs += found
    _say(_summary(runs, len(stories), len(lives), time.monotonic() - began_at))
    return 0


class Named(Protocol):
    @property
    def name(self) -> str: ...


Chosen = TypeVar("Chosen", bound=Named)


def _chosen(named: Sequence[Chosen], name: str) -> tuple[Chosen, ...]:
    """All, or the one of that name."""
    return tuple(each for each in named if name in ("", each.name))


def _summary(runs: int, payments: int, subscriptions: int, seconds: float) -> str:
    """What was run, and nothing else."""
    counts = {"payments": payments, "subscriptions": subscriptions}
    parts = [f"{count} {name}" for name, count in counts.items() if count]
    return (
        f"billing-orders: {runs} sequences of {' and '.join(parts)}, one end each; {seconds:.0f} s"
    )


def _all_of(name: str, max_length: int) -> int:
    structlog.configure(processors=[_silent])
    for story in _chosen(STORIES, name):
        return _all_of_payment(story, max_length)
    (life,) = _chosen(LIVES, name)
    return _all_of_subscription(life, max_length)


def _all_of_payment(story: Story, max_length: int) -> int:
    stories, runs = Stories(), 0
    for sequence in sequences(len(story.steps), max_length):
        if stories.runs == RUNS_A_TABLE:
            stories.world.assert_proved()
            stories = Stories()
        stories.run(story, sequence)
        runs += 1
    stories.world.assert_proved()
    return runs


def _all_of_subscription(life: Life, max_length: int) -> int:
    lives, runs = Lives(life), 0
    for sequence in sequences(len(life.events), max_length):
        lives.run(sequence)
        runs += 1
    return runs


def _silent(_: object, __: str, ___: object) -> str:
    raise structlog.DropEvent


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
