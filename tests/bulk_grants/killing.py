"""A bulk grant whose workers are killed (`kill -9`) again and again: each user is granted once."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any

from service.bulk_grants.entities import BulkGrant, BulkStatus
from service.core.amounts import SCALE
from service.core.clock import SystemClock
from service.ledger.entities import EntryKind
from service.ledger.scale import check_scale
from tests.bulk_grants.handout import Handout
from tests.doubles.operator import operator_environment
from tests.doubles.service_harness import ServiceHarness
from tests.stack.forked_workers import ForkedWorkers
from tests.stack.killable_workers import Workers, started

WORKERS = 2
LEASE_SECONDS = 1.0
POLL_SECONDS = 0.02
MAX_SECONDS = 600.0
SIGN_UPS_AT_ONCE = 8

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How many users, how often a worker is killed, whether the grant is for a list or for all."""

    users: int
    kills: int
    seed: int
    everyone: bool = False


@dataclass(frozen=True)
class Outcome:
    """`grants` counts how many users have how many grants."""

    status: BulkStatus
    counted: int
    grants: dict[int, int]
    kills: int
    seconds: float
    violations: tuple[Any, ...]

    def faults(self, plan: Plan) -> list[str]:
        checks = {
            f"it is {self.status}": self.status is not BulkStatus.FINISHED,
            f"it counts {self.counted} grants": self.counted != plan.users,
            f"users by number of grants: {self.grants}": self.grants != {1: plan.users},
            f"{self.kills} kills": self.kills != plan.kills,
            f"the audit found {self.violations[:3]}": bool(self.violations),
        }
        return [fault for fault, found in checks.items() if found]


def run(client: Any, table_name: str, plan: Plan, say: Say = lambda _: None) -> Outcome:
    """Plays the plan over that table, and looks at what became of every user."""
    world = ServiceHarness(client, table_name, clock=SystemClock(), max_users=plan.users)
    check_scale(world.table)
    handout = Handout(world)
    names = _signed_up(handout, plan.users)
    say(f"{plan.users} users signed up")
    bulk = handout.start(None if plan.everyone else names, budget=plan.users * 2 * SCALE)
    began_at = time.monotonic()
    environment = operator_environment(client.meta.endpoint_url, table_name) | {
        "BULK_LEASE_SECONDS": str(LEASE_SECONDS),
        "BULK_INTERVAL_SECONDS": "0.1",
        "BULK_RUN_SECONDS": "0.5",
    }
    with ForkedWorkers() as launcher, started(launcher, environment, WORKERS) as workers:
        kills = _killed(handout, bulk, plan, workers, say)
        _await_end(handout, bulk, began_at)
    seconds = time.monotonic() - began_at
    found = handout.progress(bulk)
    grants = Counter(_grants(world, name, bulk) for name in names)
    violations = world.audit().violations
    return Outcome(found.status, found.granted, dict(grants), kills, seconds, violations)


def _signed_up(handout: Handout, count: int) -> tuple[str, ...]:
    names = tuple(f"user-{number:05}" for number in range(count))
    with ThreadPoolExecutor(SIGN_UPS_AT_ONCE) as crowd:
        list(crowd.map(lambda name: handout.users([name]), names))
    return names


def _killed(handout: Handout, bulk: BulkGrant, plan: Plan, workers: Workers, say: Say) -> int:
    """Kills a worker whenever so many users more have been granted."""
    rng, end = Random(plan.seed), time.monotonic() + MAX_SECONDS
    moments = sorted(rng.sample(range(1, plan.users * 3 // 4), plan.kills))
    for number, moment in enumerate(moments, 1):
        while (granted := handout.progress(bulk).granted) < moment:
            if time.monotonic() > end:
                return number - 1
            time.sleep(POLL_SECONDS)
        time.sleep(rng.uniform(0, 2 * POLL_SECONDS))
        workers.kill(rng)
        say(f"kill -9 {number} of {plan.kills} after {granted} grants")
        workers.start()
    return plan.kills


def _await_end(handout: Handout, bulk: BulkGrant, began_at: float) -> None:
    while not handout.progress(bulk).has_ended and time.monotonic() < began_at + MAX_SECONDS:
        time.sleep(10 * POLL_SECONDS)


def _grants(world: ServiceHarness, user_id: str, bulk: BulkGrant) -> int:
    """How often the user was granted it, by the ledger alone."""
    return sum(
        entry.kind is EntryKind.GRANT and bulk.bulk_id in f"{entry.ref} {dict(entry.details)}"
        for entry in world.ledger.entries(user_id)
    )
