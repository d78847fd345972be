"""`make proof ONLY=crowd`: a thousand operations of fifty users at once, at mixed prices, while
lots expire; then everything is compared with what the responses said."""

import argparse
import io
import os
import sys

import boto3

from devstack.dynamodb import DynamoDbLocal
from service.core.logs import configure
from tests.crowd.run import Plan, play

MAX_SHOWN = 50


def main() -> int:
    """0: every credit is where the responses said; 1: not, and each difference is named."""
    parser = argparse.ArgumentParser(prog="python -m tests.crowd", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    configure("ERROR", "json", io.StringIO())
    plan = Plan(given.operations, given.users, given.seed)
    with DynamoDbLocal() as server:
        client = boto3.client("dynamodb", endpoint_url=server.url, region_name="us-east-1")
        outcome = play(client, plan, lambda text: print(text, flush=True))
    for sentence in outcome.violations[:MAX_SHOWN]:
        print(f"VIOLATION  {sentence}")
    print(outcome.summary())
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
