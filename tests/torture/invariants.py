"""What must hold when everything has settled: the table, the vendor's records and every response to
a client, compared with each other. Pure; every function yields a sentence for each broken
promise."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from service.core.amounts import Credits, credits_of
from service.jobs.entities import RETRYABLE, Failure, Job, JobStatus
from service.ledger.entities import InsufficientCredits, OutcomeUnknown, Wallet
from service.videos.entities import VideoFailure
from tests.stack.killable_stack import WELCOME_CREDITS
from tests.torture.notes import JobResponse, Notes

DELIVERED, REFUSED = "succeed", "failed"

Task = Mapping[str, str]
_REFUSALS = {*VideoFailure, *RETRYABLE}


@dataclass(frozen=True)
class Evidence:
    """The table (`bound`: user and key -> the job it stands for), the vendor's books and the
    clients' notes."""

    jobs: Sequence[Job]
    wallets: Sequence[Wallet]
    bound: Mapping[tuple[str, str], str]
    tasks: Sequence[Task]
    notes: Notes = field(default_factory=Notes)

    @cached_property
    def job(self) -> dict[str, Job]:
        return {job.job_id: job for job in self.jobs}

    @cached_property
    def task(self) -> dict[str, Task]:
        """The vendor's task by our job's id."""
        return {task["external_task_id"]: task for task in self.tasks}

    @cached_property
    def captured(self) -> Counter[str]:
        """User -> jobs that were charged."""
        return Counter(job.payer for job in self.jobs if job.status is JobStatus.SUCCEEDED)

    @property
    def house_loss(self) -> Credits:
        return credits_of(sum(job.house_loss or 0 for job in self.jobs))

    @property
    def deliveries(self) -> int:
        """Tasks that the vendor has delivered, charged or not."""
        return sum(task["status"] == DELIVERED for task in self.tasks)

    def delivered(self, job: Job) -> bool:
        return self.task.get(job.job_id, {}).get("status") == DELIVERED


def violations(evidence: Evidence) -> list[str]:
    """Every broken promise, a sentence each; none is good."""
    return [sentence for rule in RULES for sentence in rule(evidence)]


