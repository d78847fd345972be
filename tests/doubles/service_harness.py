"""The real parts over DynamoDB Local, built from the service's own list of features; only what
reaches outside is replaced: clock and provider."""

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

from botocore.session import Session
from urllib3 import Timeout

from service.app import FEATURES, assemble, sections
from service.audit.entities import Audit
from service.audit.operations import Auditor
from service.catalog.current_prices import CurrentPrices
from service.core.amounts import Credits, amount_of, credits_of
from service.core.clock import Clock, SystemClock
from service.core.ids import RandomIds
from service.core.keyring import Keyring, Pepper
from service.core.metrics import NoMetrics
from service.core.principal import Principal
from service.core.sweep import Background, Sweep
from service.core.token_cipher import TokenCipher
from service.feature import Core, Declaration, key_registry
from service.jobs.entities import Job, Times
from service.jobs.job_ids import JobIds
from service.jobs.operations import Jobs, Submission
from service.jobs.search import JobSearch
from service.jobs.settlement import Settlement
from service.jobs.work import Operations
from service.ledger.entities import Wallet
from service.ledger.limits import UserLimits
from service.ledger.operations import Ledger
from service.outbound.exchange import Exchanges
from service.outbound.network import Network
from service.outbound.trust import public_roots
from service.providers.base import Provider
from service.repair.operations import Repair
from service.settings import Settings, make_settings
from service.storage.credentials import TaskCredentials
from service.storage.data_keys import DataKeys
from service.storage.dynamodb import MAX_RESPONSE_BYTES, DynamoDb, HttpWire
from service.storage.signing import Signer
from service.storage.table import Table
from service.storage.wrapping import LocalWrapping
from service.users.operations import Users
from service.videos.entities import NewVideo
from service.videos.operations import Videos
from tests.doubles.clock import FakeClock
from tests.doubles.due_entries import DueEntries
from tests.doubles.locks import UntilLocked
from tests.doubles.memory_client import memory_client
from tests.doubles.provider import ScriptedProvider
from tests.doubles.raw_client import RawClient
from tests.doubles.signer import OPERATORS_SECRET
from tests.faults.enumeration.tables import MemoryBehind
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
REQUEST_ID = "req_01kb7r3v6q8f2x0m4n5p6q7r8s"
IMAGE = "https://images.example.com/astronaut.jpg"
MAC_KEY = b"m" * 32
KMS_KEY_ID = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
TOKEN_KEY = "s" * 32
OPERATORS_SECRET_NAME = "operators"
ACCESS_TOKENS_SECRET_NAME = "access-tokens"
ACCESS_TOKENS_SECRET = '{"keys": [{"kid": "one", "d": "%sdHQ"}]}' % ("dHR0" * 10)
STRIPE_SECRET_NAME = "stripe"
STRIPE_SECRET = '{"apiKey": "rk_live_of_tests", "webhookSecrets": ["whsec_of_all_these_tests"]}'
BOSS = "https://accounts.google.com|boss"
PEPPERS = (Pepper(1, b"p" * 32),)
# Made once: each takes as long as a whole test.
_TLS = public_roots()
_CREDENTIALS = TaskCredentials(Session(), SystemClock())
# It compares each kind of items with each other one, and never changes.
_REGISTRY = key_registry(FEATURES)


def production_settings(features: Sequence[Declaration] = FEATURES, **values: object) -> Settings:
    """Settings with which a service would start in production, but for those values."""
    required = {
        "stage": "production",
        "google_client_ids": ("farebox.apps.example",),
        "kling_api_key_secret_name": "kling",
        "keys_secret_name": "keys",
        "operator_keys_secret_name": OPERATORS_SECRET_NAME,
        "access_token_keys_secret_name": ACCESS_TOKENS_SECRET_NAME,
        "admin_subjects": (BOSS,),
        "kms_key_id": KMS_KEY_ID,
        # Everything comes from one address, and often from one user.
        **{f"{kind}_request_limit": 0 for kind in ("caller", "address", "sign_in")},
    }
    return make_settings(sections(features), required | values)


