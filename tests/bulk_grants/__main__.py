"""`python -m tests.bulk_grants`: a bulk grant whose workers are killed, for a list and for all
users. Exit 1 when a user was not granted exactly once."""

import argparse
import os
import sys
import uuid

import boto3

from devstack.dynamodb import DynamoDbLocal
from devstack.table import create_table
from tests.bulk_grants.killing import Plan, run


def main() -> int:
    given = _arguments()
    os.environ.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local")
    broken = 0
    with DynamoDbLocal() as server:
        client = boto3.client("dynamodb", endpoint_url=server.url, region_name="us-east-1")
        for everyone in (False, True):
            plan = Plan(given.users, given.kills, given.seed, everyone)
            name = f"Bulk-{uuid.uuid4().hex}"
            create_table(client, name)
            outcome = run(client, name, plan, _say)
            faults = outcome.faults(plan)
            broken += bool(faults)
            _say(f"{plan}: {outcome.kills} kills, {outcome.seconds:.0f} s, {faults or 'held'}")
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bulk_grants")
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
