"""The one place that settles: records, captures, releases and defers jobs, for the request, the
worker, the callback and the operator alike (the money protocol, section 5)."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from service.core.clock import Clock, iso
from service.core.metrics import Metric, Metrics
from service.jobs import keys, store
from service.jobs.entities import (
    RESULT_MILLISECONDS,
    Capture,
    DeliverUncharged,
    Failure,
    Job,
    JobNotFound,
    JobStatus,
    Nothing,
    Observation,
    Record,
    Release,
    ReleaseNotAllowed,
    StopMonitoring,
    Times,
    Transition,
    Wait,
    next_transition,
)
from service.ledger.entities import Movement, StaleRead, Wallet, capture, release
from service.ledger.operations import ConditionalWrite, Ledger, Proposal, Snapshot
from service.providers.base import Indeterminate, Provider, Task
from service.storage.table import ConditionFailed, MaybeApplied, NotApplied, Table
from service.storage.writes import Update

log = structlog.get_logger()

MAX_ROUNDS = 4
RECORD_TRIES = 3
RECORD_PAUSE_SECONDS = 0.2


class Settlement:
    """Brings jobs to their one end. Safe to call at any time, any number of times, from any number
    of processes."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        provider: Provider,
        clock: Clock,
        metrics: Metrics,
        times: Times,
        plain_links: bool,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._provider = provider
        self._clock = clock
        self._metrics = metrics
        self._times = times
        self._plain_links = plain_links

    def resolve(self, user_id: str, job_id: str, due_by: int | None = None) -> Job:
        """Looks at the provider once per round and does what follows from it. Gives the job as it
        stands afterwards.

        With `due_by` (epoch milliseconds), a job whose next look lies later is left alone: the
        index that named it lags, or another worker has just looked.

        Raises `JobNotFound`, `StorageUnavailable`, or what `Ledger.move` raises."""
        for _ in range(MAX_ROUNDS):
            job = self.read(user_id, job_id)
            if job.status is JobStatus.SUCCEEDED or job.video_url:
                return job
            if due_by is not None and (job.due_at is None or job.due_at > due_by):
                return job
            look = self._look(job)
            try:
                return self._take(*self._step(job, look))
            except StaleRead:
                continue
        return self.read(user_id, job_id)

    def force_release(self, user_id: str, job_id: str) -> Job:
        """An operator's way out for a job past its hard limit that nothing settles. The provider is
        asked once more: what is certain is done as always, and anything else releases the job as
        unresolved, to be watched further.

        Raises `ReleaseNotAllowed` (nothing is written), and what `resolve` raises."""
        job = self._overdue(user_id, job_id)
        for _ in range(MAX_ROUNDS):
            try:
                return self._given_up(job)
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
        """T3: notes the provider's id. Gives the job as it is stored then, whoever got there first.

        Raises `StorageUnavailable` when that cannot be learnt."""
        for tries_left in reversed(range(RECORD_TRIES)):
            try:
                return self._recorded(job, task)
            except (NotApplied, MaybeApplied):
                if not tries_left:
                    raise
                self._clock.sleep(RECORD_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def decline(self, job: Job, failure: Failure) -> Job:
        """T5 for a job that the provider surely did not take. Gives the job as stored, whoever
        settled it.

        Raises what `Ledger.move` raises, and `StorageUnavailable`."""
        try:
            return self._release(job, failure)
        except StaleRead:
            return self.read(job.user_id, job.job_id)

    def _look(self, job: Job) -> Observation:
        asked_at = self._clock.now()
        lookup = self._provider.fetch_task(job.task_id, job.job_id)
        return Observation(lookup, asked_at, self._clock.now())

    def _step(self, job: Job, look: Observation) -> tuple[Job, Transition]:
        """What follows, for the job with its task noted if that has only now come to light."""
        step = next_transition(job, look, self._times, self._plain_links)
        if isinstance(step, Record):
            job = self.record(job, step.task)
            step = next_transition(job, look, self._times, self._plain_links)
        return job, step

    def _overdue(self, user_id: str, job_id: str) -> Job:
        job = self.read(user_id, job_id)
        if not job.is_open:
            raise ReleaseNotAllowed(f"{job_id} has ended already: it is {job.status}.")
        if self._clock.now() < job.hard_at:
            raise ReleaseNotAllowed(
                f"{job_id} may still settle by itself: its time runs out at {iso(job.hard_at)}."
            )
        return job

    def _given_up(self, job: Job) -> Job:
        job, step = self._step(job, self._last_look(job))
        return self._take(
            job,
            step if isinstance(step, Capture | Release) else Release(Failure.PROVIDER_UNRESOLVED),
        )

    def _last_look(self, job: Job) -> Observation:
        """What cannot even be asked is as unclear as no answer."""
        try:
            return self._look(job)
        except Exception:
            log.exception("provider_look_broke", job_id=job.job_id)
            now = self._clock.now()
            return Observation(Indeterminate(), now, now)

    def _take(self, job: Job, step: Transition) -> Job:
        match step:
            case Capture(task):
                return self._capture(job, task)
            case Release(failure, task):
                return self._release(job, failure, task)
            case DeliverUncharged(task):
                return self._give(job, task)
            case StopMonitoring():
                self._write(store.stop_watching_write(job))
                return replace(job, watch_until=None, due_at=None)
            case Wait():
                return self._wait(job, step)
            case Record() | Nothing():
                return job

    def _capture(self, job: Job, task: Task) -> Job:
        """T4: the charge and the result in one transaction."""
        url = task.result_url or ""
        expires_at = self._clock.now() + RESULT_MILLISECONDS
        write = store.capture_write(job, url, expires_at, task.facts)

        def decide(wallet: Wallet, now: int) -> Movement:
            return capture(wallet, job.allocation, job.price, job.job_id, job.created_at, now)

        self._settle(job, decide, write, lambda stored: stored.video_expires_at == expires_at)
        self._metrics.count(Metric.CAPTURES)
        self._metrics.timing(Metric.JOB_DURATION, self._clock.now() - job.created_at)
        log.info("job_captured", job_id=job.job_id, credits=job.price)
        return replace(
            job,
            status=JobStatus.SUCCEEDED,
            video_url=url,
            video_expires_at=expires_at,
            facts=task.facts,
            due_at=None,
        )

    def _release(self, job: Job, failure: Failure, task: Task | None = None) -> Job:
        """T5: everything held goes back; an unresolved job is watched further."""
        watched = failure is Failure.PROVIDER_UNRESOLVED
        now = self._clock.now()
        watch_until = now + self._times.watch if watched else None
        due_at = now + self._times.watch_poll if watched else None
        facts = task.facts if task else job.facts
        write = store.release_write(job, failure, facts, watch_until, due_at)

        def decide(wallet: Wallet, now: int) -> Movement:
            return release(wallet, job.allocation, job.job_id, job.created_at, now)

        self._settle(
            job,
            decide,
            write,
            lambda stored: (stored.failure, stored.watch_until) == (failure, watch_until),
        )
        self._metrics.count(Metric.RELEASES, reason=failure)
        told = task.reason if task else ""
        log.info(
            "job_released",
            job_id=job.job_id,
            credits=job.price,
            reason=failure,
            provider_reason=told,
        )
        return replace(
            job,
            status=JobStatus.FAILED,
            failure=failure,
            facts=facts,
            watch_until=watch_until,
            due_at=due_at,
        )

    def _settle(
        self,
        job: Job,
        decide: Callable[[Wallet, int], Movement],
        write: Update,
        is_ours: Callable[[Job], bool],
    ) -> None:
        """Wallet and job are read at one moment: a job that somebody else has settled must not be
        settled on their wallet, and one that has ended, however it was read, never again. `is_ours`
        tells this settlement, should its response be lost, from another's: what somebody else
        decided is read, never assumed."""
        if not job.is_open:
            raise StaleRead("the job has ended")
        key = keys.job(job.user_id, job.job_id)
        conditional = ConditionalWrite(write, StaleRead("the job has changed"))

        def propose(snapshot: Snapshot, now: int) -> Proposal:
            stored = snapshot.item(key)
            if snapshot.wallet is None or stored is None:
                raise LookupError(f"job {job.job_id} has no wallet or is gone")
            if not store.is_as_read(stored, job):
                raise StaleRead("the job has changed")
            return Proposal(decide(snapshot.wallet, now), [conditional])

        def was_committed(snapshot: Snapshot) -> bool:
            stored = snapshot.item(key)
            return stored is not None and is_ours(store.job_from(stored))

        self._ledger.move(job.user_id, propose, was_committed, related=(key,))

    def _give(self, job: Job, task: Task) -> Job:
        url = task.result_url or ""
        expires_at = self._clock.now() + RESULT_MILLISECONDS
        self._write(store.give_write(job, task.task_id, url, expires_at, task.facts))
        self._metrics.count(Metric.HOUSE_LOSS, job.price)
        log.warning("job_given", job_id=job.job_id, house_loss_credits=job.price)
        return replace(
            job,
            task_id=task.task_id,
            video_url=url,
            video_expires_at=expires_at,
            facts=task.facts,
            house_loss=job.price,
            watch_until=None,
            due_at=None,
        )

    def _recorded(self, job: Job, task: Task) -> Job:
        try:
            self._table.write(store.record_write(job, task.task_id, task.facts))
        except ConditionFailed as refused:
            if refused.item is None:
                raise JobNotFound from None
            return self._rewatched(store.job_from(refused.item), task)
        return replace(job, status=JobStatus.SUBMITTED, task_id=task.task_id, facts=task.facts)

    def _rewatched(self, stored: Job, task: Task) -> Job:
        """The job as somebody else left it; one released as unresolved is watched anew now that its
        task is known."""
        if stored.failure is not Failure.PROVIDER_UNRESOLVED or stored.task_id or stored.video_url:
            return stored
        now = self._clock.now()
        watch_until, due_at = now + self._times.watch, now + self._times.watch_poll
        try:
            self._write(store.rewatch_write(stored, task.task_id, watch_until, due_at))
        except StaleRead:
            return self.read(stored.user_id, stored.job_id)
        return replace(stored, task_id=task.task_id, watch_until=watch_until, due_at=due_at)

    def _wait(self, job: Job, wait: Wait) -> Job:
        if wait.alarm:
            log.error(
                "job_needs_attention", user_id=job.user_id, job_id=job.job_id, alarm=wait.alarm
            )
            self._metrics.count(Metric.JOB_ALARMS, alarm=wait.alarm)
        self._write(store.due_write(job, wait.due_at, wait.not_found_at))
        return replace(job, due_at=wait.due_at, not_found_at=wait.not_found_at)

    def _write(self, write: Update) -> None:
        try:
            self._table.write(write)
        except ConditionFailed:
            raise StaleRead from None
