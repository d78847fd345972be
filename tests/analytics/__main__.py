"""`python -m tests.analytics`: random jobs of many users, closed by an audit's walk and compared
with a sum over the table's items that shares no code with the service. Exit 1 where they differ."""

import argparse
import os
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import boto3
import structlog

from devstack.dynamodb import DynamoDbLocal
from devstack.table import create_table
from service.analytics.closed_days import ClosedDays
from service.analytics.entities import MAX_DAYS, UsageTable
from service.analytics.operations import Analytics, HouseAnalytics
from service.core.amounts import credits_of
from service.core.days import day_before, end_of, start_of
from tests.analytics.random_jobs import RandomJobs, Sums, sums_of, unspent_of
from tests.doubles.history import write_movements
from tests.doubles.service_harness import ServiceHarness

FIRST = date(2027, 3, 1)
LAST = day_before(FIRST, 1 - MAX_DAYS)
JOB_DAYS = 60


def main() -> int:
    given = _arguments()
    os.environ.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local")
    structlog.configure(processors=[_silent])
    with DynamoDbLocal() as server:
        client = boto3.client("dynamodb", endpoint_url=server.url, region_name="us-east-1")
        name = f"Analytics-{uuid.uuid4().hex}"
        create_table(client, name)
        world = ServiceHarness(client, name, max_users=given.users, welcome_credits=20)
        began = time.monotonic()
        users = _filled(world, given.users, given.jobs, given.seed)
        world.clock.advance((end_of(LAST) - world.clock.now()) / 1000 + 3600)
        world.auditor.audit(closing=world.parts.get(ClosedDays))
        faults = list(_differences(world, users, list(_items(client, name))))
        _say(f"{given.jobs} jobs of {given.users} users in {time.monotonic() - began:.0f} s")
    for fault in faults:
        _say(f"DIFFERS  {fault}")
    _say(f"{len(faults)} differences (seed {given.seed})")
    return 1 if faults else 0


def _filled(world: ServiceHarness, users: int, jobs: int, seed: int) -> list[str]:
    world.clock.advance((start_of(FIRST) - world.clock.now()) / 1000)
    names = [f"user-{number}" for number in range(users)]
    for user_id in names:
        world.submit(user_id, device=f"device of {user_id}")
        made = RandomJobs(seed, world.clock.now(), user_id)
        write_movements(world, user_id, made.steps(jobs // users, JOB_DAYS))
    return names


def _differences(
    world: ServiceHarness, users: list[str], items: list[dict[str, Any]]
) -> Iterator[str]:
    """House and users against the items."""
    report = world.parts.get(HouseAnalytics).report(FIRST, LAST)
    rows = {
        (day.isoformat(), operation): _row(each.usage)
        for day, figures in report.closed.items()
        for operation, each in figures.operations.items()
    }
    expected = sums_of(items)
    _say(f"{sum(row[0] for row in expected.values())} jobs ended, on {len(expected)} rows")
    if rows != expected:
        yield "the house's usage"
    liability = report.closed[LAST].liability
    if {kind: credits_of(amount) for kind, amount in liability.items()} != unspent_of(items):
        yield "the liability"
    for user_id in users:
        own = [item for item in items if item["PK"]["S"] == f"USER#{user_id}"]
        usage = world.parts.get(Analytics).usage_of(user_id, FIRST, LAST)
        if _rows(usage.table) != sums_of(own):
            yield f"the usage of {user_id}"


def _rows(table: UsageTable) -> Sums:
    return {(key.day.isoformat(), key.operation): _row(each) for key, each in table.items()}


def _row(usage: Any) -> list[Any]:
    charged = credits_of(usage.credits)
    return [usage.count, usage.failures, charged, usage.latency_milliseconds]


def _items(client: Any, table: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.analytics")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _silent(*_: Any) -> Any:
    raise structlog.DropEvent


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