def core_over(
    table: Table,
    settings: Settings,
    clock: Clock,
    *,
    jitter: Callable[[], float] = random.random,
    peppers: Sequence[Pepper] = PEPPERS,
    features: Sequence[Declaration] = FEATURES,
) -> Core:
    """The core of a process over that table and clock. It reads no secret but those of the
    operators' keys, of access tokens and of Stripe, and opens no bucket."""
    return Core(
        settings=settings,
        clock=clock,
        ids=RandomIds(),
        jitter=jitter,
        metrics=NoMetrics(),
        table=table,
        tls=_TLS,
        data_keys=DataKeys(table, table._name, LocalWrapping(MAC_KEY), clock),
        keyring=Keyring(tuple(peppers), MAC_KEY, (TOKEN_KEY,)),
        read_secret=_secret,
        open_bucket=_no_outside,
        keys=_REGISTRY if features is FEATURES else key_registry(features),
    )


def _secret(name: str) -> str:
    known = {
        OPERATORS_SECRET_NAME: OPERATORS_SECRET,
        ACCESS_TOKENS_SECRET_NAME: ACCESS_TOKENS_SECRET,
        STRIPE_SECRET_NAME: STRIPE_SECRET,
    }
    return known.get(name) or str(_no_outside(name))


def _no_outside(name: str) -> Any:
    raise AssertionError(f"{name} is outside of this test")


