"""The service's own parts, unchanged, as one process of a world has them; only what stands at the doors is simulated."""

from dataclasses import dataclass

from service.audit.operations import Admin
from service.catalog.entities import IMAGE_TO_VIDEO, Prompt
from service.catalog.operations import Catalog
from service.jobs.holds import Holds
from service.jobs.operations import JobLimits, Jobs
from service.jobs.settlement import Settlement
from service.jobs.sweeps import DueJobs
from service.ledger.operations import Ledger
from service.ledger.wallet_locks import Turns
from service.core.metrics import NoMetrics
from service.storage.table import Table
from service.users.entities import Pepper
from service.users.operations import Users
from service.core.rate_limits import Window
from service.core.token_cipher import Sealer
from tests.simulation.client import SimulatedClient
from tests.simulation.scheduler import Hub, Process, SimulatedExecutor
from tests.simulation.plan import TIMES, Plan
from tests.simulation.vendor import SimulatedProvider

MAC_KEY = b"m" * 32
PROMPTS = (Prompt("foo_prompt", "The astronaut stood up and walked away"),)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SEALER = Sealer(["s" * 32])


class SeededIds:
    """Ids of the service's own form, with the running task's random numbers; the task remembers which it made."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

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
    admin: Admin
    window: Window


def build(hub: Hub, plan: Plan, process: Process, client: SimulatedClient, provider: SimulatedProvider) -> Parts:
    clock, metrics = process.clock, NoMetrics()
    table = Table(client, "Simulated")  # type: ignore[arg-type]
    ledger = Ledger(table, clock, metrics, Turns(64), MAC_KEY, 5.0, hub.chance)
    users = Users(table, ledger, metrics, (Pepper(1, b"p" * 32),), plan.most_users, plan.welcome)
    settlement = Settlement(table, ledger, provider, clock, metrics, TIMES, plain_links=False)
    jobs = Jobs(
        table=table,
        ledger=ledger,
        users=users,
        holds=Holds(table, ledger, users, clock, SeededIds(hub), TIMES),
        catalog=Catalog(PROMPTS, {IMAGE_TO_VIDEO: plan.price}),
        provider=provider,
        settlement=settlement,
        sealer=_SEALER,
        clock=clock,
        metrics=metrics,
        limits=JobLimits(create_seconds=8.0, most_waiting=4),
        public_url="https://farebox.example.com" if plan.callbacks else "",
    )
    executor = SimulatedExecutor(hub, process, most=4)
    sweep = DueJobs(table, settlement, clock, metrics, executor)  # type: ignore[arg-type]
    return Parts(process, jobs, ledger, sweep, Admin(table, clock, metrics, MAC_KEY), Window(6, 10.0, clock))
