"""What vendors bill for a user and no one pays: counted on the wallet, and limited for each day."""

from decimal import Decimal
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.days import DAY
from service.jobs.entities import Job
from service.jobs.work import Charge, Operations
from service.ledger import keys as ledger_keys
from service.ledger.entities import WalletBusy
from service.ledger.limits import LossLimitReached, UserLimits, loss_on
from service.ledger.store import entries
from service.providers.base import TaskStatus
from service.providers.generation import (
    BrokenOff,
    Complete,
    FinishReason,
    Output,
    TokenUsage,
    VendorFault,
)
from service.storage.writes import Update, When
from service.text.runs import Runs
from service.text.verdicts import Stop
from tests.doubles.meter import Meter
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import ServiceHarness
from tests.text.conftest import begin, text_world, write

TEXT = "word" * 1000
# By our own count, as in tests/text/test_calls.py.
LOSS = 9
OF_A_CANCELLED_CALL = 1
BROKEN = (Output(TEXT), BrokenOff(VendorFault.CONNECTION_CUT))


def world_with(client: Any, table_name: str, limit: int) -> ServiceHarness:
    """`limit` is in thousandths."""
    limits = UserLimits(max_loss_per_day=limit)
    return text_world(client, table_name, provider=LikeKling(), replacements={UserLimits: limits})


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return world_with(client, table_name, 2 * LOSS)


def lose(world: ServiceHarness, *steps: Any) -> None:
    """A text that ends by those steps, without a charge."""
    world.vendor.scripts.append(steps or BROKEN)  # type: ignore[attr-defined]
    assert write(world, max_tokens=10_000).captured == 0


def refused(world: ServiceHarness, **options: Any) -> LossLimitReached:
    """The refusal of a text, which has written nothing and called no vendor."""
    before, sent = world.items(), len(world.vendor.sent)  # type: ignore[attr-defined]
    with pytest.raises(LossLimitReached) as refusal:
        begin(world, **options)
    assert (world.items(), len(world.vendor.sent)) == (before, sent)  # type: ignore[attr-defined]
    return refusal.value


def lost(world: ServiceHarness) -> int:
    return loss_on(world.wallet(), world.clock.now())


def test_a_user_costs_the_house_no_more_in_a_day_than_the_limit(world: ServiceHarness) -> None:
    for count in (1, 2):
        lose(world)
        assert lost(world) == count * LOSS
    refusal = refused(world, key="k")
    midnight = (world.clock.now() // DAY + 1) * DAY
    assert refusal.details["limit"] == refusal.details["uncharged"] == 0.018
    assert refusal.retry_after_seconds == -(-(midnight - world.clock.now()) // 1000)
    with pytest.raises(LossLimitReached):
        world.submit()
    assert begin(world, user_id="bob", device="laptop").job.status
    world.clock.advance(refusal.retry_after_seconds)
    assert write(world, key="k").captured > 0
    assert lost(world) == 0
    lose(world)
    assert lost(world) == LOSS
    assert world.audit().violations == ()


def test_a_cancel_that_comes_while_a_call_that_broke_off_is_settled_costs_nothing(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    decline, tries = world.jobs.decline, iter((True, False))

    def cancelled_meanwhile(job: Job, failure: str) -> Job:
        for run in world.parts.get(Runs):
            run.end(Stop.CANCELLED)
        if next(tries):
            raise WalletBusy
        return decline(job, failure)

    monkeypatch.setattr(world.jobs, "decline", cancelled_meanwhile)
    world.vendor.scripts.append((BrokenOff(VendorFault.STALLED),))  # type: ignore[attr-defined]
    job = write(world)
    assert (job.failure, job.house_loss, lost(world)) == ("NO_RESPONSE", None, 0)


def test_a_call_that_is_cancelled_before_its_first_word_costs_its_input(
    world: ServiceHarness,
) -> None:
    def cancel() -> None:
        for run in world.parts.get(Runs):
            run.end(Stop.CANCELLED)

    lose(world, cancel)
    assert lost(world) == OF_A_CANCELLED_CALL
    assert world.audit().violations == ()


def test_what_no_vendor_bills_and_what_is_paid_are_no_loss(world: ServiceHarness) -> None:
    lose(world, BrokenOff(VendorFault.CONNECTION_CUT))
    assert write(world).captured > 0
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.FAILED)
    world.settlement.resolve("ann", job_id)
    assert (lost(world), world.wallet().loss_day) == (0, 0)


def test_what_a_task_costs_beyond_its_hold_is_a_loss_too(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.submit().job.job_id
    work = world.parts.get(Operations).work("kling:image2video")
    monkeypatch.setattr(work, "charge", lambda job, task: Charge(job.held + 7))
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job_id)
    assert (lost(world), world.wallet().captured) == (7, SCALE)
    assert world.audit().violations == ()


def test_the_entry_names_the_loss_and_proves_it(world: ServiceHarness) -> None:
    lose(world)
    *_, last = entries(world.table, "ann")
    assert last.details["houseLoss"] == "0.009"


@pytest.mark.parametrize("changes", [{"lossToday": 0}, {"lossDay": 1}, {"lossToday": Decimal(7)}])
def test_the_audit_names_a_loss_that_no_entry_proves(
    world: ServiceHarness, changes: dict[str, Any]
) -> None:
    lose(world)
    assert world.audit().violations == ()
    where = When(equals={"PK": "USER#ann"})
    world.table.write(Update(ledger_keys.wallet("ann"), where, set=changes))
    (found,) = world.audit().violations
    assert (found.item, "lossToday is" in found.what) == ("USER#ann/METADATA", True)


def test_a_loss_costs_no_call_and_no_unit(client: Any, table_name: str) -> None:
    world = world_with(client, table_name, 1000)
    usage = TokenUsage(30, 1000)
    meter, bills = Meter(world.dynamodb, client), []
    lose(world)
    for last in (BrokenOff(VendorFault.STALLED), Complete(FinishReason.STOP, usage)):
        world.vendor.scripts.append((Output(TEXT), last))  # type: ignore[attr-defined]
        with meter.watch() as bill:
            write(world, max_tokens=10_000)
        bills.append((bill.calls, bill.writes))
    assert bills[0] == bills[1]
