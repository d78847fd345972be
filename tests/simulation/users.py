"""The users of a world: they send requests for videos and texts, wait, time out, repeat, and come
back later with the same key."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import greenlet

from service.core.errors import FareboxError
from service.core.principal import Principal
from service.jobs.cancellation import Cancellation
from service.videos.entities import NewVideo
from tests.simulation.checks import Witness, require
from tests.simulation.journal import Journal
from tests.simulation.parts import Parts
from tests.simulation.plan import Plan, PlannedRequest, PlannedText
from tests.simulation.scheduler import Process, Scheduler, SimulatedEvent, Task, stream
from tests.simulation.text_checks import TextWitness
from tests.simulation.text_users import generate

FINAL = {
    "INSUFFICIENT_CREDITS",
    "SYSTEM_LIMIT_REACHED",
    "DEVICE_ALREADY_USED",
    "IDEMPOTENCY_KEY_REUSED",
    "IMAGE_REJECTED",
    "CONTENT_REJECTED",
    "PROMPT_TOO_LONG",
    "NO_RESPONSE",
    "PROVIDER_BROKE_OFF",
}
NO_RESPONSE = "no response"
MAX_REQUESTS = 32


@dataclass
class Reply:
    """What comes back over HTTP: a response, or a broken connection."""

    event: SimulatedEvent
    value: Any = NO_RESPONSE


class SimulatedUsers:
    """Plays every `PlannedRequest` of a plan against whatever web processes live."""

    def __init__(
        self,
        scheduler: Scheduler,
        plan: Plan,
        witness: Witness,
        texts: TextWitness,
        journal: Journal,
        webs: Callable[[], list[Parts]],
    ) -> None:
        self._scheduler = scheduler
        self._plan = plan
        self._witness = witness
        self._texts = texts
        self._journal = journal
        self._webs = webs
        self._outside = Process(scheduler, "people")
        self.busy = 0

    def arrive(self) -> None:
        for planned in self._plan.requests:
            for twin in range(planned.twins):
                self.busy += 1
                name = f"ask{planned.number}.{twin}"
                rng = stream(self._plan.seed, name)
                self._scheduler.spawn(
                    self._outside,
                    name,
                    lambda planned=planned: self._play_request(planned),
                    rng,
                    planned.at,
                )  # type: ignore[misc]

    def repeat_requests(self) -> None:
        """Repeats every request that had a key, one after the other."""
        self.busy += 1
        self._scheduler.spawn(
            self._outside, "again", self._repeat_requests, stream(self._plan.seed, "again"), 0.0
        )

    def _repeat_requests(self) -> None:
        for planned in self._plan.requests:
            if planned.key is not None and self._webs():
                self._post(planned, planned.image, 120.0)
        self.busy -= 1

    def _play_request(self, planned: PlannedRequest) -> None:
        """Plays everything that one client does."""
        scheduler, rng = self._scheduler, self._scheduler.running().rng
        value = self._post(planned, planned.image, planned.timeout_seconds)
        for _ in range(planned.retries):
            if not isinstance(value, Exception | str) or getattr(value, "code", "") in FINAL:
                break
            scheduler.sleep(0.2 + 10 * rng.random())
            value = self._post(planned, planned.image, planned.timeout_seconds)
        self._read_everything(planned, value)
        for number, delay in enumerate(planned.repeats):
            scheduler.sleep(delay)
            last = number == len(planned.repeats) - 1
            self._post(
                planned,
                1 - planned.image if last and planned.changed else planned.image,
                planned.timeout_seconds,
            )
        self.busy -= 1

    def _read_everything(self, planned: PlannedRequest, value: Any) -> None:
        """Reads what the user may read: the job, which must exist once a response has named it, the
        list, the balance."""
        rng = self._scheduler.running().rng
        if isinstance(value, Exception | str) or rng.random() < 0.6:
            return
        job_id = value.job.job_id
        snapshot = self._request(
            planned, "get", lambda web: web.jobs.wait_for(planned.user, job_id, 5.0).job, 30.0
        )
        require(
            getattr(snapshot, "code", "") != "JOB_NOT_FOUND",
            f"{job_id} got and is not found",
        )
        page = self._request(
            planned, "list", lambda web: web.jobs.page(planned.user, 100, None), 30.0
        )
        if hasattr(page, "jobs"):
            require(
                job_id in [job.job_id for job in page.jobs],
                f"{job_id} got and is not listed",
            )
        if planned.is_text and getattr(snapshot, "result", None):
            self._read_text(planned, snapshot)
        self._request(planned, "balance", lambda web: web.ledger.balance(planned.user), 30.0)

    def _read_text(self, planned: PlannedRequest, job: Any) -> None:
        content = self._request(planned, "text", lambda web: web.operations.content(job), 30.0)
        if isinstance(content, dict):
            written = self._texts.books.calls[job.job_id].text
            require((content["text"] or "") == written, f"{job.job_id} has another text")

    def _post(self, planned: PlannedRequest, image: int, timeout_seconds: float) -> Any:
        sent = replace(planned, image=image)
        if not isinstance(sent, PlannedText):
            return self._request(
                sent, "post", lambda web: web.videos.create(order_of(sent)), timeout_seconds
            )
        made: list[Task] = []
        if sent.cancelled_after is not None:
            self._cancel_later(sent, sent.cancelled_after, made)

        def write(web: Parts) -> Any:
            made.append(self._scheduler.running())
            return generate(web, sent)

        return self._request(sent, "post", write, timeout_seconds)

    def _cancel_later(self, planned: PlannedText, seconds: float, made: list[Task]) -> None:
        """Cancels the job that the task makes."""
        me = self._scheduler.running()

        def cancel() -> None:
            job_id = made[0].job_ids[-1] if made and made[0].job_ids else None
            if job_id is not None:
                outcome = self._request(
                    planned, "cancel", lambda web: web.jobs.cancel(planned.user, job_id), 30.0
                )
                if getattr(outcome, "outcome", "") == Cancellation.CONFIRMED:
                    self._texts.confirmed.add(job_id)
            self.busy -= 1

        self.busy += 1
        rng = random.Random(me.rng.getrandbits(64))
        self._scheduler.spawn(self._outside, f"{me.name} cancels", cancel, rng, seconds)

    def _request(
        self,
        planned: PlannedRequest,
        what: str,
        work: Callable[[Parts], Any],
        timeout_seconds: float,
    ) -> Any:
        """One HTTP request to some web process: its value, its error, or `NO_RESPONSE`."""
        scheduler, me = self._scheduler, self._scheduler.running()
        rng = random.Random(me.rng.getrandbits(64))
        self._journal.count("user operations")
        webs = [web for web in self._webs() if len(web.process.tasks) < MAX_REQUESTS]
        if not webs:
            self._journal.count("no web process")
            return NO_RESPONSE
        web = webs[rng.randrange(len(webs))]
        reply = Reply(SimulatedEvent(scheduler))
        name = f"{me.name}/{self._journal.counts['user operations']}@{web.process.name}"
        scheduler.spawn(
            web.process,
            name,
            lambda: self._serve(planned, what, work, web, reply),
            rng,
            0.001 + 0.01 * rng.random(),
        )
        reply.event.wait(timeout_seconds)
        self._journal.note(
            scheduler.now,
            me.name,
            f"{what} {planned.user} {planned.device} {planned.key} -> {described(reply.value)}",
        )
        self._journal.count(
            f"response: {kind_of(reply.value)}" if what == "post" else f"reads: {what}"
        )
        return reply.value

    def _serve(
        self,
        planned: PlannedRequest,
        what: str,
        work: Callable[[Parts], Any],
        web: Parts,
        reply: Reply,
    ) -> None:
        task = self._scheduler.running()
        value: Any = NO_RESPONSE
        try:
            value = work(web)
        except FareboxError as error:
            value = error
        except greenlet.GreenletExit:
            reply.event.set()
            raise
        self._witnessed(task, planned, what, value)
        reply.value = value
        reply.event.set()

    def _witnessed(self, task: Task, planned: PlannedRequest, what: str, value: Any) -> None:
        if what == "post":
            self._witness.responded(task, planned, value)


def order_of(planned: PlannedRequest) -> NewVideo:
    principal = Principal(
        "https://accounts.google.com", planned.user, f"{planned.user}@example.com"
    )
    return NewVideo(
        principal,
        planned.device,
        f"https://images.example.com/{planned.image}.jpg",
        "foo_prompt",
        planned.key,
    )


def kind_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Exception):
        return str(getattr(value, "code", type(value).__name__))
    return "replayed" if getattr(value, "replayed", False) else "job"


def described(value: Any) -> str:
    job = getattr(value, "job", None)
    if job is not None:
        return f"{kind_of(value)} {job.job_id} {job.status} {job.failure or ''}"
    details = getattr(value, "details", {})
    return (
        f"{kind_of(value)} {details.get('jobId', '')}"
        if isinstance(value, str | Exception)
        else "ok"
    )