def settled(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs:
        if job.is_open:
            yield f"{job.job_id} is still {job.status}"


def one_task_each(evidence: Evidence) -> Iterator[str]:
    for job_id, times in Counter(task["external_task_id"] for task in evidence.tasks).items():
        if times > 1:
            yield f"{job_id} was sent {times} times"
        if job_id not in evidence.job:
            yield f"{job_id} was sent, but there is no such job"


def link_of(job: Job) -> str:
    return str((job.result or {}).get("videoUrl", ""))


def charged_means_delivered(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs:
        task = evidence.task.get(job.job_id, {})
        if job.status is not JobStatus.SUCCEEDED:
            continue
        if task.get("status") != DELIVERED:
            yield f"{job.job_id} was charged, its task is {task.get('status', 'nowhere')}"
        elif task["task_id"] != job.task_id or f"/{job.task_id}.mp4" not in link_of(job):
            yield f"{job.job_id} was charged for {link_of(job)}, its task is {task['task_id']}"
        if job.house_loss or job.failure:
            yield f"{job.job_id} was charged and is also a loss or failed"


def delivered_is_charged_or_lost_to_the_house(evidence: Evidence) -> Iterator[str]:
    """Uncharged though delivered: only what no one could learn in time, given to the user and
    counted."""
    for job in evidence.jobs:
        if job.status is not JobStatus.FAILED:
            continue
        delivered = evidence.delivered(job)
        if delivered and job.failure != Failure.PROVIDER_UNRESOLVED:
            yield f"{job.job_id} was delivered, but failed with {job.failure}"
        if delivered != bool(job.result) or (job.house_loss or 0) != (job.held if delivered else 0):
            yield (
                f"{job.job_id} is released, delivered {delivered}, house loss "
                f"{credits_of(job.house_loss or 0)}, link {link_of(job) or None}"
            )
        if (
            job.failure == Failure.GENERATION_FAILED
            and evidence.task.get(job.job_id, {}).get("status") != REFUSED
        ):
            yield f"{job.job_id} failed, but its task did not"
        if job.failure in _REFUSALS and job.job_id in evidence.task:
            yield f"{job.job_id} ended with {job.failure}, but the vendor took it"
    charged = evidence.captured.total()
    if evidence.house_loss != evidence.deliveries - charged:
        yield (
            f"house loss is {evidence.house_loss}, {evidence.deliveries} were delivered and "
            f"{charged} charged"
        )


def balances(evidence: Evidence) -> Iterator[str]:
    for wallet in evidence.wallets:
        captured = evidence.captured[wallet.user_id]
        has, held = credits_of(wallet.credits), credits_of(wallet.held)
        if (has, held, credits_of(wallet.captured)) != (WELCOME_CREDITS - captured, 0, captured):
            yield (f"{wallet.user_id} has {has} credits, {held} held, {captured} jobs charged")
    owners = {wallet.user_id for wallet in evidence.wallets}
    for job in evidence.jobs:
        if job.payer not in owners:
            yield f"{job.job_id} belongs to no one"


def one_key_one_job(evidence: Evidence) -> Iterator[str]:
    """Only a job that was never begun may have had a successor under its key."""
    by_key: dict[tuple[str, str], list[JobResponse]] = {}
    for response in evidence.notes.responses:
        if response.key and response.job_id and response.code != OutcomeUnknown.code:
            by_key.setdefault((response.user, response.key), []).append(response)
    for (user, key), responses in by_key.items():
        lasting = {
            response.job_id
            for response in responses
            if not _is_retryable(evidence, response.job_id)
        }
        stands_for = evidence.bound.get((user, key))
        if len(lasting) > 1 or (lasting and lasting != {stands_for}):
            yield f"{user} got {sorted(lasting)} for {key}, which stands for {stands_for}"


def one_order_one_job(evidence: Evidence) -> Iterator[str]:
    """Jobs that no key stands for, and that no successor can have replaced, were requested without
    a key, once each."""
    bound = set(evidence.bound.values())
    loose = Counter(
        job.payer for job in evidence.jobs if job.job_id not in bound and not job.retryable
    )
    for user, jobs in loose.items():
        if jobs > evidence.notes.keyless[user]:
            yield (
                f"{user} has {jobs} jobs without a key, but sent "
                f"{evidence.notes.keyless[user]} such orders"
            )


def _is_retryable(evidence: Evidence, job_id: str) -> bool:
    return job_id in evidence.job and evidence.job[job_id].retryable


def responses_were_true(evidence: Evidence) -> Iterator[str]:
    for response in evidence.notes.responses:
        if response.job_id and response.code != OutcomeUnknown.code:
            fault = _untrue(response, evidence.job.get(response.job_id))
            if fault:
                yield (
                    f"{response.user} got {response.status} {response.code} "
                    f"{dict(response.job)} of {response.job_id}, {fault}"
                )


def _untrue(response: JobResponse, job: Job | None) -> str:
    """What is wrong with a response, given the final state; empty if nothing is."""
    if job is None:
        return "which does not exist"
    if job.payer != response.user:
        return f"which is {job.payer}'s"
    if response.code:
        return "" if job.failure == response.code else f"which is {job.status} {job.failure or ''}"
    shown = response.job
    task_id = (shown["provider"] or {}).get("task_id")
    if task_id and task_id != job.task_id:
        return f"whose task is {job.task_id}"
    if shown["status"] in (JobStatus.SUCCEEDED, JobStatus.FAILED) and shown["status"] != job.status:
        return f"which is {job.status}"
    if shown["error"] and shown["error"]["code"] != job.failure:
        return f"which ended with {job.failure}"
    if shown["videoUrl"] and shown["videoUrl"] != link_of(job):
        return f"whose video is {link_of(job)}"
    account = shown["credits"]
    if account["captured"] + account["released"] + account["held"] != credits_of(job.held):
        return "whose price is not accounted for"
    return ""


def refused_for_a_reason(evidence: Evidence) -> Iterator[str]:
    """A user who was refused for lack of credits has had at least three holds."""
    jobs = Counter(job.payer for job in evidence.jobs)
    for response in evidence.notes.responses:
        if response.code == InsufficientCredits.code and jobs[response.user] < WELCOME_CREDITS:
            yield f"{response.user} was refused for lack of credits with {jobs[response.user]} jobs"


def totals_only_shrink(evidence: Evidence) -> Iterator[str]:
    """Available and held together are what was not charged: never more than before, never below
    what remains in the end."""
    last: dict[str, int] = {}
    for total in evidence.notes.totals:
        together = total.credits + total.held
        before = last.get(total.user, WELCOME_CREDITS)
        if total.credits < 0 or total.held < 0 or together > before:
            yield (
                f"{total.user} got {total.credits} credits and {total.held} held after "
                f"{before} together"
            )
        last[total.user] = together
    for user, together in last.items():
        if together < WELCOME_CREDITS - evidence.captured[user]:
            yield (
                f"{user} got {together} credits in all, but {evidence.captured[user]} jobs "
                "were charged"
            )


def nothing_strange(evidence: Evidence) -> Iterable[str]:
    return evidence.notes.strange


def is_the_same_again(response: JobResponse | None, job_id: str) -> bool:
    """Whether the response to a key that has had this job is that job again: as a replay, or as the
    refusal with which it has ended since (a request made while it was being sent got a job under
    way)."""
    return (
        response is not None
        and response.job_id == job_id
        and (response.replayed or response.code in _REFUSALS)
    )


RULES: tuple[Callable[[Evidence], Iterable[str]], ...] = (
    settled,
    one_task_each,
    charged_means_delivered,
    delivered_is_charged_or_lost_to_the_house,
    balances,
    one_key_one_job,
    one_order_one_job,
    responses_were_true,
    refused_for_a_reason,
    totals_only_shrink,
    nothing_strange,
)
