"""One run: start everything, torture it, let it settle, judge."""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.admin.store import is_wallet, scan
from service.app import Parts, build
from service.jobs.holds import ROUTE
from service.jobs.store import job_from, read_due
from service.ledger.store import wallet_from
from service.settings import Settings
from service.storage import keys
from tests.torture.clients import Client, Person, Traffic
from tests.torture.judgement import DELIVERED, Evidence, violations
from tests.torture.kills import Quota, TableRestarter, killers
from tests.torture.notes import Notes
from tests.torture.site import WORKERS, Site
from tests.torture.weather import LATEST_SECONDS, Weather

CLIENTS = 5
SETTLE_SECONDS = 120.0
"""Window, quarantine, the time a job is put off after a failed look (60 s), and as much again as the machine may be slow."""
MOST_REPEATED = 500
MOST_DUE = 1_000
JOIN_SECONDS = 60.0
PROGRESS_SECONDS = 0.5
FAR = 10**13 - 1

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How many kills, from which seed, and for how long at most."""

    kills: int
    seed: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a run has come to, in one line and in the sentences of all broken promises."""

    summary: str
    violations: tuple[str, ...]


class Run:
    """One run in a folder of its own, where the data and all logs are."""

    def __init__(self, plan: Plan, folder: Path, say: Say, progress: Say) -> None:
        self._plan = plan
        self._folder = folder
        self._say = say
        self._progress = progress
        self._notes = Notes()
        self._stop = threading.Event()
        self._events = (folder / "events.log").open("w", encoding="utf-8", buffering=1)

    def play(self) -> Outcome:
        """Raises what the start of the stack raises."""
        with self._events, (self._folder / "stack.log").open("w", encoding="utf-8") as log:
            self._say(f"Seed {self._plan.seed}; everything is kept in {self._folder} until the end.")
            with Site(self._folder, log) as site:
                return self._played(site)

    def _played(self, site: Site) -> Outcome:
        began_at = time.monotonic()
        traffic = Traffic(site.webs)
        quota = Quota(self._plan.kills, began_at + self._plan.seconds, self._event)
        weather = Weather(self._plan.seed, site, self._notes, self._stop)
        restarter = TableRestarter(self._plan.seed, self._plan.kills, site, quota, self._event)
        clients = [Client(f"c{n}", self._plan.seed, site, self._notes, traffic, self._stop) for n in range(CLIENTS)]
        hands = [restarter, *killers(self._plan.seed, site, traffic, quota)]
        for thread in (*clients, weather, *hands):
            thread.start()
        while not quota.is_over:
            self._progress(self._standing(quota, restarter))
            time.sleep(PROGRESS_SECONDS)
        self._join([*hands], "the killing")
        tortured_seconds = time.monotonic() - began_at
        self._stop.set()
        self._join([*clients, weather], "the load")
        weather.clear()
        self._start_all_again(site, quota)
        parts = build(Settings.from_environment(site.environment), "torture")
        settled_seconds = self._settle(site, parts)
        self._repeat_everything(site, clients[0])
        return self._judged(site, parts, quota, restarter, (tortured_seconds, settled_seconds))

    def _start_all_again(self, site: Site, quota: Quota) -> None:
        """The last word of the torture: everything goes down at once, and comes back from what is on disk."""
        self._progress(f"{quota.done} kills are made; everything is started once more")
        site.restart_table()
        for name in (*(web.name for web in site.webs), *WORKERS):
            site.kill_group(name)
        time.sleep(1.0)
        site.await_all()

    def _settle(self, site: Site, parts: Parts) -> float | None:
        """Seconds until nothing was open and nothing delivered was still to be handed over; None: not in its time."""
        began_at = time.monotonic()
        while (passed := time.monotonic() - began_at) < SETTLE_SECONDS:
            waiting = self._waiting(site, parts)
            self._progress(f"settling for {passed:.0f} s, {waiting} jobs to go")
            if not waiting and passed > LATEST_SECONDS + 1.0:
                return passed
            time.sleep(PROGRESS_SECONDS)
        return None

    @staticmethod
    def _waiting(site: Site, parts: Parts) -> int:
        """Jobs that are open, and watched ones that the vendor works on or has delivered."""
        tasks = {task["external_task_id"]: task["status"] for task in site.steer("GET", "/kling/__tasks")["tasks"]}
        due = [
            parts.settlement.read(user, job_id)
            for shard in range(keys.DUE_SHARDS)
            for user, job_id, _ in read_due(parts.table, shard, FAR, MOST_DUE)
        ]
        return sum(job.is_open or tasks.get(job.job_id, "failed") != "failed" for job in due)

    def _repeat_everything(self, site: Site, client: Client) -> None:
        """Every key once more (a good sample of many): it must still give the job it gave."""
        answered = {
            (told.user, told.key)
            for told in self._notes.told
            if told.key and told.status == 200  # a retryable refusal would be a new order
        }
        for done, (user, key) in enumerate(sorted(answered)[:MOST_REPEATED]):
            self._progress(f"asking again for {key} of {user} ({done} of {min(len(answered), MOST_REPEATED)})")
            told = client.ask(Person(user, client.token(user)), key, done)
            if told is None or told.status != 200 or not told.replayed:
                self._notes.strange.append(f"{user} asked for {key} again and was answered {told}")

    def _judged(
        self, site: Site, parts: Parts, quota: Quota, restarter: TableRestarter, seconds: tuple[float, float | None]
    ) -> Outcome:
        self._progress("the audit")
        audit = site.audit()
        (self._folder / "audit.json").write_text(audit.stdout + audit.stderr)
        evidence = self._evidence(site, parts)
        broken = [*audit_faults(audit), *violations(evidence)]
        if seconds[1] is None:
            broken.append(f"not everything settled within {SETTLE_SECONDS:g} s")
        return Outcome(self._summary(quota, restarter, evidence, seconds, broken, audit), tuple(broken))

    def _evidence(self, site: Site, parts: Parts) -> Evidence:
        items = list(scan(parts.table, 0, 1))
        tasks = site.steer("GET", "/kling/__tasks")["tasks"]
        (self._folder / "books.json").write_text(json.dumps(tasks, indent=1))
        (self._folder / "table.json").write_text(json.dumps(items, indent=1, default=str))
        (self._folder / "told.json").write_text(json.dumps([vars(told) for told in self._notes.told], indent=1))
        uses = {(str(item["PK"]), str(item["SK"])): str(item["jobId"]) for item in items if "bodyHash" in item}
        bound = {
            (user, key): uses[at.pk, at.sk]
            for user, key in self._notes.keys
            if ((at := keys.idempotency(user, ROUTE, key)).pk, at.sk) in uses
        }
        return Evidence(
            jobs=[job_from(item) for item in items if str(item["SK"]).startswith(keys.JOB_PREFIX)],
            wallets=[wallet_from(item) for item in items if is_wallet(item)],
            bound=bound,
            tasks=tasks,
            notes=self._notes,
        )

    def _standing(self, quota: Quota, restarter: TableRestarter) -> str:
        counts = self._notes.counts
        return (
            f"{quota.done} of {self._plan.kills} kills ({kinds(quota)}), {restarter.restarts} restarts of the table, "
            f"{counts['requests']} requests, {counts['unanswered']} of them unanswered, {counts['users']} users"
        )

    def _summary(
        self,
        quota: Quota,
        restarter: TableRestarter,
        evidence: Evidence,
        seconds: tuple[float, float | None],
        broken: list[str],
        audit: "subprocess.CompletedProcess[str]",
    ) -> str:
        counts, ends = self._notes.counts, [job for job in evidence.jobs if not job.is_open]
        captured = evidence.captured.total()
        delivered = sum(task["status"] == DELIVERED for task in evidence.tasks)
        settled = f"settled within {seconds[1]:.1f} s" if seconds[1] is not None else "not settled"
        return (
            f"{quota.done} kills in {seconds[0]:.0f} s ({kinds(quota)}; {quota.amid_requests} amid a request), "
            f"{restarter.restarts + 1} restarts of DynamoDB, {counts['faults']} faults of Kling, "
            f"{counts['requests']} requests ({counts['unanswered']} unanswered), {len(evidence.wallets)} users, "
            f"{len(evidence.jobs)} jobs, {captured} captured, {len(ends) - captured} released, {delivered} delivered, "
            f"house loss {evidence.house_loss}, {settled}, audit {'clean' if not audit_faults(audit) else 'NOT CLEAN'}, "
            f"{len(broken)} violations, seed {self._plan.seed}"
        )

    def _join(self, threads: list[threading.Thread], what: str) -> None:
        for thread in threads:
            thread.join(JOIN_SECONDS)
            if thread.is_alive():
                raise TimeoutError(f"{what} does not end: {thread.name}")

    def _event(self, what: str) -> None:
        self._events.write(f"{time.time():.3f} {what}\n")


def kinds(quota: Quota) -> str:
    return ", ".join(f"{quota.by_kind[kind]} {kind}s" for kind in ("web worker", "web group", "background worker"))


def audit_faults(audit: "subprocess.CompletedProcess[str]") -> list[str]:
    """Nothing moves any more, so that no wallet may be left for another time."""
    try:
        found = json.loads(audit.stdout)
    except ValueError:
        return [f"the audit could not be run: {audit.stderr[-500:]}"]
    faults = [f"audit: {violation['item']}: {violation['what']}" for violation in found["violations"]]
    if found["in_flight"] or audit.returncode != (1 if faults else 0):
        faults.append(f"audit: exit {audit.returncode}, {found['in_flight']} wallets in flight")
    return faults
