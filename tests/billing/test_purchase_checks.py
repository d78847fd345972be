"""What the audit proves of purchases."""

from collections.abc import Callable

import pytest

from service.billing import keys
from service.billing import purchase_store as store
from service.core.amounts import amount_of
from service.ledger import keys as ledger_keys
from service.ledger.claw_backs import claw_back
from service.ledger.lots import LotKind
from service.ledger.operations import Proposal, Snapshot
from service.storage.keys import Key
from service.storage.writes import REPLACE, Delete, Put, When
from tests.billing.payment_world import PaymentWorld
from tests.doubles.service_harness import MAC_KEY

Damage = Callable[[PaymentWorld, str], None]


@pytest.fixture
def world() -> PaymentWorld:
    return PaymentWorld()


def delete(world: PaymentWorld, key: Key) -> None:
    world.harness.table.write(Delete(key, When(equals={"PK": key.pk})))


def rewrite(world: PaymentWorld, payment_id: str, **changes: object) -> None:
    """As if the service itself had written it so: sealed."""
    purchase = world.payments.read(payment_id)
    assert purchase is not None
    for name, value in changes.items():
        object.__setattr__(purchase, name, value)
    write = store.purchase_write(None, store.sealed(purchase, MAC_KEY))
    world.harness.table.write(Put(write.key, write.item, REPLACE))


def purchase_lost(world: PaymentWorld, payment_id: str) -> None:
    delete(world, keys.purchase(payment_id))


def grant_lost(world: PaymentWorld, payment_id: str) -> None:
    delete(world, ledger_keys.grant("purchase", payment_id))


def clawed_back_too_much(world: PaymentWorld, payment_id: str) -> None:
    rewrite(world, payment_id, clawed_back=amount_of(56))


def entry_not_named(world: PaymentWorld, payment_id: str) -> None:
    rewrite(world, payment_id, clawed_back=0, entries=())


def foreign_entry_named(world: PaymentWorld, payment_id: str) -> None:
    rewrite(world, payment_id, entries=(1,))


def missing_entry_named(world: PaymentWorld, payment_id: str) -> None:
    rewrite(world, payment_id, entries=(2, 3))


def another_amount_granted(world: PaymentWorld, payment_id: str) -> None:
    rewrite(world, payment_id, granted=amount_of(111))


def another_grant_named(world: PaymentWorld, payment_id: str) -> None:
    rewrite(world, payment_id, grant_entry=1)


def another_user(world: PaymentWorld, payment_id: str) -> None:
    rewrite(world, payment_id, user_id="bob")


@pytest.mark.protocol("purchase-proved")
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (purchase_lost, "is missing, and entry 2 is of its payment"),
        (grant_lost, "its grant is missing"),
        (clawed_back_too_much, "clawedBack is 56, its entries say 55"),
        (entry_not_named, "names the entries [], its payment has [3]"),
        (foreign_entry_named, "names the entries [1], its payment has [3]"),
        (missing_entry_named, "names the entries [2, 3], its payment has [3]"),
        (another_amount_granted, "is not as its grant says"),
        (another_grant_named, "names entry 1 as its grant, its payment has [2]"),
        (another_user, "is of bob, its entries are of ann"),
    ],
)
def test_the_audit_names_what_contradicts(world: PaymentWorld, damage: Damage, said: str) -> None:
    payment_id = world.pay()
    world.settle(payment_id)
    world.refund(payment_id, 500)
    world.settle(payment_id)
    world.assert_proved()
    damage(world, payment_id)
    found = [violation.what for violation in world.audit().violations]
    assert said in found


@pytest.mark.protocol("purchase-proved")
def test_a_purchase_that_a_restore_has_lost_is_written_again_with_what_was_clawed_back(
    world: PaymentWorld,
) -> None:
    payment_id = world.pay()
    world.settle(payment_id)
    world.refund(payment_id, 500)
    before = world.settle(payment_id)
    purchase_lost(world, payment_id)
    world.refund(payment_id, 100)
    after = world.settle(payment_id)
    assert (before.clawed_back, after.clawed_back) == (amount_of(55), amount_of(66))
    assert len(after.entries) == 2
    world.assert_proved()


@pytest.mark.protocol("purchase-proved")
def test_an_entry_that_moves_credits_of_a_payment_names_it(world: PaymentWorld) -> None:
    def unnamed(snapshot: Snapshot, now: int) -> Proposal:
        assert snapshot.wallet is not None
        return Proposal(claw_back(snapshot.wallet, 1, LotKind.PAID, None, "purchase:x", now))

    world.harness.ledger.move("ann", unnamed, lambda snapshot: False)
    (violation,) = world.audit().violations
    assert violation.what == "moves credits of a payment, and names none"
