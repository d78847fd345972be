"""`python -m tests.conformance [--operations 20000] [--seed 1]`: the service's client of DynamoDB
and boto3's make the same of generated operations, each on a table of its own of DynamoDB Local.

Stops at the first difference, with exit code 1; the same seed makes the same operations."""

import argparse
import os
import sys
import time

from devstack.dynamodb import DynamoDbLocal
from tests.conformance.comparison import Comparison, Difference
from tests.conformance.tables import both_clients


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    began_at = time.monotonic()
    with DynamoDbLocal() as server, both_clients(server.url) as clients:
        comparison = Comparison(*clients)
        try:
            comparison.run(given.seed, given.operations)
        except Difference as difference:
            print(f"DIFFERENCE in {difference}")
            return 1
    return report(comparison, given.seed, time.monotonic() - began_at)


def report(comparison: Comparison, seed: int, seconds: float) -> int:
    """Exit code 1 for a run that did not meet everything: it proves less than it says."""
    tally = comparison.tally
    for title, counts in (
        ("applied", tally.applied),
        ("cancellation reasons", tally.cancellations),
        ("malformed", tally.malformed),
    ):
        print(f"{title}: {dict(counts.most_common())}")
    if missing := tally.missing():
        print(f"not met: {', '.join(missing)}")
    kinds = ", ".join(f"{times} {kind}" for kind, times in tally.kinds.most_common())
    print(
        f"conformance: {tally.operations} operations, seed {seed}, 0 differences; {kinds}; "
        f"{len(tally.malformed)} kinds of malformed requests; {seconds:.0f} s"
    )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
