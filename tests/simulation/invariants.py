"""What must hold at the end: the table, the vendor's records and every response to a client,
compared with each other."""

from typing import Any

from service.audit.entities import Audit
from service.ledger.entities import OutcomeUnknown
from service.ledger.store import NEW_DEVICE
from service.users.entities import MAX_DEVICES_PER_USER
from tests.simulation.checks import RETRYABLE, Witness, is_text, plain, require
from tests.simulation.journal import Journal
from tests.simulation.lagging_index import Attributes
from tests.simulation.memory import MemoryTable
from tests.simulation.office import granted_since
from tests.simulation.plan import TIMES, Plan, PlannedRequest
from tests.simulation.vendor import TaskStore, Work

REFUSED_WITH_A_JOB = {"IMAGE_REJECTED", "CONTENT_REJECTED", "PROVIDER_BUSY", "PROVIDER_UNAVAILABLE"}
_OF_TEXTS = {"PROMPT_TOO_LONG", "NO_RESPONSE", "PROVIDER_BROKE_OFF"}


def check_invariants(
    plan: Plan,
    memory: MemoryTable,
    task_store: TaskStore,
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
    _devices(witness, memory, jobs)
    for job_id, job in jobs.items():
        _job(job_id, job, task_store)
        journal.count(f"end: {plain(job['status'])} {plain(job.get('error')) or ''}".rstrip())
    for works in task_store.works.values():
        for work in works:
            _work(work, jobs.get(work.job_id), witness, plan, journal)
    for job_id, sends in task_store.sends.items():
        require(sends == 1, f"{job_id} was sent {sends} times")
    for task, planned, response in witness.responses:
        _response(task, planned, response, jobs, memory)
    _keys(witness, jobs, memory)


def _wallets(plan: Plan, memory: MemoryTable, jobs: dict[str, Attributes]) -> None:
    wallets = [item for (_, sk), item in memory.items.items() if sk == "METADATA"]
    digests = [
        plain(item["deviceDigest"]) for (_, sk), item in memory.items.items() if sk == "PROFILE"
    ]
    require(len(wallets) <= plan.max_users, "more users than the cap")
    require(len(set(digests)) == len(digests) == len(wallets), "two welcomes for one device")
    for (pk, sk), wallet in memory.items.items():
        if sk == "METADATA":
            brought = plain(wallet["granted"]) - granted_since(memory, pk)
            require(brought == plan.welcome, f"a welcome of {brought} at {pk}")
    captured = sum(plain(wallet["captured"]) for wallet in wallets)
    texts = [job for job in jobs.values() if is_text(job)]
    delivered = sum(
        plain(job["status"]) == "SUCCEEDED" for job in jobs.values() if not is_text(job)
    )
    expected = plan.price * delivered + sum(plain(text.get("captured")) or 0 for text in texts)
    require(captured == expected, f"{captured} captured for {delivered} videos and the texts")
    require(all(plain(wallet["held"]) == 0 for wallet in wallets), "credits held for ever")


def _devices(witness: Witness, memory: MemoryTable, jobs: dict[str, Attributes]) -> None:
    """A captured job leaves its device with an item, unless the wallet still says that it is new;
    the digest is forgotten."""
    for job_id, digest in witness.new_device_of.items():
        job = jobs[job_id]
        require("device" not in job, f"{job_id} remembers its device for ever")
        owner = witness.owners[job_id]
        members = plain(memory.items[(owner, "METADATA")]["fingerprints"])
        known = (owner, f"DEVICE#{digest}") in memory.items or NEW_DEVICE + digest in members
        require(
            plain(job["status"]) != "SUCCEEDED" or known,
            f"{job_id} was captured, and its device is unknown",
        )
    for pk, sk in memory.items:
        if sk == "METADATA":
            devices = [place for place in memory.items if place[0] == pk and "DEVICE#" in place[1]]
            require(len(devices) <= MAX_DEVICES_PER_USER, f"{len(devices)} devices of {pk}")


def _job(job_id: str, job: Attributes, task_store: TaskStore) -> None:
    status = plain(job["status"])
    require(status in ("SUCCEEDED", "FAILED"), f"{job_id} is {status} for ever")
    require("GSI2SK" not in job and "watchUntil" not in job, f"{job_id} is looked at for ever")
    if status == "SUCCEEDED" and not is_text(job):
        works = task_store.works.get(job_id, [])
        require(any(work.succeeds for work in works), f"{job_id} was charged and not delivered")


def _work(
    work: Work, job: Attributes | None, witness: Witness, plan: Plan, journal: Journal
) -> None:
    """Every success is charged, given as house loss, or came to light only when no one looked any
    more."""
    require(job is not None, f"{work.task_id} belongs to no job")
    if job is None or not work.succeeds or work.ends_at > 10**11:
        return
    if plain(job["status"]) == "SUCCEEDED":
        return
    if "result" in job:
        journal.count("house loss")
        return
    journal.count("success never learnt")
    visible_at = max(
        work.linked_at, work.ends_at, plan.calm_at, *(end for _, end in work.hidden), work.began_at
    )
    watched_until = witness.released_at[work.job_id] + TIMES.watch / 1000
    last_query_at = watched_until - 3 * TIMES.watch_poll / 1000 - 60
    require(
        visible_at > last_query_at,
        f"{work.task_id} succeeded at {visible_at} and was never delivered",
    )


def _response(
    task: Any,
    planned: PlannedRequest,
    response: Any,
    jobs: dict[str, Attributes],
    memory: MemoryTable,
) -> None:
    """Every response agrees with the final state."""
    mine = [job_id for job_id in task.job_ids if job_id in jobs]
    require(len(mine) <= 1, f"{task.name} made two jobs")
    if not isinstance(response, Exception):
        require(response.job.job_id in jobs, f"{task.name} got a job that is not there")
        return
    named = getattr(response, "details", {}).get("jobId")
    code = getattr(response, "code", "")
    if code in REFUSED_WITH_A_JOB | _OF_TEXTS:
        job = jobs.get(str(named), {})
        require(
            plain(job.get("error")) == code,
            f"{task.name} got {code} of {named}, which is {job}",
        )
    elif isinstance(response, OutcomeUnknown):
        require(not mine or named == mine[0], f"{task.name} got {named} and has {mine}")
    else:
        require(not mine, f"{task.name} got {code}, and its job {mine} is there")
    if code == "DEVICE_ALREADY_USED":
        owned = any(
            sk.startswith("DEVICE#") and pk != f"USER#{planned.user}" for pk, sk in memory.items
        )
        require(owned, f"{planned.device} was refused and is no one's")


def _keys(witness: Witness, jobs: dict[str, Attributes], memory: MemoryTable) -> None:
    """A key names one job for ever, or successors of jobs that the provider never accepted."""
    jobs_by_key: dict[tuple[str, str], dict[str, str]] = {}
    for _, planned, response in witness.responses:
        if planned.key is None or getattr(response, "code", "") in (
            "IDEMPOTENCY_KEY_REUSED",
            "OUTCOME_UNKNOWN",
        ):
            continue
        job_id = (
            response.job.job_id
            if not isinstance(response, Exception)
            else response.details.get("jobId")
        )  # type: ignore[attr-defined]
        if job_id:
            jobs_by_key.setdefault(planned.key_location, {})[str(job_id)] = planned.body
    for place, responses in jobs_by_key.items():
        bound = memory.items.get(place)
        require(bound is not None, f"the key at {place} was used and is gone")
        last = plain((bound or {}).get("jobId"))
        for job_id in responses:
            error = plain(jobs.get(job_id, {}).get("error"))
            require(
                job_id == last or error in RETRYABLE,
                f"the key at {place} named {job_id} and stands for {last}",
            )
        images = {
            plain(plain(jobs[job_id]["payload"])["imageHash"])
            for job_id in responses
            if job_id in jobs and not is_text(jobs[job_id])
        }
        require(
            len(images) <= 1 and len(set(responses.values())) <= 1,
            f"the key at {place} stands for two bodies",
        )
