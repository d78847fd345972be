"""The one place that settles: records, captures, releases and defers jobs, for the request, the
worker, the callback and the operator alike."""

from copy import copy
from typing import Self

import structlog

from service.core.clock import Clock, iso
from service.core.metrics import Metrics
from service.jobs import store
from service.jobs.calls import Conclude, HandOver, Interrupt, next_of_call
from service.jobs.endings import Endings
from service.jobs.entities import (
    Failure,
    Job,
    JobNotFound,
    JobStatus,
    ReleaseNotAllowed,
    Times,
)
from service.jobs.judging import Delivery, bill, bill_of_call, failure_of, result_of
from service.jobs.state_machine import (
    Capture,
    DeliverUncharged,
    Nothing,
    Observation,
    Record,
    Release,
    StopMonitoring,
    Transition,
    Wait,
    next_due,
    next_transition,
)
from service.jobs.work import Call, Facts, NotDelivered, NotKept, Operations, Verdict
from service.ledger.entities import StaleRead
from service.ledger.operations import Ledger
from service.providers.base import Indeterminate, Task
from service.storage.data_keys import DataUnreadable
from service.storage.table import ConditionFailed, MaybeApplied, NotApplied, Table
from service.users.operations import Users

log = structlog.get_logger()

MAX_ROUNDS = 4
RECORD_TRIES = 3
RECORD_PAUSE_SECONDS = 0.2


