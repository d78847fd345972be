"""Where runs are played: one table that every run finds as its flow begins, processes made of the
real parts, and their clock."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from service.catch_up.feature import Starter as CatchUpStarter
from service.core.amounts import SCALE
from service.core.clock import Clock, from_iso
from service.core.errors import FareboxError, Unavailable
from service.core.ids import RandomIds
from service.core.metrics import NoMetrics
from service.core.principal import Principal, SignInMethod
from service.core.scopes import Minted
from service.core.settings import Secret
from service.core.sweep import run_until
from service.jobs.entities import OPEN
from service.jobs.job_ids import JobIds
from service.jobs.operations import Submission
from service.ledger.grants import Grant, Granted, Grants, GrantSource
from service.ledger.lots import LotKind
from service.promo_codes.entities import Redemption
from service.promo_codes.operations import PromoCodes
from service.providers.base import BroadcastProvider, TranscriptionProvider
from service.providers.generation import GenerationEvent, TextProviders
from service.providers.kling.client import Kling, KlingDefaults
from service.providers.kling.credentials import KlingCredentials, KlingKeys
from service.providers.speech import SpeechTokens
from service.text.feature import Starter
from service.uploads.operations import Uploads
from service.users.entities import LinkedIdentity
from service.users.linking import Identities
from tests.doubles.clock import FakeClock
from tests.doubles.memory_client import memory_client
from tests.doubles.people import cognito
from tests.doubles.service_harness import (
    HOUR,
    IMAGE,
    MAC_KEY,
    SECOND,
    TIMES,
    ServiceHarness,
    order,
)
from tests.faults.enumeration import catch_ups, live_sessions
from tests.faults.enumeration.blocks import BLOCKS_ON, TokenDoor
from tests.faults.enumeration.endpoints import KlingDoor, TableDoor
from tests.faults.enumeration.in_place import InPlace, OneRound, at_once
from tests.faults.enumeration.recordings import Recordings, assemblyai
from tests.faults.enumeration.run import Run
from tests.faults.enumeration.tables import Items, TableBehind, jobs_of
from tests.faults.enumeration.texts import TextDoor
from tests.faults.enumeration.vendor import API_KEY, Vendor
from tests.faults.library.effects import Arrives, Fault, Kind, Meanwhile
from tests.simulation.checks import plain, require
from tests.simulation.memory import PLAYED

USER = "ann"
DEVICE = "phone"
FAILING_IMAGE = "https://images.example.com/bad-pixels.jpg"
# Seldom looks spare rounds of the worker; what waits for what stays as in production.
QUICK = replace(
    TIMES,
    hard_limit=4 * HOUR,
    watch=2400 * SECOND,
    poll_min=600 * SECOND,
    poll_max=600 * SECOND,
    watch_poll=1200 * SECOND,
)
MAX_ROUNDS = 60
SHORT_TEXTS: dict[str, Any] = {"text_limit_seconds": 60.0, "text_grace_seconds": 90.0}
RECORDINGS_ON: dict[str, Any] = {"assemblyai_api_key_secret_name": "assemblyai"}
# Sweeps for which no flow leaves anything to do: each of their reads would be one more effect.
WITHOUT_WORK = {"webhooks"}
OTHER = cognito(email="ann@work.example")
LENT = Principal(
    "farebox:back-end",
    USER,
    f"{USER}@example.com",
    method=SignInMethod.SESSION,
    session_id=f"mint_{1:026d}",
    minted=Minted(f"key_{1:026d}", frozenset(), has_ceiling=True),
)
PURCHASE = Grant(GrantSource.CODE, "pi_1", USER, 5 * SCALE, LotKind.PAID)


class NumberedIds(JobIds):
    """Ids of the service's own form, counted, so that every replay is the same; knows those that
    its process made. `begun` is shared by all of a run: when each id was made."""

    def __init__(self, begun: dict[str, int]) -> None:
        super().__init__(RandomIds(), MAC_KEY)
        self.made: list[str] = []
        self._begun = begun

    def new(self, user_id: str, now: int) -> str:
        made = f"job_{len(self._begun) + 1:026d}"
        self.made.append(made)
        self._begun[made] = now
        return made


@dataclass
class SentRequest:
    """A request, the job ids that it created, and its response: a job, an error, or None if the
    process died."""

    step: str
    key: str | None
    image: str
    ids: NumberedIds
    response: Submission | Exception | None = None


@dataclass(frozen=True)
class Beginning:
    """The table and the time at which every replay of a flow starts."""

    items: Items
    now: int


class Stage:
    """Keeps what is dear to make: the connection to the table, and how each flow begins."""

    def __init__(self, table: TableBehind) -> None:
        self.table = table
        self.door = TableDoor(table)
        self.connected = memory_client(self.door)
        self.beginnings: dict[str, Beginning] = {}


@dataclass(frozen=True)
class Habits:
    """How one flow's service is set up. With `lent`, requests come in the session `LENT`; `text` is
    what its vendor does, and `steps` in each step of a catch-up. There are no vendors of text, of
    `recordings`, of `blocks` and of `live` sessions but where they are."""

    welcome_credits: int = 1
    callbacks: bool = False
    lent: bool = False
    text: Sequence[GenerationEvent] = ()
    steps: Sequence[Sequence[GenerationEvent]] = ()
    recordings: bool = False
    blocks: bool = False
    live: bool = False
    own: dict[Kind, Fault] = field(default_factory=dict)


class Scenario:
    """One run: what its steps may do, and what is to be judged when it is over."""

    def __init__(
        self, stage: Stage, beginning: Beginning | None, habits: Habits, plan: dict[int, Fault]
    ) -> None:
        self.stage = stage
        self.habits = habits
        self.clock = FakeClock(beginning.now) if beginning else FakeClock()
        self.run = Run(self.clock, plan, habits.own)
        self.vendor = Vendor(self.clock)
        self.sent: list[SentRequest] = []
        self.redeemed: list[Redemption | Exception] = []
        self.snapshot: dict[str, dict[str, Any]] = {}
        self.begun: dict[str, int] = dict.fromkeys(jobs_of(beginning.items), 0) if beginning else {}
        self.not_found: list[tuple[str, int]] = []
        self.sends: list[tuple[str, int]] = []
        self.linked: list[Sequence[LinkedIdentity] | Exception] = []
        self.grants: list[Granted | bool | Exception] = []
        self.texts = TextDoor(self.run, self.clock, habits.steps or (habits.text,))
        self.recordings = Recordings(self.clock)
        self.tokens = TokenDoor(self.run)
        self.speech = live_sessions.SpeechDoor(self.run, self.clock)
        self.run.others[Meanwhile.WORKER] = self.settle_open

    def process(self, ids: NumberedIds | None = None) -> ServiceHarness:
        """A fresh process of the real parts."""
        return ServiceHarness(
            self.stage.connected,
            self.stage.table.name,
            clock=self.clock,
            provider=self._kling(self.clock),
            max_users=1,
            welcome_credits=self.habits.welcome_credits,
            public_url="https://farebox.example.com" if self.habits.callbacks else "",
            times=QUICK,
            job_ids=ids or NumberedIds(self.begun),
            jitter=lambda: 1.0,
            connected=self.stage.connected,
            replacements=self.vendors(),
            **SHORT_TEXTS,
            **(RECORDINGS_ON if self.habits.recordings else {}),
            **(BLOCKS_ON if self.habits.blocks else {}),
            **(catch_ups.SETTINGS if self.habits.steps else {}),
            **(live_sessions.SETTINGS if self.habits.live else {}),
        )

    def submit(
        self, key: str | None = None, image: str = IMAGE, device: str = DEVICE, step: str = "place"
    ) -> None:
        """A client's request, whatever comes of it."""
        sent = SentRequest(step, key, image, NumberedIds(self.begun))
        self.sent.append(sent)
        if key is not None:
            self.run.others[Meanwhile.TWIN] = lambda: self.submit(key, image, device, "twin")
        self.run.step(step, lambda: self._submit(sent, device))

    def redeem(self, code: str, key: str, step: str = "redeem") -> None:
        """A client's request to redeem a promo code, whatever comes of it."""
        self.run.others[Meanwhile.TWIN] = lambda: self.redeem(code, key, "twin")
        self.run.step(step, lambda: self._redeem(code, key))

    def link(self, step: str = "link") -> None:
        """The user links another sign-in, whatever comes of it."""
        self.run.others[Meanwhile.TWIN] = lambda: self.link("twin")
        self.run.step(step, self._link)

    def work_once(self) -> None:
        """One round of the worker, due or not."""
        self.run.step("worker", self._work)

    def handle_callback(self) -> None:
        """Kling calls back about every task that has ended."""
        for task in self.vendor.tasks():
            if task["callback_url"] and task["status"] in ("succeed", "failed"):
                token, body = task["callback_url"].rpartition("/")[2], b'{"task_status": "succeed"}'
                self.run.step("callback", lambda token=token, body=body: self._receive(token, body))

    def resolve_all(self) -> None:
        """An operator has every job looked at."""
        for job_id in [job_id for sent in self.sent for job_id in sent.ids.made]:
            self.run.step("operator", lambda job_id=job_id: self._resolve(job_id))

    def grant(self, step: str = "grant") -> None:
        """Credits are bought: whoever grants them may do so again."""
        self.run.step(step, lambda: self._grant(lambda grants: grants.make(PURCHASE)))

    def schedule(self, seconds: float, step: str = "schedule") -> None:
        """The same for later."""
        due_at = self.clock.now() + round(seconds * SECOND)
        self.run.step(step, lambda: self._grant(lambda grants: grants.schedule(PURCHASE, due_at)))

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def settle(self) -> None:
        """The worker, round after round, until nothing is due any more and nothing is under way."""
        for _ in range(MAX_ROUNDS):
            open_jobs, due = self._open_and_due()
            if not open_jobs and self.run.land(Arrives.SETTLED):
                continue
            if due is None:
                return
            self._round(due)
        require(False, "jobs that no one can settle")

    def settle_open(self) -> None:
        """The worker, round after round, until every job has ended."""
        for _ in range(MAX_ROUNDS):
            open_jobs, due = self._open_and_due()
            if not open_jobs or due is None:
                return
            self._round(due)
        require(False, "jobs that no one can settle")

    def read_items(self) -> Items:
        """The table as it is. Every look compares each job with what was seen of it before."""
        items = self.stage.table.items()
        for job_id, job in jobs_of(items).items():
            self._compare(job_id, job)
        return items

    def _open_and_due(self) -> tuple[int, int | None]:
        """How many jobs are open and grants scheduled, and when the next of either is due."""
        items = self.read_items()
        played = [item for item in items if plain(item.get("GSI2PK", {"S": ""})).startswith(PLAYED)]
        due = min((int(item["GSI2SK"]["S"]) for item in played), default=None)
        jobs = [item for item in items if item["SK"]["S"].startswith("JOB#")]
        scheduled = sum("dueAt" in item for item in items)
        return scheduled + sum(plain(job["status"]) in OPEN for job in jobs), due

    def _round(self, due: int) -> None:
        self.clock.advance(max(1.0, (due - self.clock.now()) / 1000))
        self.run.step("worker", self._work)

    def _work(self) -> None:
        for sweep in self.process().sweeps(InPlace()):
            if sweep.name not in WITHOUT_WORK:
                run_until(OneRound(), sweep)  # type: ignore[arg-type]

    def _submit(self, sent: SentRequest, device: str) -> None:
        try:
            video = order(USER, device, sent.key, sent.image)
            if self.habits.lent:
                video = replace(video, principal=LENT)
            sent.response = self.process(sent.ids).videos.create(video)
        except Exception as error:
            sent.response = error

    def vendors(self) -> dict[type[Any], object]:
        """Those that this flow has besides Kling."""
        if self.habits.text:
            return {TextProviders: TextProviders().adding(self.texts), Starter: Starter(at_once)}
        if self.habits.blocks:
            return {SpeechTokens: self.tokens}
        found: dict[type[Any], object] = {}
        if self.habits.recordings:
            vendor = assemblyai(self.run, self.recordings, self.clock, self._note_not_found)
            found[TranscriptionProvider] = vendor
        if self.habits.steps:
            found[TextProviders] = TextProviders().adding(self.texts)
            found[BroadcastProvider] = catch_ups.BroadcastDoor(self.run, self.clock)
            found[CatchUpStarter] = CatchUpStarter(at_once)
            found[Uploads] = catch_ups.Files()
        return found

    def _note_not_found(self) -> None:
        self.not_found += [(job_id, self.clock.now()) for job_id in self.begun]

    def _grant(self, act: Callable[[Grants], Granted | bool]) -> None:
        try:
            self.grants.append(act(self.process().parts.get(Grants)))
        except Exception as error:
            self.grants.append(error)

    def _redeem(self, code: str, key: str) -> None:
        principal = Principal("https://accounts.google.com", USER, f"{USER}@example.com")
        promo_codes = self.process().parts.get(PromoCodes)
        try:
            self.redeemed.append(promo_codes.redeem(principal, code, None, key))
        except Exception as error:
            self.redeemed.append(error)

    def _link(self) -> None:
        try:
            self.linked.append(self.process().parts.get(Identities).link(USER, OTHER))
        except Exception as error:
            self.linked.append(error)

    def _receive(self, token: str, body: bytes) -> None:
        with contextlib.suppress(Unavailable):
            self.process().jobs.handle_callback("kling", token, {}, body, lambda _: True)

    def _resolve(self, job_id: str) -> None:
        with contextlib.suppress(FareboxError):
            self.process().settlement.resolve(USER, job_id)

    def _compare(self, job_id: str, job: dict[str, Any]) -> None:
        """What has ended stays so, and what was known stays known."""
        before = self.snapshot.get(job_id, {})
        if plain(before.get("status")) in ("SUCCEEDED", "FAILED"):
            for name in ("status", "error"):
                require(
                    before.get(name) == job.get(name),
                    f"{name} of {job_id}, which had ended, changed",
                )
        # A live session holds more as it goes on, or as what its dead relay has sent arrives.
        for name in ("taskId", "result") + (() if self.habits.live else ("held", "allocation")):
            require(
                name not in before or before[name] == job.get(name), f"{name} of {job_id} changed"
            )
        if plain(job.get("error")) == "PROVIDER_UNRESOLVED" and not before.get("error"):
            self._released(job_id, job)
        self.snapshot[job_id] = job

    def _released(self, job_id: str, job: dict[str, Any]) -> None:
        """Only past the hard limit, or after two definite not-founds far enough apart, the later
        past the quarantine."""
        created_at = from_iso(plain(job["createdAt"]))
        if self.clock.now() >= created_at + QUICK.hard_limit:
            return
        snapshot = [
            at for sent, at in self.not_found if sent == job_id and at >= created_at + QUICK.submit
        ]
        late = [at for at in snapshot if at >= created_at + QUICK.submit + QUICK.quarantine]
        apart = bool(late) and max(late) - min(snapshot) >= QUICK.not_found_gap
        require(
            apart,
            f"{job_id} was released as unresolved after {len(snapshot)} not-founds, "
            f"{len(late)} of them late",
        )

    def _kling(self, clock: Clock) -> Kling:
        http: Any = KlingDoor(self.run, self.vendor, clock, self.not_found, self.sends)
        return Kling(
            http=http,
            credentials=KlingCredentials(lambda: KlingKeys(api_key=Secret(API_KEY)), clock),
            clock=clock,
            metrics=NoMetrics(),
            base_url="https://kling.example.com",
            defaults=KlingDefaults("kling-v1", "pro", "5"),
            query_seconds=5.0,
            callback_secret=lambda: "",
        )
