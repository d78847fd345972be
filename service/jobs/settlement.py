"""The one place that settles: records, captures, releases and defers jobs, for the request, the
worker, the callback and the operator alike."""

from copy import copy
from dataclasses import replace
from typing import Any

import structlog

from service.core.amounts import credits_number
from service.core.clock import Clock, iso
from service.core.metrics import Metric, Metrics
from service.jobs import store
from service.jobs.entities import (
    Failure,
    Job,
    JobDamaged,
    JobNotFound,
    JobStatus,
    ReleaseNotAllowed,
    Times,
)
from service.jobs.judging import Bill, bill, failure_of, result_of
from service.jobs.settlement_terms import (
    Addition,
    Decide,
    SettlementTerms,
    WriteEnd,
    charging,
    returning,
)
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
    next_transition,
)
from service.jobs.work import Facts, Operations
from service.ledger.entities import StaleRead, WalletBusy
from service.ledger.operations import Ledger
from service.providers.base import Indeterminate, Task
from service.storage.table import ConditionFailed, MaybeApplied, NotApplied, Table
from service.storage.writes import Update
from service.users.entities import Digests
from service.users.operations import Users

log = structlog.get_logger()

MAX_ROUNDS = 4
RECORD_TRIES = 3
RECORD_PAUSE_SECONDS = 0.2


