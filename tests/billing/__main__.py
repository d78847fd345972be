"""`python -m tests.billing [--length 5]`: every sequence of the events of a payment's story and a
subscription's life, with repetitions, up to that length, over the table in memory against the
simulated Stripe, with audits of it.

Stops at the first that ends otherwise, with exit code 1."""

import argparse
import sys
import time

import structlog

from tests.billing.lives import LIVES, Life, Lives
from tests.billing.stories import MAX_LENGTH, STORIES, Stories, Story, sequences

# One table in memory holds so many runs: an audit walks all of it.
RUNS_A_TABLE = 2_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.billing", description=__doc__)
    parser.add_argument("--length", type=int, default=MAX_LENGTH)
    parser.add_argument("--only", choices=("payments", "subscriptions"))
    given = parser.parse_args()
    structlog.configure(processors=[_silent])
    began_at, runs = time.monotonic(), 0
    if given.only != "subscriptions":
        runs += sum(_all_of_payment(story, given.length) for story in STORIES)
    if given.only != "payments":
        runs += sum(_all_of_subscription(life, given.length) for life in LIVES)
    seconds = time.monotonic() - began_at
    _say(
        f"billing-orders: {runs} sequences of {len(STORIES)} payments and {len(LIVES)} "
        f"subscriptions, one end each; {seconds:.0f} s"
    )
    return 0


def _all_of_payment(story: Story, max_length: int) -> int:
    stories, runs = Stories(), 0
    for sequence in sequences(len(story.steps), max_length):
        if stories.runs == RUNS_A_TABLE:
            stories.world.assert_proved()
            stories = Stories()
        stories.run(story, sequence)
        runs += 1
    stories.world.assert_proved()
    _say(f"{story.name}: {runs} sequences")
    return runs


def _all_of_subscription(life: Life, max_length: int) -> int:
    lives, runs = Lives(life), 0
    for sequence in sequences(len(life.events), max_length):
        lives.run(sequence)
        runs += 1
    _say(f"a subscription, {life.name}: {runs} sequences")
    return runs


def _silent(_: object, __: str, ___: object) -> str:
    raise structlog.DropEvent


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
