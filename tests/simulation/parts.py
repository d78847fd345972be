"""The service's own parts, unchanged, as one process of a world has them; only what stands at the
doors is simulated."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from service.admin.corrections import Corrections
from service.app import assemble
from service.audit.operations import Auditor
from service.core.amounts import amount_of
from service.core.ids import RandomIds, text_of
from service.core.rate_limits import Window
from service.core.sweep import Background, Sweep
from service.jobs.entities import Times
from service.jobs.job_ids import JobIds
from service.jobs.operations import Jobs
from service.jobs.work import Operations
from service.ledger.grants import Grants
from service.ledger.limits import UserLimits
from service.ledger.operations import Ledger
from service.providers.base import Provider
from service.providers.generation import TextProviders
from service.settings import Settings
from service.storage.table import Table
from service.text.feature import Starter
from service.text.operations import Text
from service.text.runs import Runs
from service.text.sweeps import Cancellations
from service.videos.operations import Videos
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import MAC_KEY, core_over, production_settings
from tests.simulation.plan import TIMES, Plan
from tests.simulation.scheduler import Process, Scheduler, SimulatedExecutor
from tests.simulation.text_calls import TextCalls
from tests.simulation.text_vendor import SimulatedTexts
from tests.simulation.vendor import SimulatedProvider
from tests.simulation.wire import SimulatedWire

# Those that settle credits; the others reach for the network or for time of their own.
SWEEPS = ("due_jobs", "due_grants")
TEXT_LIMIT_SECONDS = 60.0

Found = TypeVar("Found")


class SeededIds(JobIds):
    """Ids of the service's own form, with the running task's random numbers; the task remembers
    which it made."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(RandomIds(), MAC_KEY)
        self._scheduler = scheduler

    def new(self, user_id: str, now: int) -> str:
        task = self._scheduler.running()
        task.job_ids.append(text_of("job", (now << 80) | task.rng.getrandbits(80)))
        return task.job_ids[-1]


@dataclass(frozen=True)
class Parts:
    """What a process works with."""

    process: Process
    jobs: Jobs
    videos: Videos
    ledger: Ledger
    sweeps: tuple[Sweep, ...]
    admin: Auditor
    window: Window
    grants: Grants
    corrections: Corrections
    text: Text
    runs: Runs
    operations: Operations


def build(
    scheduler: Scheduler,
    plan: Plan,
    process: Process,
    wire: SimulatedWire,
    provider: SimulatedProvider,
    texts: SimulatedTexts,
) -> Parts:
    core = core_over(
        Table(memory_client(wire), "Simulated"),
        _settings(plan),
        process.clock,
        jitter=scheduler.chance,
    )
    job_ids = SeededIds(scheduler)
    limits = UserLimits(
        plan.max_open_jobs,
        amount_of(plan.max_credits_per_day),
        amount_of(plan.max_loss_per_day),
    )
    calls = TextCalls(scheduler, process)
    replacements = {
        Provider: provider,
        Times: TIMES,
        JobIds: job_ids,
        UserLimits: limits,
        TextProviders: TextProviders().adding(texts),
        Starter: Starter(calls.start),
    }
    parts = assemble(core, replacements=replacements)
    calls.watch(parts.get(Runs), _only(parts.web_sweeps(), Cancellations))
    executor = SimulatedExecutor(scheduler, process, limit=4)
    lent: Any = Background(lambda name, threads: executor)  # type: ignore[arg-type,return-value]
    sweeps = tuple(sweep for sweep in parts.sweeps(lent) if sweep.name in SWEEPS)
    return Parts(
        process,
        parts.get(Jobs),
        parts.get(Videos),
        parts.get(Ledger),
        sweeps,
        parts.get(Auditor),
        parts.get(Window),
        parts.get(Grants),
        parts.get(Corrections),
        parts.get(Text),
        parts.get(Runs),
        parts.get(Operations),
    )


def _settings(plan: Plan) -> Settings:
    return production_settings(
        max_users=plan.max_users,
        welcome_credits=plan.welcome,
        video_price_credits=plan.price,
        web_connections=64,
        text_places=16,
        text_limit_seconds=TEXT_LIMIT_SECONDS,
        long_poll_limit=4,
        user_submit_limit=50,
        submit_limit=50,
        worker_threads=4,
        public_url="https://farebox.example.com" if plan.callbacks else "",
    )


def _only(sweeps: Iterable[Sweep], kind: type[Found]) -> Found:
    [found] = [each for each in sweeps if isinstance(each, kind)]
    return found
