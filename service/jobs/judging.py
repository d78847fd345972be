"""What a kind of work says of a finished task, checked before it is believed.

A vendor's strange response must never keep a job from its end: whatever a kind of work raises or
returns here has an outcome."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from service.core.amounts import Amount
from service.jobs.entities import MAX_RESULT_BYTES, RETRYABLE, Failure, Job, ProviderCost
from service.jobs.work import AsynchronousWork, Charge, Facts, Verdict
from service.providers.base import Task
from service.storage.codec import encode_item

log = structlog.get_logger()

# Every reader of JSON keeps a number up to here exact, and DynamoDB stores it.
MAX_COUNT = 2**53 - 1

Price = Callable[[Job, Task], Charge]


@dataclass(frozen=True)
class Bill:
    """What a user pays for delivered work. `charge` is at most what is held; `excess` credits are
    what the work cost beyond that, a loss of ours. `alarm` names a vendor fault in pricing it."""

    charge: Charge
    excess: Amount = 0
    alarm: str = ""


@dataclass(frozen=True)
class Delivery:
    """What was delivered, what is to be paid for it, and the provider's own `facts`."""

    result: Facts
    bill: Bill
    facts: Facts = field(default_factory=dict)

    @property
    def cost(self) -> Amount:
        """What it is worth, whoever pays."""
        return self.bill.charge.amount + self.bill.excess

    @property
    def uncharged(self) -> dict[str, Any]:
        """What a job that is not charged for it records of it."""
        charge = self.bill.charge
        return {
            "result": self.result,
            "usage": charge.usage,
            "provider_cost": charge.provider_cost,
            "house_loss": charge.amount,
        }


def result_of(work: AsynchronousWork, job: Job, task: Task) -> Facts | None:
    """The result that the task delivers; None when there is none that can be stored."""
    try:
        result = work.judge(task)
        if not result:
            return None
        encode_item(result)
        return result if len(json.dumps(result)) <= MAX_RESULT_BYTES else None
    except Exception:
        log.exception("result_not_judged", job_id=job.job_id)
        return None


def failure_of(work: AsynchronousWork, job: Job, task: Task) -> str:
    """Why a task failed: the code that a refusal for the same reason at once would have had, where
    the provider says that the user's request is to blame. Never a retryable one: the provider took
    the task, so nothing may take its place under the same key."""
    if task.rejection is None:
        return Failure.GENERATION_FAILED
    try:
        failure = work.failure_of(task.rejection)
    except Exception:
        log.exception("failure_not_named", job_id=job.job_id)
        return Failure.GENERATION_FAILED
    is_usable = failure in work.failures and failure not in RETRYABLE
    return failure if is_usable else Failure.GENERATION_FAILED


def bill(work: AsynchronousWork, job: Job, task: Task) -> Bill:
    """The bill for delivered work. What the vendor reports decides; where that cannot be priced,
    our own count does, and where even that breaks, nothing is charged."""
    cost, alarm = _possible(work.charge, job, task), ""
    if cost is None:
        cost = _possible(work.charge_by_own_count, job, task) or Charge(0)
        alarm = "charge_unusable"
    return bill_within(job, cost, alarm)


def bill_within(job: Job, cost: Charge, alarm: str = "") -> Bill:
    """The bill for work that cost so much: what the job does not hold is not charged."""
    charge = replace(cost, amount=min(cost.amount, job.held))
    return Bill(charge, cost.amount - charge.amount, alarm)


def bill_of_call(job: Job, verdict: Verdict) -> Bill:
    """The bill for a call that came to that verdict. One that cannot be is no charge."""
    if is_possible(verdict.charge):
        return bill_within(job, verdict.charge, verdict.alarm)
    log.error("charge_impossible", job_id=job.job_id)
    return bill_within(job, Charge(0), "charge_unusable")


def _possible(price: Price, job: Job, task: Task) -> Charge | None:
    try:
        charge = price(job, task)
        if is_possible(charge):
            return charge
        given = repr(charge.amount)[:40]
        log.error("charge_impossible", job_id=job.job_id, given_thousandths=given)
    except Exception:
        log.exception("charge_broke", job_id=job.job_id)
    return None


def is_possible(charge: Charge) -> bool:
    counts = (charge.amount, *charge.usage.values())
    return (
        all(_is_count(count) for count in counts)
        and all(isinstance(name, str) for name in charge.usage)
        and _is_possible_cost(charge.provider_cost)
    )


def _is_possible_cost(cost: ProviderCost | None) -> bool:
    return cost is None or (_is_count(cost.micros) and isinstance(cost.currency, str))


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_COUNT
