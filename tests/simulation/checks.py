"""What must never happen, checked at every commit, at every task that the vendor accepts, and at
every response to a client."""

from collections.abc import Sequence
from typing import Any

from service.core.clock import from_iso
from service.jobs.entities import Failure
from service.ledger.entities import InsufficientCredits, WalletFrozen
from service.storage.codec import decode
from service.text.routes import POST_TEXT
from service.users.entities import DeviceAlreadyUsed, SystemLimitReached
from service.videos.entities import VideoFailure
from service.videos.routes import POST_VIDEO
from tests.simulation.journal import Journal
from tests.simulation.lagging_index import Attributes, Prepared
from tests.simulation.memory import MemoryTable
from tests.simulation.plan import TIMES, Plan, PlannedRequest
from tests.simulation.scheduler import START_SECONDS, Scheduler, Task
from tests.simulation.vendor import TaskStore, Work

MAX_CALLS = 400
_BALANCES = ("credits", "held", "granted", "captured", "expired", "clawedBack", "debt")
_STEPS = {
    (None, "SUBMITTING"),
    ("SUBMITTING", "SUBMITTING"),
    ("SUBMITTING", "SUBMITTED"),
    ("SUBMITTING", "FAILED"),
    ("SUBMITTED", "SUBMITTED"),
    ("SUBMITTED", "SUCCEEDED"),
    ("SUBMITTED", "FAILED"),
    ("FAILED", "FAILED"),
}
# A text is one call: it is never anything but made, and then ended.
_STEPS_OF_TEXT = {
    (None, "SUBMITTING"),
    ("SUBMITTING", "SUBMITTING"),
    ("SUBMITTING", "SUCCEEDED"),
    ("SUBMITTING", "FAILED"),
    ("FAILED", "FAILED"),
}
_ONCE = ("taskId", "error", "result", "held", "allocation", "createdAt", "payload")
RETRYABLE = {Failure.PROVIDER_BUSY, Failure.PROVIDER_UNAVAILABLE}
_NEVER_TAKEN = {
    VideoFailure.IMAGE_REJECTED,
    VideoFailure.CONTENT_REJECTED,
    Failure.PROVIDER_BUSY,
    Failure.PROVIDER_UNAVAILABLE,
}


class Violation(Exception):
    """A promise that did not hold."""


def require(holds: bool, promise: str) -> None:
    if not holds:
        raise Violation(promise)


def plain(attribute: Any) -> Any:
    """A typed attribute as a plain value; None for none."""
    if attribute is None:
        return None
    ((kind, value),) = attribute.items()
    return decode(attribute) if kind == "N" else value


def is_text(job: Attributes) -> bool:
    return str(plain(job.get("operation"))).endswith(":text")


