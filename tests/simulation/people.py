"""The users of a world: they ask, wait, lose patience, ask again, and come back later for the same
thing."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import greenlet

from service.core.errors import FareboxError
from service.core.principal import Principal
from service.jobs.holds import JobRequest
from tests.simulation.checks import Witness, require
from tests.simulation.faults import Journal
from tests.simulation.parts import Parts
from tests.simulation.plan import Ask, Plan
from tests.simulation.scheduler import Process, Scheduler, SimulatedEvent, Task, stream

FINAL = {
    "INSUFFICIENT_CREDITS",
    "SYSTEM_LIMIT_REACHED",
    "DEVICE_ALREADY_USED",
    "IDEMPOTENCY_KEY_REUSED",
    "IMAGE_REJECTED",
    "CONTENT_REJECTED",
}
NO_ANSWER = "no answer"
MAX_REQUESTS = 32


@dataclass
class Reply:
    """What comes back over HTTP: an answer, or a connection that breaks."""

    event: SimulatedEvent
    value: Any = NO_ANSWER


class People:
    """Plays every `Ask` of a plan against whatever web processes live."""

    def __init__(
        self,
        scheduler: Scheduler,
        plan: Plan,
        witness: Witness,
        journal: Journal,
        webs: Callable[[], list[Parts]],
    ) -> None:
        self._hub = scheduler
        self._plan = plan
        self._witness = witness
        self._journal = journal
        self._webs = webs
        self._outside = Process(scheduler, "people")
        self.busy = 0

    def arrive(self) -> None:
        for ask in self._plan.asks:
            for twin in range(ask.twins):
                self.busy += 1
                name = f"ask{ask.number}.{twin}"
                rng = stream(self._plan.seed, name)
                self._hub.spawn(self._outside, name, lambda ask=ask: self._live(ask), rng, ask.at)  # type: ignore[misc]

    def ask_again(self) -> None:
        """Everyone who used a key asks once more, one after the other."""
        self.busy += 1
        self._hub.spawn(
            self._outside, "again", self._ask_again, stream(self._plan.seed, "again"), 0.0
        )

    def _ask_again(self) -> None:
        for ask in self._plan.asks:
            if ask.key is not None and self._webs():
                self._post(ask, ask.image, 120.0)
        self.busy -= 1

    def _live(self, ask: Ask) -> None:
        """One client's whole story."""
        scheduler, rng = self._hub, self._hub.running().rng
        value = self._post(ask, ask.image, ask.patience)
        for _ in range(ask.retries):
            if not isinstance(value, Exception | str) or getattr(value, "code", "") in FINAL:
                break
            scheduler.sleep(0.2 + 10 * rng.random())
            value = self._post(ask, ask.image, ask.patience)
        self._look_around(ask, value)
        for number, delay in enumerate(ask.repeats):
            scheduler.sleep(delay)
            last = number == len(ask.repeats) - 1
            self._post(ask, 1 - ask.image if last and ask.changed else ask.image, ask.patience)
        self.busy -= 1

    def _look_around(self, ask: Ask, value: Any) -> None:
        """Reads what the user may read: the job, which is there once it was told of, the list, the
        balance."""
        rng = self._hub.running().rng
        if isinstance(value, Exception | str) or rng.random() < 0.6:
            return
        job_id = value.job.job_id
        snapshot = self._request(
            ask, "get", lambda web: web.jobs.wait_for(ask.user, job_id, 5.0), 30.0
        )
        require(
            getattr(snapshot, "code", "") != "JOB_NOT_FOUND",
            f"{job_id} was told of and is not found",
        )
        page = self._request(ask, "list", lambda web: web.jobs.page(ask.user, 100, None), 30.0)
        if hasattr(page, "jobs"):
            require(
                job_id in [job.job_id for job in page.jobs],
                f"{job_id} was told of and is not listed",
            )
        self._request(ask, "balance", lambda web: web.ledger.balance(ask.user), 30.0)

    def _post(self, ask: Ask, image: int, patience: float) -> Any:
        asked = Ask(**{**ask.__dict__, "image": image})
        return self._request(asked, "post", lambda web: web.jobs.submit(order_of(asked)), patience)

    def _request(self, ask: Ask, what: str, work: Callable[[Parts], Any], patience: float) -> Any:
        """One HTTP request to some web process: its value, its error, or `NO_ANSWER`."""
        scheduler, me = self._hub, self._hub.running()
        rng = random.Random(me.rng.getrandbits(64))
        self._journal.count("user operations")
        webs = [web for web in self._webs() if len(web.process.tasks) < MAX_REQUESTS]
        if not webs:
            self._journal.count("no web process")
            return NO_ANSWER
        web = webs[rng.randrange(len(webs))]
        reply = Reply(SimulatedEvent(scheduler))
        name = f"{me.name}/{self._journal.counts['user operations']}@{web.process.name}"
        scheduler.spawn(
            web.process,
            name,
            lambda: self._serve(ask, what, work, web, reply),
            rng,
            0.001 + 0.01 * rng.random(),
        )
        reply.event.wait(patience)
        self._journal.note(
            scheduler.now,
            me.name,
            f"{what} {ask.user} {ask.device} {ask.key} -> {on_segment(reply.value)}",
        )
        self._journal.count(
            f"answer: {kind_of(reply.value)}" if what == "post" else f"reads: {what}"
        )
        return reply.value

    def _serve(
        self, ask: Ask, what: str, work: Callable[[Parts], Any], web: Parts, reply: Reply
    ) -> None:
        task = self._hub.running()
        value: Any = NO_ANSWER
        try:
            value = work(web)
        except FareboxError as error:
            value = error
        except greenlet.GreenletExit:
            reply.event.set()
            raise
        self._witnessed(task, ask, what, value)
        reply.value = value
        reply.event.set()

    def _witnessed(self, task: Task, ask: Ask, what: str, value: Any) -> None:
        if what == "post":
            self._witness.answered(task, ask, value)


def order_of(ask: Ask) -> JobRequest:
    principal = Principal("https://accounts.google.com", ask.user, f"{ask.user}@example.com")
    return JobRequest(
        principal, ask.device, f"https://images.example.com/{ask.image}.jpg", "foo_prompt", ask.key
    )


def kind_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Exception):
        return str(getattr(value, "code", type(value).__name__))
    return "replayed" if value.replayed else "job"


def on_segment(value: Any) -> str:
    job = getattr(value, "job", None)
    if job is not None:
        return f"{kind_of(value)} {job.job_id} {job.status} {job.failure or ''}"
    details = getattr(value, "details", {})
    return (
        f"{kind_of(value)} {details.get('jobId', '')}"
        if isinstance(value, str | Exception)
        else "ok"
    )
