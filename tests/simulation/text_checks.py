"""What must never happen to a text, checked at every commit and at every call that the vendor
takes; and at the end, what each is charged compared with what the rules say of the vendor's
books."""

from collections.abc import Sequence

from service.core.amounts import amount_of
from service.jobs.entities import Failure
from service.providers.base import RejectionReason
from service.text.entities import TextFailure, input_bound
from tests.simulation.checks import is_text, plain, require
from tests.simulation.journal import Journal
from tests.simulation.lagging_index import Attributes, Prepared
from tests.simulation.memory import MemoryTable
from tests.simulation.scheduler import START_SECONDS, Scheduler
from tests.simulation.text_vendor import TextBooks, TextCall
from tests.streams.rules import Call, Expected, expected

_FAILURES = {
    RejectionReason.BUSY: Failure.PROVIDER_BUSY,
    RejectionReason.UNAVAILABLE: Failure.PROVIDER_UNAVAILABLE,
    RejectionReason.CONTENT: TextFailure.CONTENT_REJECTED,
    RejectionReason.CONTEXT: TextFailure.PROMPT_TOO_LONG,
}


class TextWitness:
    """Watches the texts of a world."""

    def __init__(
        self, scheduler: Scheduler, skew: float, memory: MemoryTable, books: TextBooks
    ) -> None:
        self._scheduler = scheduler
        self._slack = 2 * skew + 0.5
        self._memory = memory
        self.books = books
        self.confirmed: set[str] = set()
        self.owners: dict[str, str] = {}
        memory.watchers.append(self.committed)
        books.on_call.append(self.called)

    def called(self, call: TextCall) -> None:
        """A call arrives at the vendor."""
        job_id, now = call.request.job_id, self._scheduler.now
        require(job_id not in self.books.calls, f"two calls for one job {job_id}")
        job = self._memory.get((self.owners.get(job_id, ""), f"JOB#{job_id}")) or {}
        require(bool(job), f"a call for a job that was never held: {job_id}")
        bound = plain(plain(job["payload"])["maxTokens"])
        require(call.request.max_output_tokens == bound, f"{job_id} is not held to its bound")
        if now < call.request.until:
            require("hardAt" in job, f"{job_id} was called after its end")
            in_time = now <= _ends_at(job) + self._slack
            require(in_time, f"{job_id} was called after its hard limit")

    def committed(self, batch: Sequence[Prepared]) -> None:
        for write in batch:
            pk, sk = write.key
            if sk.startswith("JOB#") and is_text(write.after):
                self.owners[sk.removeprefix("JOB#")] = pk
                self._job(sk.removeprefix("JOB#"), pk, write.before or {}, write.after)

    def _job(self, job_id: str, pk: str, before: Attributes, after: Attributes) -> None:
        step = plain(before.get("status")), plain(after["status"])
        call = self.books.calls.get(job_id)
        if "result" in after and "result" not in before:
            is_stored = (pk, f"RESULT#{job_id}") in self._memory.items
            is_loss = step[1] == "FAILED" and "houseLoss" in after
            require(
                call is not None and (is_stored if call.text else is_loss),
                f"{job_id} delivered what is not there",
            )
        if step == ("SUBMITTING", "FAILED"):
            self._failed(job_id, call, _ends_at(before), plain(after["error"]))

    def _failed(self, job_id: str, call: TextCall | None, ends_at: float, failure: str) -> None:
        if failure == Failure.INTERRUPTED:
            due = ends_at - self._slack
            require(self._scheduler.now >= due, f"{job_id} was interrupted before its hard limit")
            return
        require(failure == _failure_of(call), f"{job_id} failed as {failure}: {call}")


def _ends_at(job: Attributes) -> float:
    return float(plain(job["hardAt"])) / 1000 - START_SECONDS


def check_texts(witness: TextWitness, memory: MemoryTable, journal: Journal) -> None:
    """Raises `Violation`."""
    jobs = {job_id: memory.items[pk, f"JOB#{job_id}"] for job_id, pk in witness.owners.items()}
    for job_id, job in jobs.items():
        _check(job_id, job, witness, memory, journal)
    for job_id in witness.books.calls:
        require(job_id in jobs, f"a call of {job_id}, which is no job")
    for job_id in witness.confirmed:
        result = plain(jobs[job_id].get("result")) or {}
        is_cancelled = plain(jobs[job_id].get("error")) == Failure.CANCELLED
        is_cancelled |= plain(result.get("finishReason")) == "cancelled"
        require(is_cancelled, f"{job_id} was confirmed as cancelled and is not")


def _check(
    job_id: str, job: Attributes, witness: TextWitness, memory: MemoryTable, journal: Journal
) -> None:
    call = witness.books.calls.get(job_id)
    head = memory.items.get((witness.owners[job_id], f"RESULT#{job_id}"))
    loss = amount_of(plain(job["houseLoss"])) if "houseLoss" in job else None
    found = amount_of(plain(job.get("captured")) or 0), plain(job["status"]) == "SUCCEEDED", loss
    held = amount_of(plain(job["held"]))
    journal.count(f"text: {_ending(call, job, head is not None)}")
    if call is None:
        require(head is None and not found[1] and not found[0], f"{job_id} was never called")
        return
    rule = expected(_call_of(call, job))
    if plain(job.get("error")) == Failure.INTERRUPTED:
        rule = _interrupted(job_id, job, call, rule, is_stored=head is not None)
    elif call.text:
        require(head is not None, f"{job_id} has ended without its result")
    loss = None if rule.loss is None else min(rule.loss, held)
    wanted = min(held, rule.captured), rule.succeeds, loss
    require(found == wanted, f"{job_id} came to {found} instead of {wanted}: {call}")


def _interrupted(
    job_id: str, job: Attributes, call: TextCall, rule: Expected, *, is_stored: bool
) -> Expected:
    """Free. The loss is known by the text that is stored; of a call that wrote nothing, which
    stores nothing, by its owner, if it lives on after its job was given up."""
    is_known = is_stored or ("result" in job and not call.text)
    require(("result" in job) == is_known, f"the text of {job_id} is not delivered")
    known = rule.captured or rule.loss
    require(not is_known or known is not None, f"{job_id} has a result of nothing")
    return Expected(0, succeeds=False, loss=known if is_known else None)


def _ending(call: TextCall | None, job: Attributes, is_stored: bool) -> str:
    if plain(job.get("error")) == Failure.INTERRUPTED:
        return "interrupted, and found later" if is_stored else "interrupted"
    ended_by = call.ended_by if call is not None else "no one: never sent"
    return f"ended by {ended_by}" if ended_by else f"{plain(job['status'])}"


def _call_of(call: TextCall, job: Attributes) -> Call:
    payload = plain(job["payload"])
    bound = int(plain(payload["inputTokens"]))
    require(bound <= input_bound(call.request.messages), "a bound above our own")
    return Call(
        call.ended_by,
        call.last,
        call.text,
        bound,
        int(plain(payload["maxTokens"])),
        {"reported_usage": call.usage},
    )


def _failure_of(call: TextCall | None) -> str | None:
    """None where the call may have ended well."""
    if call is None or (call.ended_by == "cancelled" and not call.text):
        return Failure.CANCELLED
    if call.refused is not None:
        return _FAILURES[call.refused]
    if not call.text:
        return TextFailure.NO_RESPONSE
    return TextFailure.PROVIDER_BROKE_OFF if call.last == "error" else None