class Witness:
    """Watches everything and remembers what the end has to be judged by."""

    def __init__(
        self,
        scheduler: Scheduler,
        plan: Plan,
        memory: MemoryTable,
        task_store: TaskStore,
        journal: Journal,
    ) -> None:
        self._journal = journal
        self._scheduler = scheduler
        self._plan = plan
        self._memory = memory
        self._task_store = task_store
        self.owners: dict[str, str] = {}
        self.key_bound_at: dict[tuple[str, str], float] = {}
        self.opened_at: dict[str, float] = {}
        self.released_at: dict[str, float] = {}
        self.new_device_of: dict[str, str] = {}
        self.responses: list[tuple[Task, PlannedRequest, Any]] = []
        memory.watchers.append(self.committed)
        task_store.on_accept.append(self.accepted)

    def committed(self, batch: Sequence[Prepared]) -> None:
        for write in batch:
            pk, sk = write.key
            kind = sk.partition("#")[0]
            if kind == "METADATA":
                self._wallet(write, batch)
            elif kind == "JOB":
                self._job(write)
            elif kind == "IDEMPOTENCY":
                self._key(write)
            elif kind == "USERS":
                require(
                    plain(write.after["count"]) <= self._plan.max_users, "more users than the cap"
                )
            elif kind in ("ENTRY", "CLAIM", "DEVICE"):
                require(write.before is None, f"{kind} written twice at {pk}")
            if kind == "ENTRY":
                self._entry(write, batch)
            elif kind == "DEVICE" or pk.startswith("FINGERPRINT#"):
                self._device(write, batch)

    def accepted(self, work: Work, callback_url: str | None, rng: Any) -> None:
        """A create has arrived at the vendor."""
        require(
            len(self._task_store.works[work.job_id]) == 1, f"two tasks for one job {work.job_id}"
        )
        job = self.job(work.job_id)
        require(job is not None, f"a task for a job that was never held: {work.job_id}")
        require(
            plain((job or {}).get("error")) not in _NEVER_TAKEN,
            f"a task for a job reported as refused: {work.job_id}",
        )

    def job(self, job_id: str) -> Attributes | None:
        pk = self.owners.get(job_id)
        return self._memory.get((pk, f"JOB#{job_id}")) if pk else None

    def responded(self, task: Task, planned: PlannedRequest, response: Any) -> None:
        """A request for a job has got its response: a `Submission`, or the error."""
        self.responses.append((task, planned, response))
        last_call_at = task.last_call_at
        require(task.calls <= MAX_CALLS, f"{task.name} made {task.calls} calls")
        if not isinstance(response, Exception):
            require(response.remaining >= 0, "remaining is negative")
            require(
                response.replayed or response.job.job_id == task.job_ids[-1],
                "a job that is another request's",
            )
            return
        documented = (POST_TEXT if planned.is_text else POST_VIDEO).errors
        require(isinstance(response, documented), f"an undocumented error: {response!r}")
        require(not isinstance(response, WalletFrozen), "a wallet was frozen")
        if isinstance(response, SystemLimitReached | DeviceAlreadyUsed):
            opened_at = self.opened_at.get(f"USER#{planned.user}", last_call_at)
            require(
                opened_at >= last_call_at,
                f"{planned.user} is known and was refused: {response.code}",
            )
            self._refusal_is_true(planned, response)
        if isinstance(response, InsufficientCredits) and planned.key is not None:
            self._twin_is_known(planned, last_call_at)

    def _refusal_is_true(self, planned: PlannedRequest, response: Exception) -> None:
        if isinstance(response, SystemLimitReached):
            count = self._memory.get(("SYSTEM", "USERS")) or {}
            require(
                (plain(count.get("count")) or 0) >= self._plan.max_users,
                "there is room for another user",
            )

    def _twin_is_known(self, planned: PlannedRequest, last_call_at: float) -> None:
        place = planned.key_location
        bound = self._memory.get(place)
        if bound is None or self.key_bound_at[place] >= last_call_at:
            return
        job = self.job(plain(bound["jobId"])) or {}
        require(
            plain(job.get("error")) in RETRYABLE,
            f"refused for want of credits, though its job is there: {planned.key}",
        )

    def _wallet(self, write: Prepared, batch: Sequence[Prepared]) -> None:
        pk, before, after = write.key[0], write.before or {}, write.after
        values = {name: plain(after[name]) for name in _BALANCES}
        values["removed"] = plain(after.get("removed")) or 0
        require(min(values.values()) >= 0, f"a negative balance at {pk}")
        spent = (
            values["credits"]
            + values["held"]
            + values["captured"]
            + values["expired"]
            + values["clawedBack"]
            + values["removed"]
        )
        require(values["granted"] == spent, f"credits appeared or vanished at {pk}")
        self._limits(pk, after)
        step = plain(after["version"]) - (plain(before.get("version")) or 0)
        entries = sum(other.key[0] == pk and other.key[1].startswith("ENTRY#") for other in batch)
        require(step == entries, f"version and entries do not go together at {pk}")
        if not before:
            claims = {other.key[0].partition("#")[0] for other in batch if other.key[1] == "CLAIM"}
            require(claims == {"FINGERPRINT", "IDENTITY"}, f"a welcome without its claims at {pk}")
            self.opened_at[pk] = self._scheduler.now

    def _limits(self, pk: str, wallet: Attributes) -> None:
        """No interleaving lets a user have more than the limits of the plan."""
        kinds = plain(wallet["openJobs"]).values() if "openJobs" in wallet else ()
        open_jobs = max((len(ends["L"]) for ends in kinds), default=0)
        max_jobs, max_spent = self._plan.max_open_jobs, self._plan.max_credits_per_day
        require(not max_jobs or open_jobs <= max_jobs, f"{open_jobs} jobs in flight at {pk}")
        spent = plain(wallet["spentToday"]) if "spentToday" in wallet else 0
        require(not max_spent or spent <= max_spent, f"{spent} credits in a day at {pk}")

    def _loss_limit(self, pk: str, batch: Sequence[Prepared]) -> None:
        """Nothing is held for whom the house has lost enough: worlds end before midnight."""
        max_loss = self._plan.max_loss_per_day
        for wallet in (write.before or {} for write in batch if write.key == (pk, "METADATA")):
            loss = plain(wallet["lossToday"]) if "lossToday" in wallet else 0
            require(not max_loss or loss < max_loss, f"held after {loss} were lost at {pk}")

    def _entry(self, write: Prepared, batch: Sequence[Prepared]) -> None:
        """Credits come back or go only together with the one end of an open job."""
        kind, ref = plain(write.after["kind"]), plain(write.after["ref"])
        self._journal.note(
            self._scheduler.now, write.key[0], f"== {kind} {plain(write.after['amount'])} {ref}"
        )
        before = {other.key[1]: plain((other.before or {}).get("status")) for other in batch}
        if kind == "HOLD":
            self._loss_limit(write.key[0], batch)
        if kind in ("CAPTURE", "RELEASE"):
            require(
                before.get(f"JOB#{ref}") in ("SUBMITTING", "SUBMITTED"),
                f"{kind} of {ref}, which has ended",
            )

    def _device(self, write: Prepared, batch: Sequence[Prepared]) -> None:
        """A device and its claim come with a sign-up, or with the capture of a job made on it."""
        kinds = {plain(other.after["kind"]) for other in batch if other.key[1].startswith("ENTRY#")}
        made_on = {
            plain(digest)
            for other in batch
            if other.key[1].startswith("JOB#")
            for digest in plain((other.before or {}).get("device")) or ()
        }
        place = write.key[1] if write.key[1] != "CLAIM" else write.key[0]
        digest = place.partition("#")[2]
        require(
            "INITIAL" in kinds or ("CAPTURE" in kinds and digest in made_on),
            f"{place} came without a sign-up or a capture",
        )
        if "CAPTURE" in kinds:
            self._journal.count(f"{write.key[1].partition('#')[0].lower()} at a capture")

    def _key(self, write: Prepared) -> None:
        before, after = write.before, write.after
        self.key_bound_at[write.key] = self._scheduler.now
        if before is not None:
            job = self.job(plain(before["jobId"])) or {}
            require(plain(job.get("error")) in RETRYABLE, f"a key changed its job at {write.key}")
            require(
                before["bodyHash"] == after["bodyHash"], f"a key changed its body at {write.key}"
            )

    def _job(self, write: Prepared) -> None:
        before, after = write.before or {}, write.after
        job_id = write.key[1].removeprefix("JOB#")
        self.owners[job_id] = write.key[0]
        step = plain(before.get("status")), plain(after["status"])
        if step[0] != step[1]:
            line = f"== {job_id} {step[0]} -> {step[1]} {plain(after.get('error')) or ''}"
            self._journal.note(self._scheduler.now, write.key[0], line)
        steps = _STEPS_OF_TEXT if is_text(after) else _STEPS
        require(step in steps, f"{job_id} went from {step[0]} to {step[1]}")
        for digest in plain(after.get("device")) or ():
            self.new_device_of[job_id] = plain(digest)
        for name in _ONCE:
            require(
                name not in before or before[name] == after.get(name), f"{name} of {job_id} changed"
            )
        if is_text(after):
            return
        if "result" in after and "result" not in before:
            self._delivered(job_id, after)
        if step[1] == "FAILED" and step[0] != "FAILED":
            self._failed(job_id, after)

    def _delivered(self, job_id: str, after: Attributes) -> None:
        work = self._work(job_id, after)
        now = self._scheduler.now
        require(
            work is not None and work.succeeds and work.ends_at <= now,
            f"{job_id} delivered what is not there",
        )
        require(work is not None and work.linked_at <= now, f"{job_id} has a link that never was")
        loss = plain(after.get("houseLoss")) or 0
        expected = 0 if plain(after["status"]) == "SUCCEEDED" else self._plan.price
        require(loss == expected, f"house loss of {job_id} is {loss}")

    def _failed(self, job_id: str, after: Attributes) -> None:
        failure = plain(after["error"])
        if failure in _NEVER_TAKEN:
            require(
                job_id not in self._task_store.works,
                f"{job_id} was reported as {failure}, but the vendor has it",
            )
        elif failure == Failure.GENERATION_FAILED:
            work = self._work(job_id, after)
            failed = work is not None and not work.succeeds and work.ends_at <= self._scheduler.now
            require(failed, f"{job_id} was reported as failed, but did not fail")
        else:
            self._unresolved(job_id, after)

    def _unresolved(self, job_id: str, after: Attributes) -> None:
        """Released only past the hard limit, or after two not-founds far enough apart, the later
        past the quarantine."""
        self.released_at[job_id] = self._scheduler.now
        now, slack = self._scheduler.now, 2 * self._plan.skew + 0.5
        created_at = _created_at(after)
        if now >= created_at + TIMES.hard_limit / 1000 - slack:
            return
        require(
            "taskId" not in after,
            f"{job_id} released before its hard limit, though its task is known",
        )
        snapshot = self._task_store.not_found.get(job_id, [])
        # Time never runs backwards along a ledger: `createdAt` may be the faster clock of the
        # process that moved the wallet before, while the window is that of the holder's own clock.
        earliest = created_at - self._plan.skew
        quarantine_until = earliest + (TIMES.submit + TIMES.quarantine) / 1000 - slack
        late = [at for at in snapshot if at >= quarantine_until]
        apart = bool(late) and max(late) - min(snapshot) >= TIMES.not_found_gap / 1000 - slack
        require(apart, f"{job_id} released as unresolved after not-founds at {snapshot}")

    def _work(self, job_id: str, after: Attributes) -> Work | None:
        works = self._task_store.works.get(job_id, ())
        return next((work for work in works if work.task_id == plain(after.get("taskId"))), None)


def _created_at(job: Attributes) -> float:
    return from_iso(plain(job["createdAt"])) / 1000 - START_SECONDS
