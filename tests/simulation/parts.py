"""The service's own parts, unchanged, as one process of a world has them; only what stands at the
doors is simulated."""

from dataclasses import dataclass

from service.audit.operations import Auditor
from service.catalog.entities import IMAGE_TO_VIDEO, Prompt
from service.catalog.operations import Catalog
from service.core.metrics import NoMetrics
from service.core.rate_limits import Window
from service.core.token_cipher import TokenCipher
from service.jobs.holds import Holds
from service.jobs.operations import JobLimits, Jobs
from service.jobs.settlement import Settlement
from service.jobs.sweeps import DueJobs
from service.ledger.operations import Ledger
from service.ledger.wallet_locks import WalletLocks
from service.storage.table import Table
from service.users.entities import Pepper
from service.users.operations import Users
from tests.simulation.client import SimulatedClient
from tests.simulation.plan import TIMES, Plan
from tests.simulation.scheduler import Process, Scheduler, SimulatedExecutor
from tests.simulation.vendor import SimulatedProvider

MAC_KEY = b"m" * 32
PROMPTS = (Prompt("foo_prompt", "The astronaut stood up and walked away"),)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SEALER = TokenCipher(["s" * 32])


class SeededIds:
    """Ids of the service's own form, with the running task's random numbers; the task remembers
    which it made."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._hub = scheduler

    def new(self, prefix: str, at: int) -> str:
        task = self._hub.running()
        number = (at << 80) | task.rng.getrandbits(80)
        digits = "".join(_ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(26)))
        task.job_ids.append(f"{prefix}_{digits}")
        return task.job_ids[-1]


@dataclass(frozen=True)
class Parts:
    """What a process works with."""

    process: Process
    jobs: Jobs
    ledger: Ledger
    sweep: DueJobs
    admin: Auditor
    window: Window


def build(
    scheduler: Scheduler,
    plan: Plan,
    process: Process,
    client: SimulatedClient,
    provider: SimulatedProvider,
) -> Parts:
    clock, metrics = process.clock, NoMetrics()
    table = Table(client, "Simulated")  # type: ignore[arg-type]
    ledger = Ledger(table, clock, metrics, WalletLocks(64), MAC_KEY, 5.0, scheduler.chance)
    users = Users(table, ledger, metrics, (Pepper(1, b"p" * 32),), plan.max_users, plan.welcome)
    settlement = Settlement(table, ledger, provider, clock, metrics, TIMES, plain_links=False)
    jobs = Jobs(
        table=table,
        ledger=ledger,
        users=users,
        holds=Holds(table, ledger, users, clock, SeededIds(scheduler), TIMES),
        catalog=Catalog(PROMPTS, {IMAGE_TO_VIDEO: plan.price}),
        provider=provider,
        settlement=settlement,
        token_cipher=_SEALER,
        clock=clock,
        metrics=metrics,
        limits=JobLimits(create_seconds=8.0, max_waiting=4),
        public_url="https://farebox.example.com" if plan.callbacks else "",
    )
    executor = SimulatedExecutor(scheduler, process, most=4)
    sweep = DueJobs(table, settlement, clock, metrics, executor)  # type: ignore[arg-type]
    return Parts(
        process,
        jobs,
        ledger,
        sweep,
        Auditor(table, clock, metrics, MAC_KEY),
        Window(6, 10.0, clock),
    )
