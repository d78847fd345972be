"""What must hold when all is over: the table, the vendor's books and everything that clients were
told, held against each other."""

from typing import Any

from service.audit.entities import Audit
from service.ledger.entities import OutcomeUnknown
from tests.simulation.checks import RETRYABLE, Witness, plain, require
from tests.simulation.faults import Journal
from tests.simulation.memory import Attributes, MemoryTable
from tests.simulation.plan import TIMES, Ask, Plan
from tests.simulation.vendor import TaskStore, Work

REFUSED_WITH_A_JOB = {"IMAGE_REJECTED", "CONTENT_REJECTED", "PROVIDER_BUSY", "PROVIDER_UNAVAILABLE"}


def judge(
    plan: Plan,
    memory: MemoryTable,
    books: TaskStore,
    witness: Witness,
    audit: Audit,
    journal: Journal,
) -> None:
    """Raises `Violation`."""
    require(not audit.violations, f"the audit found {audit.violations}")
    jobs = {
        sk.removeprefix("JOB#"): item
        for (_, sk), item in memory.items.items()
        if sk.startswith("JOB#")
    }
    _wallets(plan, memory, jobs)
    for job_id, job in jobs.items():
        _job(job_id, job, books)
        journal.count(f"end: {plain(job['status'])} {plain(job.get('error')) or ''}".rstrip())
    for works in books.works.values():
        for work in works:
            _work(work, jobs.get(work.job_id), witness, plan, journal)
    for job_id, sends in books.sends.items():
        require(sends == 1, f"{job_id} was sent {sends} times")
    for task, ask, answer in witness.answers:
        _answer(task, ask, answer, jobs, memory)
    _keys(witness, jobs, memory)


def _wallets(plan: Plan, memory: MemoryTable, jobs: dict[str, Attributes]) -> None:
    wallets = [item for (_, sk), item in memory.items.items() if sk == "METADATA"]
    digests = [
        plain(item["deviceDigest"]) for (_, sk), item in memory.items.items() if sk == "PROFILE"
    ]
    require(len(wallets) <= plan.max_users, "more users than the cap")
    require(len(set(digests)) == len(digests) == len(wallets), "two welcomes for one device")
    require(
        all(plain(wallet["granted"]) == plan.welcome for wallet in wallets),
        "a welcome that is not the welcome",
    )
    captured = sum(plain(wallet["captured"]) for wallet in wallets)
    delivered = sum(plain(job["status"]) == "SUCCEEDED" for job in jobs.values())
    require(captured == plan.price * delivered, f"{captured} captured for {delivered} videos")
    require(all(plain(wallet["held"]) == 0 for wallet in wallets), "credits held for ever")


def _job(job_id: str, job: Attributes, books: TaskStore) -> None:
    status = plain(job["status"])
    require(status in ("SUCCEEDED", "FAILED"), f"{job_id} is {status} for ever")
    require("GSI2SK" not in job and "watchUntil" not in job, f"{job_id} is looked at for ever")
    if status == "SUCCEEDED":
        works = books.works.get(job_id, [])
        require(any(work.succeeds for work in works), f"{job_id} was charged and not delivered")


def _work(
    work: Work, job: Attributes | None, witness: Witness, plan: Plan, journal: Journal
) -> None:
    """Every success is charged, given as house loss, or came to light only when nobody looked any
    more."""
    require(job is not None, f"{work.task_id} belongs to no job")
    if job is None or not work.succeeds or work.ends_at > 10**11:
        return
    if plain(job["status"]) == "SUCCEEDED":
        return
    if "videoUrl" in job:
        journal.count("house loss")
        return
    journal.count("success never learnt")
    seen_at = max(
        work.linked_at, work.ends_at, plan.calm_at, *(end for _, end in work.hidden), work.began_at
    )
    watched_until = witness.released_at[work.job_id] + TIMES.watch / 1000
    last_look = watched_until - 3 * TIMES.watch_poll / 1000 - 60
    require(seen_at > last_look, f"{work.task_id} succeeded at {seen_at} and was never delivered")


def _answer(
    task: Any, ask: Ask, answer: Any, jobs: dict[str, Attributes], memory: MemoryTable
) -> None:
    """What a client was told is what came to be."""
    mine = [job_id for job_id in task.job_ids if job_id in jobs]
    require(len(mine) <= 1, f"{task.name} made two jobs")
    if not isinstance(answer, Exception):
        require(answer.job.job_id in jobs, f"{task.name} was told of a job that is not there")
        return
    named = getattr(answer, "details", {}).get("jobId")
    code = getattr(answer, "code", "")
    if code in REFUSED_WITH_A_JOB:
        job = jobs.get(str(named), {})
        require(
            plain(job.get("error")) == code,
            f"{task.name} was told {code} of {named}, which is {job}",
        )
    elif isinstance(answer, OutcomeUnknown):
        require(not mine or named == mine[0], f"{task.name} was told {named} and has {mine}")
    else:
        require(not mine, f"{task.name} was told {code}, and its job {mine} is there")
    if code == "DEVICE_ALREADY_USED":
        owned = any(
            sk.startswith("DEVICE#") and pk != f"USER#{ask.user}" for pk, sk in memory.items
        )
        require(owned, f"{ask.device} was refused and is nobody's")


def _keys(witness: Witness, jobs: dict[str, Attributes], memory: MemoryTable) -> None:
    """A key tells of one job for ever, or of successors to those that were never taken."""
    on_segment: dict[tuple[str, str], dict[str, str]] = {}
    for _, ask, answer in witness.answers:
        if ask.key is None or getattr(answer, "code", "") in (
            "IDEMPOTENCY_KEY_REUSED",
            "OUTCOME_UNKNOWN",
        ):
            continue
        job_id = (
            answer.job.job_id if not isinstance(answer, Exception) else answer.details.get("jobId")
        )  # type: ignore[attr-defined]
        if job_id:
            on_segment.setdefault(ask.key_location, {})[str(job_id)] = str(ask.image)
    for place, answers in on_segment.items():
        bound = memory.items.get(place)
        require(bound is not None, f"the key at {place} was answered and is gone")
        last = plain((bound or {}).get("jobId"))
        for job_id in answers:
            error = plain(jobs.get(job_id, {}).get("error"))
            require(
                job_id == last or error in RETRYABLE,
                f"the key at {place} told of {job_id} and stands for {last}",
            )
        images = {plain(jobs[job_id]["imageHash"]) for job_id in answers if job_id in jobs}
        require(
            len(images) <= 1 and len(set(answers.values())) <= 1,
            f"the key at {place} stands for two bodies",
        )
