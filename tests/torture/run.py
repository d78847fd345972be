"""One run: start everything, torture it, let it settle, judge."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.app import build, load_settings
from service.feature import Parts
from service.jobs.keys import DUE_JOBS
from service.jobs.settlement import Settlement
from service.jobs.store import read_due
from tests.faults.library.provider_faults import MAX_LATE_SECONDS
from tests.stack.killable_stack import WORKERS, KillableStack
from tests.torture.clients import Client, Person, Traffic
from tests.torture.collect import audit_faults, audit_violations, evidence
from tests.torture.fault_schedule import FaultSchedule
from tests.torture.invariants import REFUSED, is_the_same_again, violations
from tests.torture.kills import EverySoManyKills, Quota, killers
from tests.torture.notes import Notes
from tests.torture.outcome import Outcome, in_words

CLIENTS = 5
KILLS_BETWEEN_TABLE_RESTARTS = 90
KILLS_BETWEEN_AUDITS = 250
SETTLE_SECONDS = 240.0
"""Window, quarantine, the minute by which a job is postponed after a failed query, and three
times as much for a slow machine."""
MAX_REPEATED = 500
MAX_DUE = 1_000
JOIN_SECONDS = 60.0
PROGRESS_SECONDS = 0.5
DOWN_SECONDS = 1.0
FAR = 10**13 - 1

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How many kills, from which seed, and for how many seconds at most."""

    kills: int
    seed: int
    seconds: float