class Settlement(Endings):
    """Settles each job exactly once. Safe to call at any time, any number of times, from any
    number of processes."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        users: Users,
        operations: Operations,
        clock: Clock,
        metrics: Metrics,
        times: Times,
        mac_key: bytes,
    ) -> None:
        super().__init__(table, ledger, users, clock, metrics, times, mac_key)
        self._operations = operations
        self._keeps_slowly = False

    def in_background(self) -> Self:
        """The same, for a process whose time no request waits for."""
        other = copy(self)
        other._keeps_slowly = True
        return other

    def resolve(self, user_id: str, job_id: str, due_by: int | None = None) -> Job:
        """Queries the provider once per round and does what follows from it. Returns the job as it
        stands afterwards.

        With `due_by` (epoch milliseconds), a job that is due later is left alone: the index that
        named it lags, or another worker has just resolved it.

        Raises `JobNotFound`, `JobDamaged` (the provider is not queried, nothing is written),
        `StorageUnavailable`, or what `Ledger.move` raises."""
        for _ in range(MAX_ROUNDS):
            job = self.read(user_id, job_id)
            if job.status is JobStatus.SUCCEEDED or job.result or job.erased_at is not None:
                return job
            if due_by is not None and (job.due_at is None or job.due_at > due_by):
                return job
            self._require_sealed(job)
            try:
                return self._advanced(job)
            except StaleRead:
                continue
        return self.read(user_id, job_id)

    def force_release(self, user_id: str, job_id: str) -> Job:
        """Lets an operator release a job past its hard limit that nothing settles. The provider is
        queried once more: a certain outcome is settled as usual, and anything else releases the
        job as unresolved, which stays monitored. A call ends by its stored verdict, and without a
        readable one as interrupted.

        Raises `ReleaseNotAllowed` (nothing is written), and what `resolve` raises."""
        job = self._overdue(user_id, job_id)
        for _ in range(MAX_ROUNDS):
            try:
                return self._forced(job)
            except StaleRead:
                job = self.read(user_id, job_id)
                if not job.is_open:
                    return job
        return job

    def record(self, job: Job, task: Task) -> Job:
        """T3: stores the provider's id. Returns the job as it is stored then, by whichever request.

        Raises `StorageUnavailable` when that cannot be learnt."""
        for tries_left in reversed(range(RECORD_TRIES)):
            try:
                return self._recorded(job, task)
            except (NotApplied, MaybeApplied):
                if not tries_left:
                    raise
                self._clock.sleep(RECORD_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def decline(self, job: Job, failure: str) -> Job:
        """T5 for a job that the provider surely did not take. Returns the job as
        stored, whichever process settled it.

        Raises what `Ledger.move` raises, and `StorageUnavailable`."""
        try:
            return self._release(job, failure)
        except StaleRead:
            return self.read(job.payer, job.job_id)

    def conclude(self, job: Job, verdict: Verdict) -> Job:
        """Ends a call by the verdict that its owner has just stored; one that was given up as
        interrupted meanwhile gets its result for nothing. Returns the job as it stands afterwards.

        Raises what `resolve` raises."""
        for _ in range(MAX_ROUNDS):
            try:
                return self._take_of_call(job, verdict, is_owner=True)
            except StaleRead:
                job = self.read(job.payer, job.job_id)
            if job.status is JobStatus.SUCCEEDED or job.result or job.erased_at is not None:
                return job
        return job

    def _advanced(self, job: Job) -> Job:
        call = self._operations.call(job.operation)
        if call is not None:
            is_over = job.watch_until is not None and self._clock.now() >= job.watch_until
            verdict = _readable(call, job) if is_over else call.verdict(job)
            return self._take_of_call(job, verdict, is_owner=False)
        return self._take(*self._next(job, self._observe(job)))

    def _take_of_call(self, job: Job, verdict: Verdict | None, *, is_owner: bool) -> Job:
        now = self._clock.now()
        transition = next_of_call(job, verdict, now, self._times, is_owner=is_owner)
        match transition:
            case Conclude(verdict):
                return self._concluded(job, verdict)
            case Interrupt():
                self._alarm(job, "interrupted")
                return self._release(job, Failure.INTERRUPTED)
            case HandOver(verdict, result):
                return self._deliver_uncharged(job, Delivery(result, bill_of_call(job, verdict)))
            case StopMonitoring():
                return self._stop_watching(job)
            case Wait():
                return self._wait(job, transition)
        return job

    def _concluded(self, job: Job, verdict: Verdict) -> Job:
        billed, result = bill_of_call(job, verdict), verdict.result
        delivery = Delivery(result, billed) if result else None
        if verdict.failure is not None or delivery is None:
            failure = verdict.failure or Failure.GENERATION_FAILED
            return self._release(job, failure, part=delivery)
        return self._capture(job, delivery)

    def _observe(self, job: Job) -> Observation:
        requested_at = self._clock.now()
        lookup = self._operations.work(job.operation).fetch_task(job)
        return Observation(lookup, requested_at, self._clock.now())

    def _next(self, job: Job, observation: Observation) -> tuple[Job, Transition]:
        """What follows, for the job with its task recorded if that has only now come to light."""

        def judge(task: Task) -> Facts | None:
            return self._judge(job, task)

        transition = next_transition(job, observation, self._times, judge)
        if isinstance(transition, Record):
            job = self.record(job, transition.task)
            transition = next_transition(job, observation, self._times, judge)
        return job, transition

    def _judge(self, job: Job, task: Task) -> Facts | None:
        return result_of(self._operations.work(job.operation), job, task)

    def _delivery(self, job: Job, task: Task, result: Facts) -> Delivery:
        billed = bill(self._operations.work(job.operation), job, task)
        return Delivery(result, billed, task.facts)

    def _overdue(self, user_id: str, job_id: str) -> Job:
        job = self.read(user_id, job_id)
        if not job.is_open:
            raise ReleaseNotAllowed(f"{job_id} has ended already: it is {job.status}.")
        if self._clock.now() < job.hard_at:
            raise ReleaseNotAllowed(
                f"{job_id} may still settle by itself: its time runs out at {iso(job.hard_at)}."
            )
        return job

    def _forced(self, job: Job) -> Job:
        call = self._operations.call(job.operation)
        if call is not None:
            return self._take_of_call(job, _readable(call, job), is_owner=False)
        job, transition = self._next(job, self._last_observation(job))
        certain = isinstance(transition, Capture | Release)
        return self._take(job, transition if certain else Release(Failure.PROVIDER_UNRESOLVED))

    def _last_observation(self, job: Job) -> Observation:
        """A query that breaks is as indeterminate as one without a response."""
        try:
            return self._observe(job)
        except Exception:
            log.exception("provider_query_broke", job_id=job.job_id)
            now = self._clock.now()
            return Observation(Indeterminate(), now, now)

    def _take(self, job: Job, transition: Transition) -> Job:
        match transition:
            case Capture(task, result):
                return self._captured(job, task, result)
            case Release(Failure.GENERATION_FAILED, Task() as task):
                work = self._operations.work(job.operation)
                failure = failure_of(work, job, task)
                return self._release(job, failure, task.facts, task.reason)
            case Release(failure, Task() as task):
                return self._release(job, failure, task.facts, task.reason)
            case Release(failure):
                return self._release(job, failure)
            case DeliverUncharged(task, result):
                kept = self._operations.work(job.operation).keep(job, task, result)
                delivery = self._delivery(job, task, kept)
                return self._deliver_uncharged(job, delivery, task.task_id)
            case StopMonitoring():
                return self._stop_watching(job)
            case Wait():
                return self._wait(job, transition)
            case Record() | Nothing():
                return job

    def _captured(self, job: Job, task: Task, result: Facts) -> Job:
        """The job with its result stored and charged; as it is, and due again, while its kind of
        work cannot store the result."""
        work, now = self._operations.work(job.operation), self._clock.now()
        if work.is_kept_slowly(job) and not self._keeps_slowly:
            return job if job.due_at is None or job.due_at <= now else self._wait(job, Wait(now))
        try:
            kept = work.keep(job, task, result)
        except NotDelivered as error:
            # What it is worth is a loss of the house; its link stays, should it come back.
            self._alarm(job, "not_delivered")
            part = self._delivery(job, task, result)
            return self._release(job, Failure.GENERATION_FAILED, task.facts, str(error), part)
        except NotKept as error:
            log.warning("result_not_kept", job_id=job.job_id, reason=str(error))
            after = next_due(job, now, self._times)
            due_at = after if error.seconds is None else now + error.seconds * 1000
            return self._wait(job, Wait(due_at, job.not_found_at))
        return self._capture(job, self._delivery(job, task, kept))

    def _recorded(self, job: Job, task: Task) -> Job:
        recorded = self._changed(
            job, status=JobStatus.SUBMITTED, task_id=task.task_id, facts=task.facts
        )
        try:
            self._table.write(store.record_write(recorded))
        except ConditionFailed as refused:
            if refused.item is None:
                raise JobNotFound from None
            return self._rewatched(store.job_from(refused.item), task)
        return recorded

    def _rewatched(self, stored: Job, task: Task) -> Job:
        """The job as someone else left it; one released as unresolved is watched anew now that its
        task is known."""
        unresolved = stored.failure == Failure.PROVIDER_UNRESOLVED
        if not unresolved or stored.task_id or stored.result or stored.erased_at is not None:
            return stored
        now = self._clock.now()
        watch_until, due_at = now + self._times.watch, now + self._times.watch_poll
        found = self._changed(stored, task_id=task.task_id, watch_until=watch_until, due_at=due_at)
        try:
            self._write(store.rewatch_write(found, watch_until, due_at))
        except StaleRead:
            return self.read(stored.payer, stored.job_id)
        return found


def _readable(call: Call, job: Job) -> Verdict | None:
    """The verdict on a call, if there is one that can be read: where damage is not to keep a job
    for ever. The audit reports it."""
    try:
        return call.verdict(job)
    except DataUnreadable:
        log.error("verdict_unreadable", user_id=job.payer, job_id=job.job_id)
        return None
