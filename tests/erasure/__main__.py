"""`python -m tests.erasure`: erasures whose workers are killed. Exit 1 when one did not end, ended
twice, or left something personal behind."""

import argparse
import os
import sys
import uuid

import boto3

from devstack.dynamodb import DynamoDbLocal
from devstack.table import create_table
from tests.erasure.killing import Plan, run


def main() -> int:
    given = _arguments()
    os.environ.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local")
    plan = Plan(given.users, given.kills, given.seed)
    with DynamoDbLocal() as server:
        client = boto3.client("dynamodb", endpoint_url=server.url, region_name="us-east-1")
        name = f"Erasure-{uuid.uuid4().hex}"
        create_table(client, name)
        outcome = run(client, name, plan, _say)
    faults = outcome.faults(plan)
    _say(f"{plan}: {outcome.kills} kills, {outcome.seconds:.0f} s, {faults or 'held'}")
    return 1 if faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.erasure")
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
