"""`python -m tests.users`: sign-ups of every kind race for fewer places than there are people,
under each policy for shared devices, on DynamoDB Local. Exit 1 where the books are not exact."""

import argparse
import os
import sys
import time
import uuid
from collections.abc import Iterator

import boto3
import structlog

from devstack.dynamodb import DynamoDbLocal
from devstack.table import create_table
from service.core.clock import SystemClock
from service.users.entities import DevicePolicy
from tests.doubles.service_harness import ServiceHarness
from tests.users.racing_sign_ups import MAX_USERS_PER_DEVICE, attempts, race


def main() -> int:
    given = _arguments()
    os.environ.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local")
    structlog.configure(processors=[_silent])
    with DynamoDbLocal() as server:
        client = boto3.client("dynamodb", endpoint_url=server.url, region_name="us-east-1")
        faults = [
            fault
            for policy in DevicePolicy
            # Where there are places for all, devices and mailboxes decide.
            for places in (given.places, given.people)
            for fault in _raced(client, policy.value, places, given)
        ]
    for fault in faults:
        _say(f"WRONG  {fault}")
    _say(f"{len(faults)} faults (seed {given.seed})")
    return 1 if faults else 0


def _raced(client: object, policy: str, places: int, given: argparse.Namespace) -> Iterator[str]:
    name = f"Races-{uuid.uuid4().hex}"
    create_table(client, name)  # type: ignore[arg-type]
    world = ServiceHarness(
        client,
        name,
        clock=SystemClock(),
        max_users=places,
        device_policy=policy,
        max_users_per_device=MAX_USERS_PER_DEVICE,
    )
    began = time.monotonic()
    raced = race(world, attempts(given.people, given.seed))
    seconds = time.monotonic() - began
    codes = ", ".join(f"{count} {code}" for code, count in sorted(raced.codes().items()))
    _say(f"{policy}: {world.count()} users of {given.people} requests in {seconds:.0f} s; {codes}")
    yield from (f"{policy}: {fault}" for fault in raced.faults(places))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.users", description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--places", type=int, default=70)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def _silent(*_: object) -> object:
    raise structlog.DropEvent


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
