"""Operations for subscribers: who may request them, and under which limits."""

from typing import Any

import pytest

from service.catalog.entities import IMAGE_TO_VIDEO
from service.core.amounts import SCALE
from service.core.errors import FareboxError
from service.entitlements.entities import Plans, SubscriptionRequired
from service.entitlements.operations import Entitlements
from service.jobs.work import Charge
from service.ledger.limits import (
    DailyLimitReached,
    LossLimitReached,
    TooManyOpenJobs,
    UserLimits,
)
from service.providers.base import TaskStatus
from tests.doubles.meter import Meter
from tests.doubles.service_harness import ServiceHarness, order
from tests.entitlements.test_entities import plan, subscription
from tests.faults.enumeration.tables import MemoryBehind

PRO = plan(operations=frozenset({IMAGE_TO_VIDEO}), max_open_jobs=2, max_credits_per_day=100 * SCALE)


def harness(memory: Any, name: str, **limits: Any) -> ServiceHarness:
    plans = Plans([plan("starter"), PRO])
    return ServiceHarness(memory, name, replacements={Plans: plans}, **limits)


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return harness(memory, memory.name, max_open_jobs=1)


def subscribe(world: ServiceHarness, status: str = "active", price_id: str = "price_pro") -> None:
    entitlements = world.parts.get(Entitlements)
    entitlements.apply(entitlements.of("ann"), [subscription(status, price_id=price_id)])


def refused(world: ServiceHarness, error: type[FareboxError], **request: Any) -> FareboxError:
    """The refusal of that request, which must have written nothing and called no provider."""
    before = world.items()
    with pytest.raises(error) as raised:
        world.submit(**request)
    assert world.items() == before
    return raised.value


def test_someone_without_a_subscription_is_refused_before_they_are_signed_up(
    world: ServiceHarness,
) -> None:
    refusal = refused(world, SubscriptionRequired)
    assert refusal.details == {"operation": IMAGE_TO_VIDEO, "plans": ["pro"], "status": "none"}
    with pytest.raises(SubscriptionRequired):
        world.jobs.quote(order().principal, IMAGE_TO_VIDEO, order())


@pytest.mark.parametrize(
    ("status", "price_id"), [("canceled", "price_pro"), ("active", "price_starter")]
)
def test_a_subscription_that_does_not_permit_it_is_refused(
    world: ServiceHarness, status: str, price_id: str
) -> None:
    subscribe(world, status, price_id)
    refused(world, SubscriptionRequired)


def test_a_subscriber_is_served_within_the_limits_of_the_plan(world: ServiceHarness) -> None:
    """Which come before those of every user: here one open job."""
    subscribe(world)
    world.submit()
    world.submit()
    refusal = refused(world, TooManyOpenJobs)
    assert refusal.details["limit"] == 2


def test_the_plans_credits_per_day_hold(memory: MemoryBehind) -> None:
    world = harness(memory, memory.name, price=60, welcome_credits=200)
    subscribe(world)
    world.submit()
    assert refused(world, DailyLimitReached).details["limit"] == 100


def test_a_plan_does_not_lift_the_limit_of_what_the_house_may_lose(
    memory: MemoryBehind, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {Plans: Plans([PRO]), UserLimits: UserLimits(max_loss_per_day=1)}
    world = ServiceHarness(memory, memory.name, replacements=kept)
    subscribe(world)
    job_id = world.submit().job.job_id
    work = world.operations.work(IMAGE_TO_VIDEO)
    monkeypatch.setattr(work, "charge", lambda job, task: Charge(job.held + 1))
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job_id)
    refused(world, LossLimitReached)


def test_a_repeated_key_returns_its_job_after_the_subscription_has_ended(
    world: ServiceHarness,
) -> None:
    subscribe(world)
    first = world.submit(key="k")
    subscribe(world, "canceled")
    again = world.submit(key="k")
    assert (again.job.job_id, again.replayed) == (first.job.job_id, True)
    refused(world, SubscriptionRequired, key="another")


def test_a_subscription_that_ends_before_a_hold_is_retried_refuses_it(
    world: ServiceHarness,
) -> None:
    """Every attempt decides on what it has read itself."""
    subscribe(world)
    world.submit()
    subscribe(world)
    wire, ended = world.wire(), []

    def end(operation: str) -> None:
        if operation == "TransactWriteItems" and not ended:
            ended.append(operation)
            subscribe(world, "canceled")

    wire.before(end)
    wire.plan("TransactWriteItems", "conflict")
    before = world.balance()
    with pytest.raises(SubscriptionRequired):
        world.submit()
    assert ended
    assert world.balance() == before


def test_the_entitlement_is_read_with_the_wallet_in_one_call(client: Any, table_name: str) -> None:
    world = harness(client, table_name)
    subscribe(world)
    world.submit()
    meter = Meter(world.dynamodb, client)
    with meter.watch() as held:
        world.submit()
    assert held.calls == ["TransactGetItems", "TransactWriteItems", "UpdateItem"]


def test_an_operation_for_everyone_reads_no_entitlement(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name)
    world.submit()
    meter = Meter(world.dynamodb, client)
    with meter.watch() as held:
        world.submit()
    assert held.calls == ["GetItem", "TransactWriteItems", "UpdateItem"]