class Run:
    """One run in a folder of its own, where the data and all logs are. `progress` often receives
    the state of the run."""

    def __init__(self, plan: Plan, folder: Path, progress: Say) -> None:
        self._plan = plan
        self._folder = folder
        self._progress = progress
        self._notes = Notes()
        self._stop = threading.Event()
        self._events = (folder / "events.log").open("w", encoding="utf-8", buffering=1)

    def play(self) -> Outcome:
        """Raises what the start of the stack raises, and `TimeoutError` when a part of it does not
        come back."""
        with (
            self._events,
            (self._folder / "stack.log").open("w", encoding="utf-8") as log,
            KillableStack(self._folder, log) as site,
        ):
            return self._played(site)

    def _played(self, site: KillableStack) -> Outcome:
        began_at = time.monotonic()
        traffic = Traffic(site.webs)
        quota = Quota(self._plan.kills, began_at + self._plan.seconds, self._event)
        restarter = self._every(
            KILLS_BETWEEN_TABLE_RESTARTS, "restarter of the table", quota, site.restart_table
        )
        auditor = self._every(
            KILLS_BETWEEN_AUDITS, "auditor", quota, lambda: self._audit_amid_it_all(site)
        )
        fault_schedule = FaultSchedule(self._plan.seed, site, self._notes, self._stop)
        clients = [
            Client(f"c{n}", self._plan.seed, site, self._notes, traffic, self._stop)
            for n in range(CLIENTS)
        ]
        self._torture(
            quota,
            [restarter, auditor, *killers(self._plan.seed, site, traffic, quota)],
            [fault_schedule, *clients],
        )
        tortured_seconds = time.monotonic() - began_at
        fault_schedule.clear()
        self._start_all_again(site)
        parts = build(load_settings(site.observer), "torture")
        settled_seconds = self._settle(site, parts)
        self._repeat_everything(clients[0], parts)
        return self._judged(
            site, parts, quota, restarter.done + 1, (tortured_seconds, settled_seconds)
        )

    def _torture(
        self, quota: Quota, hands: Sequence[threading.Thread], load: Sequence[threading.Thread]
    ) -> None:
        for thread in (*load, *hands):
            thread.start()
        while not quota.is_over:
            self._progress(self._standing(quota))
            time.sleep(PROGRESS_SECONDS)
        _join(hands)
        self._stop.set()
        _join(load)

    def _every(
        self, kills: int, name: str, quota: Quota, act: Callable[[], bool]
    ) -> EverySoManyKills:
        return EverySoManyKills(name, self._plan.seed, min(kills, self._plan.kills), quota, act)

    def _audit_amid_it_all(self, site: KillableStack) -> bool:
        """Whatever is in flight is no violation. Whether the audit came to an end, which it cannot
        while the table is down."""
        found = audit_violations(site.audit())
        if found is None:
            return False
        self._event(f"audit: {len(found)} violations")
        self._notes.count("audits")
        self._notes.strange += [f"amid the load, {violation}" for violation in found]
        return True

    def _start_all_again(self, site: KillableStack) -> None:
        """The last word of the torture: everything goes down at once, and comes back from what is
        on disk."""
        self._progress("the kills are made; everything goes down once more")
        site.restart_table()
        for name in (*(web.name for web in site.webs), *WORKERS):
            site.kill_group(name)
        time.sleep(DOWN_SECONDS)
        site.await_all()

    def _settle(self, site: KillableStack, parts: Parts) -> float | None:
        """Seconds until nothing was open and nothing delivered was still to be handed over; None:
        not in its time."""
        began_at = time.monotonic()
        while (passed := time.monotonic() - began_at) < SETTLE_SECONDS:
            waiting = _waiting(site, parts)
            self._progress(f"settling for {passed:.0f} s, {waiting} jobs to go")
            if not waiting and passed > MAX_LATE_SECONDS + 1.0:
                return passed
            time.sleep(PROGRESS_SECONDS)
        return None

    def _repeat_everything(self, client: Client, parts: Parts) -> None:
        """Repeats every key (some hundreds of many): it must still return the same job."""
        given = {
            (outcome.user, outcome.key): outcome.job_id
            for outcome in self._notes.responses
            if outcome.key and outcome.status == 200
        }
        for done, ((user, key), job_id) in enumerate(sorted(given.items())[:MAX_REPEATED]):
            self._progress(
                f"asking once more with every key ({done} of {min(len(given), MAX_REPEATED)})"
            )
            if parts.get(Settlement).read(user, job_id).retryable:
                continue  # repeated, it would be a new order
            outcome = client.repeat_request(Person(user, client.token(user)), key)
            if not is_the_same_again(outcome, job_id):
                self._notes.strange.append(
                    f"{user} asked for {key} again, had {job_id} before and now gets {outcome}"
                )

    def _judged(
        self,
        site: KillableStack,
        parts: Parts,
        quota: Quota,
        restarts: int,
        seconds: tuple[float, float | None],
    ) -> Outcome:
        self._progress("the audit")
        audit = site.audit()
        (self._folder / "audit.json").write_text(audit.stdout + audit.stderr, encoding="utf-8")
        found, faults = evidence(site, parts, self._notes, self._folder), audit_faults(audit)
        late = [f"not everything settled within {SETTLE_SECONDS:g} s"] if seconds[1] is None else []
        idle = (
            []
            if found.captured
            else ["no video was delivered in all the time: such a run proves nothing"]
        )
        return Outcome(
            seed=self._plan.seed,
            kills_by_kind=quota.by_kind,
            kills_amid_requests=quota.amid_requests,
            restarts=restarts,
            counts=self._notes.counts,
            evidence=found,
            tortured_seconds=seconds[0],
            settled_seconds=seconds[1],
            audit_clean=not faults,
            violations=(*faults, *late, *idle, *violations(found)),
        )

    def _standing(self, quota: Quota) -> str:
        counts = self._notes.counts
        return (
            f"{quota.done} of {self._plan.kills} kills ({in_words(quota.by_kind)}), "
            f"{counts['users']} users, "
            f"{counts['requests']} requests, {counts['unanswered']} unanswered"
        )

    def _event(self, what: str) -> None:
        self._events.write(f"{time.time():.3f} {what}\n")


def _waiting(site: KillableStack, parts: Parts) -> int:
    """Jobs that are open, and watched ones that the vendor works on or has delivered."""
    tasks = {
        task["external_task_id"]: task["status"]
        for task in site.steer("GET", "/kling/__tasks")["tasks"]
    }
    due = [
        parts.get(Settlement).read(user, job_id)
        for partition in DUE_JOBS.partitions
        for user, job_id, _ in read_due(parts.core.table, partition, FAR, MAX_DUE)
    ]
    return sum(job.is_open or tasks.get(job.job_id, REFUSED) != REFUSED for job in due)


def _join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.join(JOIN_SECONDS)
        if thread.is_alive():
            raise TimeoutError(f"{thread.name} does not end within {JOIN_SECONDS:g} s")