class ServiceHarness:
    """One process's worth of parts. Several may share a table: that is several processes."""

    def __init__(
        self,
        client: Any,
        table_name: str,
        *,
        clock: Clock | None = None,
        provider: Provider | None = None,
        max_users: int = 33,
        welcome_credits: Credits = 3,
        price: Credits = 1,
        peppers: Sequence[Pepper] = PEPPERS,
        public_url: str = "",
        times: Times = TIMES,
        job_ids: JobIds | None = None,
        jitter: Callable[[], float] = random.random,
        connected: DynamoDb | None = None,
        max_open_jobs: int = 0,
        max_credits_per_day: Credits = 0,
        house_credits_per_day: Credits = 0,
        features: Sequence[Declaration] = FEATURES,
        replacements: Mapping[type[Any], object] | None = None,
        **others: object,
    ) -> None:
        """`client` says where the table is: a client of DynamoDB Local, or a table in memory, for
        what is not about money, races or DynamoDB. The harness connects by itself unless a
        `connected` client is to be shared. `others` are further settings."""
        self.clock: Any = clock or FakeClock()
        self.provider: Any = provider or ScriptedProvider()
        self.where = client
        self.dynamodb = connected or _connected(client)
        self._due = None if connected else _due_entries(client, self.dynamodb)
        self.client = RawClient(self.dynamodb)
        self.table = Table(self.dynamodb, table_name)
        settings = production_settings(
            features,
            public_url=public_url,
            max_users=max_users,
            welcome_credits=welcome_credits,
            video_price_credits=price,
            **({"web_connections": 256, "long_poll_limit": 2, "user_submit_limit": 200} | others),
            house_credits_per_day=Decimal(house_credits_per_day),
        )
        core = core_over(
            self.table, settings, self.clock, jitter=jitter, peppers=peppers, features=features
        )
        limits = UserLimits(max_open_jobs, amount_of(Decimal(max_credits_per_day)))
        usual = {Provider: self.provider, Times: times, UserLimits: limits}
        usual |= {JobIds: job_ids} if job_ids else {}
        self.parts = assemble(core, features, usual | dict(replacements or {}))
        self._name_parts()

    def _name_parts(self) -> None:
        self.ledger = self.parts.get(Ledger)
        self.users = self.parts.get(Users)
        self.settlement = self.parts.get(Settlement)
        self.jobs = self.parts.get(Jobs)
        self.operations = self.parts.get(Operations)
        self.videos = self.parts.get(Videos)
        self.auditor = self.parts.get(Auditor)
        self.repair = self.parts.get(Repair)
        self.search = self.parts.get(JobSearch)
        self.token_cipher = TokenCipher([TOKEN_KEY])
        self.refresh_prices()

    def refresh_prices(self) -> None:
        """As a web process does before it is sent a request, and every half a minute."""
        self.parts.get(CurrentPrices).refresh()

    def submit(
        self,
        user_id: str = "ann",
        device: str = "phone",
        key: str | None = None,
        image: str = IMAGE,
        request_id: str = REQUEST_ID,
    ) -> Submission:
        return self.videos.create(order(user_id, device, key, image, request_id))

    def wallet(self, user_id: str = "ann") -> Wallet:
        wallet = self.ledger.read_snapshot(user_id).wallet
        assert wallet is not None
        return wallet

    def balance(self, user_id: str = "ann") -> tuple[Credits, Credits, Credits]:
        """Available, held and captured credits."""
        wallet = self.wallet(user_id)
        return credits_of(wallet.credits), credits_of(wallet.held), credits_of(wallet.captured)

    def job(self, job_id: str, user_id: str = "ann") -> Job:
        return self.settlement.read(user_id, job_id)

    def work(self) -> bool:
        """One round of the worker."""
        known = self._due.known(self.table._name) if self._due else nullcontext()
        with known, ThreadPoolExecutor(1) as executor:
            more = [sweep.run_once() for sweep in self.sweeps(executor)]
        return any(more)

    def sweeps(self, executor: Executor) -> tuple[Sweep, ...]:
        """The worker's part."""
        return self.parts.sweeps(Background(lambda name, threads: executor))

    def work_until(self, seconds: float, step: float = 30.0) -> None:
        """The worker, round after round, for that much of the clock's time."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.clock.advance(step)
            self.work()

    def audit(self) -> Audit:
        return self.auditor.audit()

    def count(self) -> int:
        item = self.client.get_item(
            TableName=self.table._name,
            Key={"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}},
            ConsistentRead=True,
        ).get("Item")
        return int(item["count"]["N"]) if item else 0

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.scan(
            TableName=self.table._name, ConsistentRead=True, Limit=10_000
        )["Items"]
        return found

    def wire(self) -> Wire:
        return Wire(self.dynamodb)


def memory_world(**options: Any) -> ServiceHarness:
    """A harness of a table of its own in memory, for tests whose subject is not the table."""
    return ServiceHarness(MemoryBehind(), MemoryBehind.name, **options)


def _connected(where: Any) -> DynamoDb:
    if isinstance(where, MemoryBehind):
        return memory_client(where)
    return local_client(where.meta.endpoint_url)


def _due_entries(where: Any, client: DynamoDb) -> DueEntries | None:
    """A table in memory needs none."""
    return None if isinstance(where, MemoryBehind) else DueEntries(client)


def local_client(url: str) -> DynamoDb:
    """A client of DynamoDB Local for many threads: on a busy machine, neither a connection nor a
    lock that takes long is what a test is about."""
    clock = SystemClock()
    wire = HttpWire(
        Exchanges(Network(clock), url, _TLS, 64, MAX_RESPONSE_BYTES),
        Timeout(total=20.0, connect=10.0, read=10.0),
    )
    client = DynamoDb(wire, Signer(_CREDENTIALS, url, "us-east-1", clock))
    UntilLocked(client)
    return client


def order(
    user_id: str = "ann",
    device: str = "phone",
    key: str | None = None,
    image: str = IMAGE,
    request_id: str = REQUEST_ID,
) -> NewVideo:
    return NewVideo(
        Principal("https://accounts.google.com", user_id, f"{user_id}@example.com"),
        device,
        image,
        "foo_prompt",
        key,
        request_id,
    )
