"""The real parts over DynamoDB Local, with doubles at the doors only: clock and provider."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from service.audit.entities import Audit
from service.audit.operations import Auditor
from service.catalog.entities import IMAGE_TO_VIDEO
from service.catalog.operations import Catalog
from service.catalog.store import read_prompts
from service.core.clock import Clock
from service.core.ids import Ids, RandomIds
from service.core.metrics import NoMetrics
from service.core.principal import Principal
from service.core.token_cipher import TokenCipher
from service.jobs.entities import Job, Times
from service.jobs.holds import Holds, JobRequest
from service.jobs.operations import JobLimits, Jobs, Submission
from service.jobs.settlement import Settlement
from service.jobs.sweeps import DueJobs
from service.ledger.entities import Wallet
from service.ledger.operations import Ledger
from service.ledger.wallet_locks import WalletLocks
from service.providers.base import Provider
from service.repair.account_records import RepairContext
from service.repair.operations import Repair
from service.storage.table import Table, connect
from service.users.entities import Pepper
from service.users.operations import Users
from tests.doubles.clock import FakeClock
from tests.doubles.provider import ScriptedProvider
from tests.faults.library.wire import Wire

SECOND = 1000
HOUR = 3600 * SECOND
TIMES = Times(
    submit=20 * SECOND,
    quarantine=600 * SECOND,
    not_found_gap=60 * SECOND,
    hard_limit=24 * HOUR,
    watch=24 * HOUR,
    poll_min=5 * SECOND,
    poll_max=60 * SECOND,
    watch_poll=900 * SECOND,
)
IMAGE = "https://images.example.com/astronaut.jpg"
MAC_KEY = b"m" * 32


class ServiceHarness:
    """One process's worth of parts. Several worlds may share a table: that is several processes."""

    def __init__(
        self,
        client: Any,
        table_name: str,
        *,
        clock: Clock | None = None,
        provider: Provider | None = None,
        max_users: int = 33,
        welcome_credits: int = 3,
        price: int = 1,
        peppers: Sequence[Pepper] = (Pepper(1, b"p" * 32),),
        public_url: str = "",
        times: Times = TIMES,
        ids: Ids | None = None,
        jitter: Callable[[], float] = random.random,
        connected: Any = None,
    ) -> None:
        """`client` says where the table is; the world connects by itself unless a `connected`
        client is to be shared."""
        self.clock: Any = clock or FakeClock()
        self.provider: Any = provider or ScriptedProvider()
        self.client: Any = connected or connect(
            "us-east-1", client.meta.endpoint_url, 1.0, 10.0, connections=64
        )
        self.table = Table(self.client, table_name)
        metrics = NoMetrics()
        self.ledger = Ledger(
            self.table, self.clock, metrics, WalletLocks(256), MAC_KEY, 5.0, jitter
        )
        self.users = Users(self.table, self.ledger, metrics, peppers, max_users, welcome_credits)
        self.settlement = Settlement(
            self.table, self.ledger, self.provider, self.clock, metrics, times, plain_links=False
        )
        self.token_cipher = TokenCipher(["s" * 32])
        self.jobs = Jobs(
            table=self.table,
            ledger=self.ledger,
            users=self.users,
            holds=Holds(self.table, self.ledger, self.users, self.clock, ids or RandomIds(), times),
            catalog=Catalog(read_prompts(), {IMAGE_TO_VIDEO: price}),
            provider=self.provider,
            settlement=self.settlement,
            token_cipher=self.token_cipher,
            clock=self.clock,
            metrics=metrics,
            limits=JobLimits(create_seconds=8.0, max_waiting=2),
            public_url=public_url,
        )
        self.admin = Auditor(self.table, self.clock, metrics, MAC_KEY)
        self.repair = Repair(
            self.table,
            self.ledger,
            self.clock,
            RepairContext(MAC_KEY, tuple(peppers), TIMES, welcome_credits),
        )
        self._metrics = metrics

    def submit(
        self,
        user_id: str = "ann",
        device: str = "phone",
        key: str | None = None,
        image: str = IMAGE,
    ) -> Submission:
        return self.jobs.submit(order(user_id, device, key, image))

    def wallet(self, user_id: str = "ann") -> Wallet:
        wallet = self.ledger.read_snapshot(user_id).wallet
        assert wallet is not None
        return wallet

    def balance(self, user_id: str = "ann") -> tuple[int, int, int]:
        """Available, held, captured."""
        wallet = self.wallet(user_id)
        return wallet.credits, wallet.held, wallet.captured

    def job(self, job_id: str, user_id: str = "ann") -> Job:
        return self.settlement.read(user_id, job_id)

    def work(self) -> bool:
        """One round of the worker."""
        with ThreadPoolExecutor(1) as executor:
            return self.sweep(executor).run_once()

    def sweep(self, executor: Executor) -> DueJobs:
        """The worker's part."""
        return DueJobs(self.table, self.settlement, self.clock, self._metrics, executor)

    def work_until(self, seconds: float, step: float = 30.0) -> None:
        """The worker, round after round, for that much of the clock's time."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.clock.advance(step)
            self.work()

    def audit(self) -> Audit:
        return self.admin.audit()

    def count(self) -> int:
        item = self.client.get_item(
            TableName=self.table._name,
            Key={"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}},
            ConsistentRead=True,
        ).get("Item")
        return int(item["count"]["N"]) if item else 0

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.scan(
            TableName=self.table._name, ConsistentRead=True
        )["Items"]
        return found

    def wire(self) -> Wire:
        return Wire(self.client)


def order(
    user_id: str = "ann", device: str = "phone", key: str | None = None, image: str = IMAGE
) -> JobRequest:
    return JobRequest(
        Principal("https://accounts.google.com", user_id, f"{user_id}@example.com"),
        device,
        image,
        "foo_prompt",
        key,
    )
