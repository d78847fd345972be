"""`python -m tests.billing [--length 5]`: every sequence of the events of a payment's story, with
repetitions, up to that length, settled over the table in memory against the simulated Stripe; then
an audit of all of it.

Stops at the first that ends otherwise, with exit code 1."""

import argparse
import sys
import time

import structlog

from tests.billing.stories import MAX_LENGTH, STORIES, Stories, sequences

# One table in memory holds so many runs: an audit walks all of it.
RUNS_A_TABLE = 2_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.billing", description=__doc__)
    parser.add_argument("--length", type=int, default=MAX_LENGTH)
    given = parser.parse_args()
    structlog.configure(processors=[_silent])
    began_at, runs = time.monotonic(), 0
    for story in STORIES:
        stories = Stories()
        for number, sequence in enumerate(sequences(story, given.length)):
            if number % RUNS_A_TABLE == RUNS_A_TABLE - 1:
                stories.world.assert_proved()
                stories = Stories()
            stories.run(story, sequence)
            runs += 1
        stories.world.assert_proved()
        _say(f"{story.name}: {runs} sequences so far")
    seconds = time.monotonic() - began_at
    _say(
        f"billing-orders: {runs} sequences of {len(STORIES)} stories, one end each; {seconds:.0f} s"
    )
    return 0


def _silent(_: object, __: str, ___: object) -> str:
    raise structlog.DropEvent


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
