"""One world from beginning to end: processes that live and die, faults until it grows calm, and the
judgement."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from service.audit.anchors import Comparison
from service.audit.entities import Audit
from service.catalog import current_prices
from service.core import fifo_gate
from service.core.errors import FareboxError
from service.core.sweep import run_until
from service.jobs import sweeps
from service.jobs.entities import CallbackRefused
from service.ledger.entities import OutcomeUnknown, TooManyWaiting, WalletBusy
from service.storage.table import StorageUnavailable
from service.text import runs as text_runs
from service.text.feature import CLOSING_SECONDS
from tests.faults.library.random_faults import (
    QUERY_FAULTS,
    TABLE_FAULTS,
    VENDOR_FAULTS,
    FaultPicker,
    Faults,
)
from tests.simulation.checks import Violation, Witness, require
from tests.simulation.invariants import check_invariants
from tests.simulation.journal import Journal
from tests.simulation.logs import counted_logs
from tests.simulation.memory import MemoryTable
from tests.simulation.office import Office
from tests.simulation.parts import Parts, build
from tests.simulation.plan import TIMES, Plan
from tests.simulation.scheduler import (
    START_SECONDS,
    Process,
    Scheduler,
    in_place_of_threads,
    stream,
)
from tests.simulation.server import Server
from tests.simulation.text_checks import TextWitness, check_texts
from tests.simulation.text_vendor import TEXT_FAULTS, SimulatedTexts, TextBooks
from tests.simulation.users import SimulatedUsers
from tests.simulation.vendor import NEVER, SimulatedProvider, TaskStore, Work
from tests.simulation.wire import LATEST_SECONDS, SimulatedWire

HORIZON_SECONDS = 4 * (TIMES.hard_limit + TIMES.watch) / 1000
MAX_ROUNDS = 8
WRITES = ("PutItem", "UpdateItem", "TransactWriteItems")
_THREADED = (fifo_gate, sweeps, current_prices, text_runs)
_CALLBACK_ERRORS = (StorageUnavailable, WalletBusy, OutcomeUnknown, TooManyWaiting)


@dataclass
class Outcome:
    """What came of a world: the violation, if any, and everything that was counted."""

    violation: str
    journal: Journal
    virtual_seconds: float
    events: int = 0
    task_store: TaskStore | None = field(default=None, repr=False)


class ServiceHarness:
    """Wires a plan and plays it."""

    def __init__(self, plan: Plan, journal: Journal) -> None:
        self.plan = plan
        self.journal = journal
        self.scheduler = Scheduler()
        self.rng = stream(plan.seed, "world")
        lag = stream(plan.seed, "lag")
        self.memory = MemoryTable(lambda: self.scheduler.now, lambda: plan.lag * lag.random() ** 3)
        self.server = Server(self.memory)
        self.task_store = TaskStore(plan.habits, TIMES.hard_limit / 1000)
        self.witness = Witness(self.scheduler, plan, self.memory, self.task_store, journal)
        self.task_store.on_accept.append(self._callbacks)
        self.books = TextBooks()
        self.texts = TextWitness(self.scheduler, plan.skew, self.memory, self.books)
        self.calm = False
        self.webs: list[Parts] = []
        self.users = SimulatedUsers(
            self.scheduler, plan, self.witness, self.texts, journal, lambda: self.webs
        )
        self.office = Office(self.scheduler, plan, journal, lambda: self.webs)
        self._picker = {
            family: FaultPicker(plan.faults, family)
            for family in (TABLE_FAULTS, VENDOR_FAULTS, QUERY_FAULTS)
        }
        self._picker[TEXT_FAULTS] = FaultPicker(plan.text_faults, TEXT_FAULTS)
        self._storm_dice = FaultPicker(plan.storm_faults, TABLE_FAULTS)
        self._no_dice = FaultPicker(Faults(), ())
        self._started = 0
        self._early = Comparison((), "", 0)

    def play(self) -> None:
        """Raises `Violation`."""
        for _ in range(self.plan.webs):
            self._start_web()
        for _ in range(self.plan.workers):
            self._start_worker()
        self.scheduler.at(self.plan.calm_at, self._grow_calm)
        self.scheduler.at(self.plan.calm_at / 3, self._audit_early)
        for at in self.plan.drains:
            self.scheduler.at(at, self._drain)
        self.users.arrive()
        self.office.begin()
        self._run(HORIZON_SECONDS, self._settled)
        for _ in range(MAX_ROUNDS):
            self._run(LATEST_SECONDS, lambda: False)
            if self._settled():
                break
            self._run(HORIZON_SECONDS, self._settled)
        self.users.repeat_requests()
        self._run(HORIZON_SECONDS, self._settled)
        self._check_invariants()

    def _run(self, seconds: float, enough: Callable[[], bool]) -> None:
        self.scheduler.run(
            self.scheduler.now + seconds, lambda: bool(self.scheduler.broken) or enough()
        )
        for task in self.scheduler.broken:
            raise Violation(f"{task.name} ended by {task.ended_by!r}") from task.ended_by

    def _check_invariants(self) -> None:
        waiting = [task.name for web in self.webs for task in web.process.tasks]
        require(not waiting, f"requests that never end: {waiting}")
        require(not self.users.busy and not self.office.busy, "clients that never end")
        found = self._audit("audit", Comparison(self._early.take(), "before", 0))
        self._run(HORIZON_SECONDS, lambda: bool(found))
        self.journal.count("wallets compared with an earlier audit", found[0].compared)
        check_invariants(
            self.plan, self.memory, self.task_store, self.witness, found[0], self.journal
        )
        check_texts(self.texts, self.memory, self.journal)
        self.office.check(self.memory)

    def _audit_early(self) -> None:
        """In the middle of everything; the last audit compares with where it found the wallets."""
        self._audit("early audit", self._early)

    def _audit(self, name: str, comparison: Comparison) -> list[Audit]:
        """An audit that no fault meets; its result is put into the list."""
        started = self._started
        office = self._parts(name, 0.0, lambda: None, lambda _: self._no_dice)
        # The names of the processes that start later, and with them their chances, stay the same.
        self._started = started
        found: list[Audit] = []

        def audit() -> None:
            found.append(office.admin.audit(comparison=comparison))
            require(not found[0].violations, f"the {name} found {found[0].violations}")

        rng = stream(self.plan.seed, name)
        self.scheduler.spawn(office.process, name, audit, rng, 0.0)
        return found

    def _settled(self) -> bool:
        """Whether nothing is left to do: calm, everybody gone, no job due any more."""
        return (
            self.calm
            and not self.users.busy
            and not self.office.busy
            and not self.memory.due()
            and not any(web.process.tasks for web in self.webs)
        )

    def _grow_calm(self) -> None:
        self.calm = True

    def _start_web(self) -> None:
        parts = self._parts(f"web{self._started}", self._skew(), lambda: self._web_dies(parts))
        self.webs.append(parts)

    def _web_dies(self, parts: Parts) -> None:
        if parts in self.webs:
            self._dies(parts)
            self.webs.remove(parts)
            self.scheduler.at(self.scheduler.now + 0.5 + 10 * self.rng.random(), self._start_web)

    def _drain(self) -> None:
        """A web process begins to end: it ends its texts, and some seconds later it is gone."""
        if not self.webs:
            return
        web = self.webs[self.rng.randrange(len(self.webs))]
        self.journal.count("drains")
        web.process.ends_calls = True
        web.runs.end_all()
        web.process.ends_calls = False
        self.scheduler.at(self.scheduler.now + CLOSING_SECONDS, lambda: self._web_dies(web))

    def _start_worker(self) -> None:
        parts = self._parts(
            f"worker{self._started}", self._skew(), lambda: self._worker_dies(parts)
        )
        stop: Any = _Breaks(self, parts.process)
        for sweep in parts.sweeps:
            name = parts.process.name + (f" {sweep.name}" if sweep.name != "due_jobs" else "")
            work = partial(run_until, stop, sweep)
            rng, delay = stream(self.plan.seed, name), self.rng.random()
            self.scheduler.spawn(parts.process, name, work, rng, delay)

    def _worker_dies(self, parts: Parts) -> None:
        if not parts.process.dead:
            self._dies(parts)
            self.scheduler.at(self.scheduler.now + 0.5 + 10 * self.rng.random(), self._start_worker)

    def _dies(self, parts: Parts) -> None:
        self.journal.count("process deaths")
        self.journal.note(self.scheduler.now, parts.process.name, "dies")
        self.scheduler.kill(parts.process)

    def _parts(
        self,
        name: str,
        skew: float,
        die: Callable[[], None],
        dice: Callable[[str], FaultPicker] | None = None,
    ) -> Parts:
        self._started += 1
        scheduler, process = self.scheduler, Process(self.scheduler, name, skew)
        wire = SimulatedWire(
            scheduler, self.server, process, dice or self._table_dice, self.journal, die
        )
        provider = SimulatedProvider(
            scheduler,
            self.task_store,
            process,
            lambda: self._faults(VENDOR_FAULTS),
            lambda: self._faults(QUERY_FAULTS),
            self.journal,
            die,
        )
        texts = SimulatedTexts(
            scheduler,
            self.books,
            process,
            lambda: self._faults(TEXT_FAULTS),
            self.journal,
            die,
        )
        return build(scheduler, self.plan, process, wire, provider, texts)

    def _faults(self, family: tuple[str, ...]) -> FaultPicker:
        return self._no_dice if self.calm else self._picker[family]

    def _table_dice(self, operation: str) -> FaultPicker:
        if operation in WRITES and any(
            start <= self.scheduler.now < end for start, end in self.plan.storms
        ):
            return self._no_dice if self.calm else self._storm_dice
        return self._faults(TABLE_FAULTS)

    def _skew(self) -> float:
        return self.plan.skew * (2 * self.rng.random() - 1)

    def _callbacks(self, work: Work, callback_url: str | None, rng: random.Random) -> None:
        """The vendor calls back: mostly when it is done, sometimes early, twice, late, forged, or
        never."""
        if callback_url is None:
            return
        token = callback_url.rpartition("/")[2]
        ends_at = min(work.ends_at, self.scheduler.now + 100)
        if rng.random() < 0.2:
            self._callback(token, self.scheduler.now + 10 * rng.random(), b"final", rng)
        if rng.random() < 0.1:
            self._callback("forged" + token, ends_at, b"final", rng)
        if rng.random() < 0.1:
            self._callback(token, ends_at, b"running", rng)
        if work.ends_at < NEVER and rng.random() < 0.8:
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                self._callback(token, work.ends_at + 2 * rng.random() ** 4, b"final", rng)

    def _callback(self, token: str, at: float, body: bytes, rng: random.Random) -> None:
        own = random.Random(rng.getrandbits(64))
        self.scheduler.at(at, self._deliver, token, body, own)

    def _deliver(self, token: str, body: bytes, rng: random.Random) -> None:
        if not self.webs:
            return
        web = self.webs[rng.randrange(len(self.webs))]
        self.journal.count("callbacks")
        self.scheduler.spawn(
            web.process,
            f"callback@{web.process.name}",
            lambda: self._receive_callback(web, token, body),
            rng,
            0.0,
        )

    def _receive_callback(self, web: Parts, token: str, body: bytes) -> None:
        try:
            web.jobs.handle_callback("kling", token, {}, body, web.window.allows)
        except FareboxError as error:
            expected = isinstance(error, CallbackRefused) if token.startswith("forged") else True
            require(
                expected and isinstance(error, (CallbackRefused, *_CALLBACK_ERRORS)),
                f"callback: {error!r}",
            )
            self.journal.count(f"callback: {error.code}")


class _Breaks:
    """A worker's pause between rounds: as long as nothing is due, no one looks."""

    def __init__(self, world: ServiceHarness, process: Process) -> None:
        self._world = world
        self._process = process

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        world, scheduler = self._world, self._world.scheduler
        max_wait = 600.0 if world.calm else 20.0
        next_due = min(world.memory.due(), default="")
        until_due = int(next_due) / 1000 - START_SECONDS - scheduler.now if next_due else max_wait
        share = scheduler.running().rng.random()
        scheduler.sleep(seconds * (0.5 + share) + min(max(0.0, until_due), max_wait))


def play(plan: Plan, tracing: bool = False) -> Outcome:
    """Plays one world, alone in this thread."""
    journal = Journal(tracing)
    with counted_logs(journal) as broken:
        world = ServiceHarness(plan, journal)
        with in_place_of_threads(world.scheduler, *_THREADED):
            violation = ""
            try:
                world.play()
                require(not broken, f"the service logged {broken}")
            except Violation as error:
                violation = f"{error}" + (f" ({error.__cause__!r})" if error.__cause__ else "")
            world.scheduler.end()
    journal.count("worlds")
    return Outcome(
        violation, journal, world.scheduler.now, world.scheduler.events, world.task_store
    )
