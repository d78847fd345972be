"""The ends that a job can come to, and the waits before them: each is one write, under the
condition that the job still is as it was read.

In a file of its own because whoever decides what a job has come to (`settlement`, `calls`) ends it
by these."""

from copy import copy
from dataclasses import replace
from typing import Any, Self

import structlog

from service.core.amounts import credits_number
from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.jobs import store
from service.jobs.entities import Failure, Job, JobDamaged, JobNotFound, JobStatus, Times
from service.jobs.judging import Bill, Delivery
from service.jobs.settlement_terms import (
    Addition,
    Decide,
    SettlementTerms,
    WriteEnd,
    charging,
    returning,
)
from service.jobs.state_machine import Wait
from service.jobs.work import Facts
from service.ledger.entities import StaleRead, WalletBusy
from service.ledger.operations import Ledger
from service.storage.table import ConditionFailed, Table
from service.storage.writes import Update
from service.users.entities import Digests
from service.users.operations import Users

log = structlog.get_logger()

# A process that dies may have stored a result just before: its head is found within this.
INTERRUPTED_WATCH_MILLISECONDS = 3_600_000


class Endings:
    """Ends jobs. Every method raises `StaleRead` for a job that has changed since it was read,
    `JobDamaged`, and what `Ledger.move` raises."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        users: Users,
        clock: Clock,
        metrics: Metrics,
        times: Times,
        mac_key: bytes,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._users = users
        self._clock = clock
        self._metrics = metrics
        self._times = times
        self._mac_key = mac_key
        self._addition: Addition | None = None

    def adding(self, addition: Addition) -> Self:
        """The same, whose captures and releases write that as well, in their own transaction."""
        other = copy(self)
        other._addition = addition
        return other

    def read(self, user_id: str, job_id: str) -> Job:
        """Raises `JobNotFound`."""
        job = store.read(self._table, user_id, job_id)
        if job is None:
            raise JobNotFound
        return job

    def _note(self, job: Job, billed: Bill) -> None:
        """Counts what was strange about a bill, once the write that it stands in is committed."""
        if billed.alarm:
            self._alarm(job, billed.alarm)
            self._metrics.count(Metric.USAGE_FAULTS, fault=billed.alarm)
        if billed.excess:
            self._metrics.count(Metric.HOUSE_LOSS, credits_number(billed.excess))
            log.error(
                "job_cost_more_than_held",
                job_id=job.job_id,
                cost_credits=credits_number(billed.charge.amount + billed.excess),
                held_credits=credits_number(job.held),
            )

    def _capture(self, job: Job, delivery: Delivery) -> Job:
        """T4: the charge and the result in one transaction; what it did not cost is returned."""
        charge = delivery.bill.charge
        delivered = self._changed(
            job,
            status=JobStatus.SUCCEEDED,
            result=delivery.result,
            facts=delivery.facts,
            captured=charge.amount,
            usage=charge.usage,
            provider_cost=charge.provider_cost,
            due_at=None,
            device=(),
        )

        def settle(device: Digests | None) -> Job:
            decide = charging(job, charge.amount, delivery.bill.excess)
            return self._settle(job, decide, delivered, store.capture_write, device)

        try:
            settled = settle(Digests(job.device) if job.device else None)
        except WalletBusy:
            if not job.device:
                raise
            # The claims are other users' items too: whoever keeps them busy must not keep the
            # capture from happening.
            settled = settle(None)
        self._note(job, delivery.bill)
        self._metrics.count(Metric.CAPTURES)
        self._metrics.timing(Metric.JOB_DURATION, self._clock.now() - job.created_at)
        log.info("job_captured", job_id=job.job_id, credits=credits_number(charge.amount))
        return settled

    def _release(
        self,
        job: Job,
        failure: str,
        facts: Facts | None = None,
        reason: str = "",
        part: Delivery | None = None,
    ) -> Job:
        """T5: everything held goes back; what may yet come to light is watched further. `facts` and
        `reason` are the provider's own, `part` is what it had delivered, a loss of the house."""
        now = self._clock.now()
        watch = self._watch_of(failure)
        released = self._changed(
            job,
            status=JobStatus.FAILED,
            failure=failure,
            facts=job.facts if facts is None else facts,
            watch_until=now + watch if watch else None,
            due_at=now + min(watch, self._times.watch_poll) if watch else None,
            device=(),
            **(part.uncharged if part else {}),
        )

        decide = returning(job, part.cost if part else 0)
        settled = self._settle(job, decide, released, store.release_write)
        self._metrics.count(Metric.RELEASES, reason=failure)
        log.info(
            "job_released",
            job_id=job.job_id,
            credits=credits_number(job.held),
            reason=failure,
            provider_reason=reason,
        )
        if part:
            self._note_loss(job, part)
        return settled

    def _watch_of(self, failure: str) -> int:
        """How long a job that failed so is watched further."""
        if failure == Failure.PROVIDER_UNRESOLVED:
            return self._times.watch
        return INTERRUPTED_WATCH_MILLISECONDS if failure == Failure.INTERRUPTED else 0

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

    def _deliver_uncharged(self, job: Job, delivery: Delivery, task_id: str | None = None) -> Job:
        delivered = self._changed(
            job,
            task_id=task_id,
            facts=delivery.facts,
            watch_until=None,
            due_at=None,
            **delivery.uncharged,
        )
        self._write(store.deliver_uncharged_write(job, delivered))
        self._note_loss(job, delivery)
        return delivered

    def _note_loss(self, job: Job, delivery: Delivery) -> None:
        loss = delivery.bill.charge.amount
        self._note(job, delivery.bill)
        self._metrics.count(Metric.HOUSE_LOSS, credits_number(loss))
        log.warning(
            "job_delivered_free", job_id=job.job_id, house_loss_credits=credits_number(loss)
        )

    def _stop_watching(self, job: Job) -> Job:
        self._write(store.stop_watching_write(job))
        return replace(job, watch_until=None, due_at=None)

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
