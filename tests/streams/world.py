"""Worlds of some streams each: how every one is to end is drawn from the seed, the real service
plays it, and what it captured is compared with what the rules say of the vendor's books."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from service.core.errors import FareboxError
from service.core.principal import Principal
from service.jobs.entities import Job, JobStatus
from service.jobs.schemas import job_body
from service.providers.generation import Message, Role, TextProviders
from service.text.entities import NewText, TextBody
from service.text.event_schemas import has_begun, run_events
from service.text.feature import Starter
from service.text.operations import Text
from service.text.runs import Run, Runs
from service.text.sweeps import Cancellations
from service.text.work import input_bound
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness, memory_world
from tests.faults.enumeration.run import Killed
from tests.faults.library.wire import Wire
from tests.streams.rules import Call, expected
from tests.streams.vendor import Delivery, SimulatedOpenAi

STREAMS = 100
USERS = 5
LIMIT_SECONDS = 60.0
# Of a prompt of 28 bytes: most of what a text costs here is its input.
MAX_DOUBLINGS = 11
LONG_AGO_SECONDS = 8000.0
SCRIPTS: Mapping[str, Mapping[str, object]] = {
    "length": {"output_tokens": 60},
    "content": {"end": "content"},
    "refusal": {"end": "refusal"},
    "silent": {"output_tokens": 0},
    "failed": {"end": "failed:server_error"},
    "too-slow": {"seconds_per_token": 4.0},
}
# With their seconds; a pause of 5 is too long.
FAULTS: Mapping[str, Sequence[tuple[str, float]]] = {
    "cut": [("cut", 0.0)],
    "stalled": [("stall", 20.0)],
    "paused": [("stall", 3.0)],
    "error": [("error-event:server_error", 0.0)],
    "late-error": [("error-event-late:server_error", 0.0)],
    "refused": [
        ("status:429:rate_limit_exceeded", 0.0),
        ("status:400:context_length_exceeded", 0.0),
        ("status:500", 0.0),
    ],
    "hung-up": [("reset", 0.0), ("lost-answer", 0.0)],
}
ENDINGS = (
    *("complete", "complete", "complete", "length", "content", "refusal", "silent", "failed"),
    *("cut", "cut", "stalled", "paused", "error", "late-error", "too-slow", "refused", "hung-up"),
    *("cancelled", "cancelled", "drained", "client-gone"),
    *("killed", "killed-storing", "killed-stored", "killed-capturing", "killed-captured"),
)
LIES: tuple[dict[str, object] | None, ...] = (
    None,
    {"output_tokens": 0},
    {"input_tokens": -3},
    {"output_tokens": 10**7},
    {"input_tokens": 10**6, "total_tokens": None},
    {"total_tokens": 1},
    {"output_tokens_details": {"reasoning_tokens": 10**6}},
    {"input_tokens_details": {"cached_tokens": 10**6, "cache_write_tokens": 0}},
    {"input_tokens": 9, "output_tokens": 11, "total_tokens": 20},
)


@dataclass
class Stream:
    """One stream, as it is planned and as it went."""

    ending: str
    prompt: str
    max_tokens: int
    script: dict[str, Any]
    at_piece: int
    user: str
    job_id: str = ""
    ended_by: str = ""
    delivery: Delivery = field(default_factory=lambda: Delivery(lambda _: None))


class World:
    def __init__(self, seed: int, streams: int = STREAMS) -> None:
        self._rng = random.Random(seed)
        self.counts: Counter[str] = Counter()
        clock = FakeClock()
        self.vendor = SimulatedOpenAi(clock)
        providers = TextProviders().adding(self.vendor.adapter())
        self.harness: ServiceHarness = memory_world(
            clock=clock,
            welcome_credits=1000,
            max_users=USERS,
            text_limit_seconds=LIMIT_SECONDS,
            replacements={TextProviders: providers, Starter: Starter(_at_once)},
        )
        self._streams = [self._planned() for _ in range(streams)]

    def play(self) -> list[str]:
        """Everything that is not as the rules say."""
        for stream in self._streams:
            self._play(stream)
            self.harness.clock.advance(1.0)
        for _ in range(2):
            self.harness.clock.advance(LONG_AGO_SECONDS)
            while self.harness.work():
                pass
        books = self.vendor.books()
        faults = [fault for stream in self._streams for fault in self._compared(stream, books)]
        faults += [f"the audit: {each}" for each in self.harness.audit().violations]
        return faults + list(self._wallet_faults())

    def _planned(self) -> Stream:
        rng = self._rng
        ending = rng.choice(ENDINGS)
        script: dict[str, Any] = {"output_tokens": rng.choice((1, 2, 5, 20, 60, 400))}
        if rng.random() < 0.2:
            script["reasoning_tokens"] = rng.randrange(30)
        if rng.random() < 0.3:
            script["cached_tokens"] = rng.randrange(40)
            script["cache_write_tokens"] = rng.randrange(10)
        if rng.random() < 0.3:
            script["usage"] = rng.choice(LIES)
        prompt = "Describe a river in winter. " * int(2 ** rng.uniform(0, MAX_DOUBLINGS))
        user = f"user-{rng.randrange(USERS)}"
        return Stream(ending, prompt, rng.randrange(16, 500), script, rng.randrange(40), user)

    def _play(self, stream: Stream) -> None:
        self._prepare(stream)
        meets: dict[str, Callable[[], object]] = {
            "cancelled": lambda: self._cancel(stream),
            "drained": lambda: self._drain(stream),
            "killed": lambda: self._kill(stream),
        }
        meet = meets.get(stream.ending, _nothing)
        stream.delivery = self.vendor.delivery = Delivery(
            lambda piece: meet() if piece == stream.at_piece else None
        )
        wire = self._wire(stream)
        # A killed process; a refusal is in its job.
        with suppress(Killed, FareboxError):
            self._request(stream)
        wire.leave()

    def _prepare(self, stream: Stream) -> None:
        """What the vendor will do, whatever it has not done of what was planned before."""
        self.vendor.forget_plans()
        if stream.ending == "length":
            stream.max_tokens = self._rng.randrange(16, 59)
        stream.script |= SCRIPTS.get(stream.ending, {})
        self.vendor.script(**stream.script)
        faults = FAULTS.get(stream.ending)
        if faults:
            fault, seconds = self._rng.choice(faults)
            self.vendor.arm(fault, seconds=seconds)

    def _request(self, stream: Stream) -> None:
        who = Principal("https://accounts.google.com", stream.user, f"{stream.user}@example.com")
        body = TextBody((Message(Role.USER, stream.prompt),), "gpt-4.1-mini", stream.max_tokens)
        text = self.harness.parts.get(Text)
        run = text.generate(NewText(who, stream.user, body))
        assert isinstance(run, Run)
        if self._rng.random() < 0.5 and has_begun(run):
            events = run_events(run, self.harness.clock, self._body)
            next(events)
            if stream.ending != "client-gone":
                for _ in events:
                    pass
        else:
            text.finished(run)

    def _body(self, job: Job) -> dict[str, object]:
        return job_body(job, self.harness.operations)

    def _wire(self, stream: Stream) -> Wire:
        """Notes the job's id; kills the process around the write of its result or of its end."""
        wire, writes = Wire(self.harness.dynamodb), Counter[str]()

        def before(operation: str) -> None:
            writes[operation] += 1
            self._die_at(stream, operation, writes, "killed-storing", "killed-capturing")

        def after(operation: str, body: dict[str, Any], reply: object) -> None:
            for part in body.get("TransactItems", ()):
                key = next(iter(part.values())).get("Key") or next(iter(part.values()))["Item"]
                if key["SK"]["S"].startswith("JOB#"):
                    stream.job_id = key["SK"]["S"].removeprefix("JOB#")
            self._die_at(stream, operation, writes, "killed-stored", "killed-captured")

        wire.before(before)
        wire.after(after)
        return wire

    def _die_at(
        self, stream: Stream, operation: str, writes: Counter[str], storing: str, settling: str
    ) -> None:
        """The first put after the stream is its result; the transaction after it is its end."""
        if not stream.delivery.pieces:
            writes.clear()
            return
        if operation == "PutItem" and stream.ending == storing:
            stream.ended_by = "lost" if storing == "killed-storing" else ""
            raise Killed
        if operation == "TransactWriteItems" and stream.ending == settling:
            is_stored = writes["PutItem"] > 0
            stream.ended_by = "" if settling == "killed-captured" or is_stored else "lost"
            raise Killed

    def _cancel(self, stream: Stream) -> None:
        (sweep,) = [
            each for each in self.harness.parts.web_sweeps() if isinstance(each, Cancellations)
        ]
        stream.ended_by = "cancelled"
        self.harness.jobs.cancel(stream.user, stream.job_id)
        sweep.run_once()

    def _drain(self, stream: Stream) -> None:
        stream.ended_by = "drained"
        self.harness.parts.get(Runs).end_all()

    def _kill(self, stream: Stream) -> None:
        stream.ended_by = "lost"
        raise Killed

    def _compared(self, stream: Stream, books: dict[str, dict[str, Any]]) -> list[str]:
        job = self.harness.job(stream.job_id, stream.user)
        payload: Any = job.payload
        bound = input_bound((Message(Role.USER, stream.prompt),))
        delivery, book = stream.delivery, books.get(stream.job_id)
        late = stream.ending == "too-slow" and not delivery.last.startswith("response.completed")
        ended_by = stream.ended_by or ("late" if late and delivery.text else "")
        call = Call(ended_by, delivery.last, delivery.text, bound, payload["maxTokens"], book)
        rule = expected(call)
        self.counts["streams"] += 1
        self.counts[f"{stream.ending}: {job.failure or 'charged'}"] += 1
        self.counts["thousandths captured"] += job.captured
        self.counts["thousandths by the rules"] += min(job.held, rule.captured)
        self.counts["thousandths lost"] += job.house_loss or 0
        found = job.captured, job.status is JobStatus.SUCCEEDED, job.house_loss
        loss = None if rule.loss is None else min(rule.loss, job.held)
        wanted = min(job.held, rule.captured), rule.succeeds, loss
        if found == wanted:
            return []
        return [f"{job.job_id} {stream}: {found} instead of {wanted}; {job.failure}, {call}"]

    def _wallet_faults(self) -> list[str]:
        faults = []
        for user in sorted({stream.user for stream in self._streams}):
            wallet = self.harness.wallet(user)
            jobs = [
                self.harness.job(each.job_id, user) for each in self._streams if each.user == user
            ]
            captured = sum(job.captured for job in jobs)
            if (wallet.captured, wallet.held, wallet.open_jobs) != (captured, 0, {}):
                faults.append(f"{user} paid {wallet.captured}, holds {wallet.held}: {captured}")
        return faults


def _at_once(work: Callable[[], None]) -> None:
    work()


def _nothing() -> None:
    """The stream goes its way."""