class Settlement:
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
        self._table = table
        self._ledger = ledger
        self._users = users
        self._operations = operations
        self._clock = clock
        self._metrics = metrics
        self._times = times
        self._mac_key = mac_key
        self._addition: Addition | None = None

    def adding(self, addition: Addition) -> "Settlement":
        """The same settlement, whose captures and releases write that as well, in their own
        transaction."""
        other = copy(self)
        other._addition = addition
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
            observation = self._observe(job)
            try:
                return self._take(*self._next(job, observation))
            except StaleRead:
                continue
        return self.read(user_id, job_id)

    def force_release(self, user_id: str, job_id: str) -> Job:
        """Lets an operator release a job past its hard limit that nothing settles. The provider is
        queried once more: a certain outcome is settled as usual, and anything else releases the
        job as unresolved, which stays monitored.

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

    def read(self, user_id: str, job_id: str) -> Job:
        """Raises `JobNotFound`."""
        job = store.read(self._table, user_id, job_id)
        if job is None:
            raise JobNotFound
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

    def _bill(self, job: Job, task: Task) -> Bill:
        return bill(self._operations.work(job.operation), job, task)

    def _note(self, job: Job, billed: Bill) -> None:
        """Counts what was strange about a bill, once the write that it stands in is committed."""
        if billed.alarm:
            self._alarm(job, billed.alarm)
        if billed.excess:
            self._metrics.count(Metric.HOUSE_LOSS, credits_number(billed.excess))
            log.error(
                "job_cost_more_than_held",
                job_id=job.job_id,
                cost_credits=credits_number(billed.charge.amount + billed.excess),
                held_credits=credits_number(job.held),
            )

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
                return self._capture(job, task, result)
            case Release(Failure.GENERATION_FAILED, Task() as task):
                work = self._operations.work(job.operation)
                return self._release(job, failure_of(work, job, task), task)
            case Release(failure, task):
                return self._release(job, failure, task)
            case DeliverUncharged(task, result):
                return self._deliver_uncharged(job, task, result)
            case StopMonitoring():
                self._write(store.stop_watching_write(job))
                return replace(job, watch_until=None, due_at=None)
            case Wait():
                return self._wait(job, transition)
            case Record() | Nothing():
                return job

    def _capture(self, job: Job, task: Task, result: Facts) -> Job:
        """T4: the charge and the result in one transaction; what it did not cost is returned."""
        billed = self._bill(job, task)
        charge = billed.charge
        delivered = self._changed(
            job,
            status=JobStatus.SUCCEEDED,
            result=result,
            facts=task.facts,
            captured=charge.amount,
            usage=charge.usage,
            provider_cost=charge.provider_cost,
            due_at=None,
            device=(),
        )

        def settle(device: Digests | None) -> Job:
            decide = charging(job, charge.amount)
            return self._settle(job, decide, delivered, store.capture_write, device)

        try:
            settled = settle(Digests(job.device) if job.device else None)
        except WalletBusy:
            if not job.device:
                raise
            # The claims are other users' items too: whoever keeps them busy must not keep the
            # capture from happening.
            settled = settle(None)
        self._note(job, billed)
        self._metrics.count(Metric.CAPTURES)
        self._metrics.timing(Metric.JOB_DURATION, self._clock.now() - job.created_at)
        log.info("job_captured", job_id=job.job_id, credits=credits_number(charge.amount))
        return settled

    def _release(self, job: Job, failure: str, task: Task | None = None) -> Job:
        """T5: everything held goes back; an unresolved job is watched further."""
        watched = failure == Failure.PROVIDER_UNRESOLVED
        now = self._clock.now()
        watch_until = now + self._times.watch if watched else None
        released = self._changed(
            job,
            status=JobStatus.FAILED,
            failure=failure,
            facts=task.facts if task else job.facts,
            watch_until=watch_until,
            due_at=now + self._times.watch_poll if watched else None,
            device=(),
        )

        settled = self._settle(job, returning(job), released, store.release_write)
        self._metrics.count(Metric.RELEASES, reason=failure)
        log.info(
            "job_released",
            job_id=job.job_id,
            credits=credits_number(job.held),
            reason=failure,
            provider_reason=task.reason if task else "",
        )
        return settled

    def _changed(self, job: Job, **changes: Any) -> Job:
        """The job with those changes, sealed. Raises `JobDamaged`: to seal an edited job again
        would hide the edit."""
        self._require_sealed(job)
        return store.sealed(replace(job, **changes), self._mac_key)

    def _require_sealed(self, job: Job) -> None:
        """Raises `JobDamaged` for a job that this service did not write so. Whatever a provider
        says of an edited task id says nothing about the job."""
        if not store.is_sealed(job, self._mac_key):
            log.error("job_damaged", user_id=job.payer, job_id=job.job_id)
            self._metrics.count(Metric.LEDGER_DAMAGED)
            raise JobDamaged

    def _settle(
        self,
        job: Job,
        decide: Decide,
        ended: Job,
        write_end: WriteEnd,
        device: Digests | None = None,
    ) -> Job:
        """Returns the job as it is stored, with the balance that its end left."""
        if not job.is_open:
            raise StaleRead("the job has ended")
        terms = SettlementTerms(
            job, decide, ended, write_end, device, self._users, self._mac_key, self._addition
        )
        moved = self._ledger.move(job.payer, terms.propose, terms.was_committed, related=terms.keys)
        return terms.after(moved.movement) if moved.movement else terms.stored(moved.snapshot)

    def _deliver_uncharged(self, job: Job, task: Task, result: Facts) -> Job:
        billed = self._bill(job, task)
        charge = billed.charge
        delivered = self._changed(
            job,
            task_id=task.task_id,
            result=result,
            facts=task.facts,
            usage=charge.usage,
            provider_cost=charge.provider_cost,
            house_loss=charge.amount,
            watch_until=None,
            due_at=None,
        )
        self._write(store.deliver_uncharged_write(job, delivered))
        self._note(job, billed)
        self._metrics.count(Metric.HOUSE_LOSS, credits_number(charge.amount))
        log.warning(
            "job_delivered_free",
            job_id=job.job_id,
            house_loss_credits=credits_number(charge.amount),
        )
        return delivered

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

    def _wait(self, job: Job, wait: Wait) -> Job:
        if wait.alarm:
            self._alarm(job, wait.alarm)
        self._write(store.due_write(job, wait.due_at, wait.not_found_at))
        return replace(job, due_at=wait.due_at, not_found_at=wait.not_found_at)

    def _alarm(self, job: Job, alarm: str) -> None:
        log.error("job_needs_attention", user_id=job.payer, job_id=job.job_id, alarm=alarm)
        self._metrics.count(Metric.JOB_ALARMS, alarm=alarm)

    def _write(self, write: Update) -> None:
        try:
            self._table.write(write)
        except ConditionFailed:
            raise StaleRead from None
