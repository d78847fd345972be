"""Erasures whose workers are killed (`kill -9`) again and again: each ends, exactly once, and
nothing personal is left, neither in the table nor in what the workers have logged."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from service.core.clock import SystemClock
from service.erasure.entities import ErasureState
from service.ledger.entities import EntryKind, WalletStatus
from service.ledger.scale import check_scale
from service.providers.base import TaskStatus
from tests.doubles.operator import operator_environment
from tests.doubles.service_harness import ServiceHarness
from tests.erasure.lives import REQUEST, dump, erasures
from tests.stack.forked_workers import ForkedWorkers
from tests.stack.killable_workers import Workers, started

WORKERS = 2
POLL_SECONDS = 0.02
MAX_SECONDS = 600.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How many users leave, and how often a worker is killed meanwhile."""

    users: int
    kills: int
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"user-{number:04}" for number in range(self.users))


@dataclass(frozen=True)
class Outcome:
    """What became of the users. `left` are personal texts that were found in the table, `logged`
    those in the `lines` that the workers logged; `count` is how many users are counted."""

    finished: int
    closed_once: int
    count: int
    left: tuple[str, ...]
    logged: tuple[str, ...]
    lines: int
    kills: int
    seconds: float
    violations: tuple[Any, ...]

    def faults(self, plan: Plan) -> list[str]:
        checks = {
            f"{self.finished} erasures have ended": self.finished != plan.users,
            f"{self.closed_once} wallets were closed once": self.closed_once != plan.users,
            f"{self.count} users are counted": self.count != 0,
            f"the table has {self.left[:3]}": bool(self.left),
            f"the logs have {self.logged[:3]}": bool(self.logged),
            f"only {self.lines} lines were logged": self.lines < plan.users,
            f"{self.kills} kills": self.kills != plan.kills,
            f"the audit found {self.violations[:3]}": bool(self.violations),
        }
        return [fault for fault, found in checks.items() if found]


def run(client: Any, table_name: str, plan: Plan, say: Say = lambda _: None) -> Outcome:
    """Plays the plan over that table, and looks at what became of every user."""
    world = ServiceHarness(client, table_name, clock=SystemClock(), max_users=plan.users)
    check_scale(world.table)
    links = [_lived(world, name) for name in plan.names]
    for name in plan.names:
        erasures(world).request(name, REQUEST)
    say(f"{plan.users} users leave")
    began_at = time.monotonic()
    environment = operator_environment(client.meta.endpoint_url, table_name) | {
        "ERASURE_INTERVAL_SECONDS": "0.1",
        "LOG_LEVEL": "DEBUG",
    }
    with (
        ForkedWorkers() as launcher,
        started(launcher, environment, WORKERS) as workers,
    ):
        kills = _killed(world, plan, workers, say)
        while not _all_ended(world, plan) and time.monotonic() < began_at + MAX_SECONDS:
            time.sleep(10 * POLL_SECONDS)
        log = launcher.log()
    return _outcome(world, plan, links, kills, log, time.monotonic() - began_at)


def _lived(world: ServiceHarness, name: str) -> str:
    """Has that user receive a video. Returns its address."""
    job = world.submit(name, f"device-of-{name}").job
    world.provider.book(job.job_id, TaskStatus.SUCCEEDED)
    delivered = world.settlement.resolve(name, job.job_id)
    return str((delivered.result or {})["videoUrl"])


def _outcome(
    world: ServiceHarness,
    plan: Plan,
    links: list[str],
    kills: int,
    log: Sequence[str],
    seconds: float,
) -> Outcome:
    text, logged = dump(world), "\n".join(log)
    personal = (*links, *(f"{name}@" for name in plan.names), "device-of-")
    closes = [_closes(world, name) for name in plan.names]
    return Outcome(
        finished=sum(_is_ended(world, name) for name in plan.names),
        closed_once=closes.count(1),
        count=world.count(),
        left=tuple(each for each in personal if each in text),
        logged=tuple(each for each in personal if each in logged),
        lines=len(log),
        kills=kills,
        seconds=seconds,
        violations=world.audit().violations,
    )


def _closes(world: ServiceHarness, name: str) -> int:
    return sum(entry.kind is EntryKind.CLOSE for entry in world.ledger.entries(name))


def _is_ended(world: ServiceHarness, name: str) -> bool:
    is_closed = world.wallet(name).status is WalletStatus.CLOSED
    return is_closed and erasures(world).read(name).state is ErasureState.FINISHED


def _all_ended(world: ServiceHarness, plan: Plan) -> bool:
    return all(_is_ended(world, name) for name in plan.names)


def _done(world: ServiceHarness, plan: Plan) -> int:
    """How many steps are done, of all users together."""
    return sum(len(erasures(world).read(name).done) for name in plan.names)


def _killed(world: ServiceHarness, plan: Plan, workers: Workers, say: Say) -> int:
    """Kills a worker whenever so many steps more are done."""
    rng, end = Random(plan.seed), time.monotonic() + MAX_SECONDS
    steps = plan.users * len(erasures(world).step_names)
    moments = sorted(rng.sample(range(1, steps * 3 // 4), plan.kills))
    for number, moment in enumerate(moments, 1):
        while (done := _done(world, plan)) < moment:
            if time.monotonic() > end:
                return number - 1
            time.sleep(POLL_SECONDS)
        time.sleep(rng.uniform(0, 2 * POLL_SECONDS))
        workers.kill(rng)
        say(f"kill -9 {number} of {plan.kills} after {done} of {steps} steps")
        workers.start()
    return plan.kills
