"""A provider with books of its own, of which every unpleasant thing that `service.providers.base`
allows can be expected."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from service.providers.base import (
    Accepted,
    CallbackEvent,
    Created,
    Found,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
    Task,
    TaskLookup,
    TaskStatus,
    VideoRequest,
)
from service.storage.codec import Value
from tests.faults.library.random_faults import FaultPicker
from tests.simulation.journal import Journal
from tests.simulation.scheduler import Process, Scheduler

URL = "https://videos.example.com/{}.mp4"
MAX_SENDS = 3
STAYS_BUSY = 0.6
NEVER = 10.0**12
_REFUSED = {
    "create: image refused": RejectionReason.IMAGE,
    "create: content refused": RejectionReason.CONTENT,
    "create: busy": RejectionReason.BUSY,
    "create: unavailable": RejectionReason.UNAVAILABLE,
}


@dataclass
class Work:
    """One task in the books: what becomes of it and when, and when queries can see it."""

    task_id: str
    job_id: str
    began_at: float
    ends_at: float
    succeeds: bool
    linked_at: float
    hidden: list[tuple[float, float]] = field(default_factory=list)

    def visible(self, now: float) -> bool:
        return not any(start <= now < end for start, end in self.hidden)

    def status(self, now: float) -> TaskStatus:
        if now < self.ends_at:
            return TaskStatus.RUNNING
        return TaskStatus.SUCCEEDED if self.succeeds else TaskStatus.FAILED

    def task(self, now: float) -> Task:
        status = self.status(now)
        link = (
            URL.format(self.job_id)
            if status is TaskStatus.SUCCEEDED and now >= self.linked_at
            else None
        )
        facts: dict[str, Value] = {"task_id": self.task_id, "task_status": status.value}
        return Task(self.task_id, status, facts, link)


@dataclass(frozen=True)
class Habits:
    """How tasks tend to go: chances of failing, never ending, lagging links and being out of view;
    usual length."""

    run_seconds: float = 60.0
    fails: float = 0.15
    endless: float = 0.03
    slow: float = 0.05
    hides: float = 0.15
    vanishes: float = 0.05
    unlinked: float = 0.05


class TaskStore:
    """The vendor itself, shared by all processes: tasks by our job id, and every definite not-found
    that it has returned."""

    def __init__(self, habits: Habits, hard_seconds: float) -> None:
        self.habits = habits
        self.works: dict[str, list[Work]] = {}
        self.sends: dict[str, int] = {}
        self.not_found: dict[str, list[float]] = {}
        self.on_accept: list[Callable[[Work, str | None, random.Random], None]] = []
        self._hard_seconds = hard_seconds

    def accept(self, request: VideoRequest, now: float, rng: random.Random) -> Work:
        """A create arrives, whatever its sender comes to know of it."""
        habits, draws = self.habits, [rng.random() for _ in range(8)]
        ends_at = now + 2.0 + habits.run_seconds * 2 * draws[0]
        if draws[1] < habits.endless:
            ends_at = NEVER
        elif draws[1] < habits.endless + habits.slow:
            ends_at = now + 2.4 * self._hard_seconds * draws[0]
        linked_at = ends_at + (300 * draws[2] if draws[3] < habits.unlinked else 0)
        hidden = []
        if draws[4] < habits.hides:
            hidden.append((0.0, now + 120 * draws[5] ** 2))
        if draws[6] < habits.vanishes:
            hidden.append((now + 60 * draws[5], now + 60 * draws[5] + 800 * draws[2]))
        others = self.works.setdefault(request.job_id, [])
        name = f"task-{request.job_id}" + ("" if not others else f"-{len(others)}")
        work = Work(name, request.job_id, now, ends_at, draws[7] >= habits.fails, linked_at, hidden)
        others.append(work)
        for listener in self.on_accept:
            listener(work, request.callback_url, rng)
        return work

    def find(self, task_id: str | None, job_id: str, now: float) -> Work | None:
        works = [
            work
            for work in self.works.get(job_id, ())
            if task_id is None or work.task_id == task_id
        ]
        return next((work for work in works if work.visible(now)), None)


class SimulatedProvider:
    """One process's door to the vendor. Implements `service.providers.base.Provider`; every call is
    a scheduling point."""

    name = "kling"

    def __init__(
        self,
        scheduler: Scheduler,
        task_store: TaskStore,
        process: Process,
        create_dice: Callable[[], FaultPicker],
        query_faults: Callable[[], FaultPicker],
        journal: Journal,
        die: Callable[[], None],
    ) -> None:
        self._scheduler = scheduler
        self._task_store = task_store
        self._process = process
        self._create_dice = create_dice
        self._query_faults = query_faults
        self._journal = journal
        self._die = die

    def create(self, request: VideoRequest, until: float) -> Created:
        """Sends once; again only after `busy`, while there is time."""
        scheduler, task = self._scheduler, self._scheduler.running()
        self._task_store.sends[request.job_id] = self._task_store.sends.get(request.job_id, 0) + 1
        outcome: Created = Rejected(RejectionReason.UNAVAILABLE)
        for _ in range(MAX_SENDS):
            if scheduler.now >= until:
                self._journal.count("create: window over")
                return outcome
            again = outcome == Rejected(RejectionReason.BUSY) and task.rng.random() < STAYS_BUSY
            outcome = outcome if again else self._send(request, until, task.rng)
            self._journal.note(scheduler.now, task.name, f"create {request.job_id} -> {outcome}")
            if outcome != Rejected(RejectionReason.BUSY):
                return outcome
            scheduler.sleep(1.0)
        return outcome

    def fetch_task(self, task_id: str | None, job_id: str) -> TaskLookup:
        scheduler, task = self._scheduler, self._scheduler.running()
        lookup = self._query(task_id, job_id, task.rng)
        self._journal.note(
            scheduler.now, task.name, f"look {task_id or job_id} -> {_short(lookup)}"
        )
        return lookup

    def show(self, facts: Mapping[str, Value], job_id: str) -> Mapping[str, object]:
        return facts

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None:
        return None if body == b"unsigned" else CallbackEvent(final=body == b"final")

    def _send(self, request: VideoRequest, until: float, rng: random.Random) -> Created:
        """One send: it arrives or not, its sender learns of it or not."""
        scheduler = self._scheduler
        fault = self._meet(self._create_dice(), rng)
        limit = max(0.0, until - scheduler.now)
        there, back, share = 0.02 + 0.3 * rng.random(), 0.02 + 0.3 * rng.random(), rng.random()
        work_rng = random.Random(rng.getrandbits(64))
        if fault in _REFUSED:
            scheduler.sleep(min(limit, there + back))
            return Rejected(_REFUSED[fault])
        if fault == "create: indeterminate, lost":
            scheduler.sleep(limit)
            return Indeterminate()
        arrives_at = scheduler.now + (
            there if fault != "create: indeterminate, acts late" else 1500.0**share
        )
        accepted: list[Work] = []
        scheduler.at(
            arrives_at,
            lambda: accepted.append(self._task_store.accept(request, scheduler.now, work_rng)),
        )
        if fault == "create: death in flight":
            scheduler.at(scheduler.now + (there + back) * share, self._die)
        elif fault == "create: pause in flight":
            self._process.paused_until = scheduler.now + 400.0**share
        if fault.startswith("create: indeterminate") or there + back > limit:
            scheduler.sleep(limit if share < 0.5 else min(limit, there + back))
            return Indeterminate()
        scheduler.sleep(there + back)
        if fault == "create: breaks":
            raise RuntimeError("injected")
        return Accepted(accepted[0].task(scheduler.now))

    def _query(self, task_id: str | None, job_id: str, rng: random.Random) -> TaskLookup:
        scheduler = self._scheduler
        fault = self._meet(self._query_faults(), rng)
        scheduler.sleep(0.02 + 0.1 * rng.random())
        work = self._task_store.find(task_id, job_id, scheduler.now)
        visible_at = scheduler.now - (60.0 * rng.random() if fault == "query: stale" else 0.0)
        scheduler.sleep(5.0 if fault == "query: indeterminate" else 0.02 + 0.1 * rng.random())
        if fault == "query: indeterminate":
            return Indeterminate()
        if (
            work is None
            or work.began_at > visible_at
            or (fault == "query: not found" and task_id is not None)
        ):
            self._task_store.not_found.setdefault(job_id, []).append(scheduler.now)
            return NotFound()
        task = work.task(visible_at)
        if fault == "query: no link":
            task = Task(task.task_id, task.status, task.facts, None)
        return Found(task)

    def _meet(self, picker: FaultPicker, rng: random.Random) -> str:
        """Counts the call and draws its fault; the process may die or stop here, before anything is
        sent."""
        scheduler, task = self._scheduler, self._scheduler.running()
        task.calls += 1
        self._journal.count("provider calls")
        fault = picker.draw(rng)
        if fault:
            self._journal.count(fault)
        if fault in ("create: death before", "query: death"):
            scheduler.at(scheduler.now, self._die)
            scheduler.wait()
        elif fault in ("create: pause before", "query: pause"):
            self._process.paused_until = scheduler.now + 400.0 ** rng.random()
            scheduler.sleep(0.0)
        return fault


def _short(lookup: TaskLookup) -> str:
    return f"found {lookup.task.status}" if isinstance(lookup, Found) else type(lookup).__name__
