"""Automatic top-up that is on and buys nothing says why; its user alone causes a charge."""

import pytest

from service.billing.payments import Payments
from service.billing.top_up_entities import month_of
from service.billing.top_up_schemas import top_up_body
from service.ledger import keys as ledger_keys
from service.ledger.movements import adjust
from service.ledger.operations import Proposal, Snapshot
from service.providers.base import TaskStatus
from service.storage.writes import Update, When
from tests.billing.test_top_ups import PRICE, TopUpWorld

LOW = 50_000


@pytest.fixture
def world() -> TopUpWorld:
    return TopUpWorld()


def rest_reason(world: TopUpWorld) -> object:
    return top_up_body(world.setting(), month_of(world.clock.now()))["restReason"]


def is_refused(world: TopUpWorld) -> None:
    world.top_ups.want("ann", refused=True)
    world.top_ups.run("ann")


def corrected(world: TopUpWorld, amount: int) -> None:
    def propose(snapshot: Snapshot, now: int) -> Proposal:
        wallet = snapshot.wallet
        assert wallet is not None
        return Proposal(adjust(wallet, amount, "adj_1", now))

    world.harness.ledger.move("ann", propose, lambda _: False)


@pytest.mark.parametrize(
    ("trouble", "reason"), [("debt", "debt"), ("status", "frozen"), ("dispute", "dispute")]
)
def test_what_keeps_it_from_buying_is_said_until_it_buys(
    world: TopUpWorld, trouble: str, reason: str
) -> None:
    world.enable(threshold=2000)
    assert rest_reason(world) is None
    wallet, before = ledger_keys.wallet("ann"), {"debt": 0, "status": "open"}
    if trouble == "dispute":
        dispute = world.account.controls.dispute(world.stored()[0].payment_id)
        world.harness.parts.get(Payments).settle(world.stored()[0].payment_id)
    else:
        wrong = {"debt": 5, "status": "frozen"}[trouble]
        world.harness.table.write(Update(wallet, When(), set={trouble: wrong}))
    is_refused(world)
    assert (world.automatic(), rest_reason(world)) == ([], reason)
    if trouble == "dispute":
        world.account.controls.dispute(dispute=dispute["id"], action="won")
        world.harness.parts.get(Payments).settle(world.stored()[0].payment_id)
    else:
        world.harness.table.write(Update(wallet, When(), set={trouble: before[trouble]}))
    is_refused(world)
    assert (len(world.automatic()), rest_reason(world)) == (1, None)
    assert world.harness.audit().violations == ()


def test_a_lost_dispute_is_a_reason_for_good(world: TopUpWorld) -> None:
    world.enable(threshold=2000)
    payment = world.stored()[0].payment_id
    dispute = world.account.controls.dispute(payment)
    world.account.controls.dispute(dispute=dispute["id"], action="lost")
    world.harness.parts.get(Payments).settle(payment)
    world.clock.advance(400 * 24 * 3600)
    is_refused(world)
    assert (world.automatic(), world.setting().enabled) == ([], True)
    assert rest_reason(world) == "dispute"


def test_a_cap_that_leaves_no_room_is_a_reason(world: TopUpWorld) -> None:
    world.enable(cap_cents=PRICE)
    world.top_ups.run("ann")
    world.later()
    is_refused(world)
    assert (len(world.automatic()), rest_reason(world)) == (1, "monthly_cap")


def test_what_is_switched_on_anew_has_no_reason_yet(world: TopUpWorld) -> None:
    world.enable(cap_cents=PRICE)
    world.top_ups.run("ann")
    world.later()
    is_refused(world)
    assert world.enable(cap_cents=2 * PRICE).rest_reason == ""


def test_an_operators_correction_charges_no_card(world: TopUpWorld) -> None:
    world.enable(threshold=LOW)
    world.harness.work()
    corrected(world, -80_000)
    world.harness.work_until(60)
    assert world.automatic() == []
    is_refused(world)
    assert len(world.automatic()) == 1


def test_use_after_a_correction_buys(world: TopUpWorld) -> None:
    world.enable(threshold=4000)
    world.harness.work()
    corrected(world, -98_500)
    job = world.harness.submit("ann", device="phone").job
    world.harness.provider.book(job.job_id, TaskStatus.SUCCEEDED)
    world.harness.work_until(120)
    assert len(world.automatic()) == 1
