"""Signing up: one welcome per identity and device, the cap exact, under any race."""

import threading
from functools import partial
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.ledger import keys as ledger_keys
from service.ledger.entities import OutcomeUnknown, WalletFrozen, WalletStatus
from service.providers.base import TaskStatus
from service.storage.keys import Key
from service.storage.writes import Put, Update, When
from service.users import keys as users_keys
from service.users.entities import (
    DeviceAlreadyUsed,
    IdentityLinked,
    Pepper,
    SystemLimitReached,
    device_digests,
    identity_digests,
)
from tests.doubles.service_harness import ServiceHarness, order


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name)


def sign_up(world: ServiceHarness, user_id: str = "ann", device: str = "phone") -> Any:
    return world.users.sign_up(order(user_id).principal, world.users.digests(device)).wallet


def test_a_new_user_gets_the_welcome_and_is_counted(world: ServiceHarness) -> None:
    wallet = sign_up(world)
    assert (wallet.credits, world.count()) == (3 * SCALE, 1)
    assert world.audit().violations == ()


def test_no_fingerprint_and_no_identity_stands_in_the_table_as_it_is(world: ServiceHarness) -> None:
    sign_up(world, device="a-very-raw-fingerprint")
    assert "a-very-raw-fingerprint" not in str(world.items())


@pytest.mark.protocol("known-user-wins")
def test_signing_up_twice_is_being_known(world: ServiceHarness) -> None:
    sign_up(world)
    assert sign_up(world).version == 1
    assert world.count() == 1


@pytest.mark.protocol("anothers-claim")
def test_the_device_of_another_is_refused_and_nothing_is_written(world: ServiceHarness) -> None:
    sign_up(world)
    before = world.items()
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(world, "bob")
    assert world.items() == before


@pytest.mark.protocol("claim-decides")
def test_the_claim_decides_when_the_index_has_not_caught_up(world: ServiceHarness) -> None:
    """Without the device item there is nothing in the index; the claim alone refuses."""
    digests = world.users.digests("phone")
    world.table.write(
        Put(
            users_keys.fingerprint_claim(digests.newest),
            {"userId": "ann", "at": "2026-11-21T00:00:00.000Z"},
        )
    )
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(world, "bob")


def test_a_device_item_without_a_claim_refuses_by_the_index(world: ServiceHarness) -> None:
    sign_up(world, "ann", "phone")
    job_id = world.submit("ann", "tablet").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job_id)
    world.client.delete_item(
        TableName=world.table._name,
        Key={
            "PK": {"S": f"FINGERPRINT#{world.users.digests('tablet').newest}"},
            "SK": {"S": "CLAIM"},
        },
    )
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(world, "bob", "tablet")


def test_a_full_system_refuses_strangers_and_nothing_is_written(
    client: Any, table_name: str
) -> None:
    world = ServiceHarness(client, table_name, max_users=1)
    sign_up(world)
    before = world.items()
    with pytest.raises(SystemLimitReached):
        sign_up(world, "bob", "laptop")
    assert world.items() == before
    assert sign_up(world).user_id == "ann"


@pytest.mark.protocol("limit-before-device")
def test_the_limit_is_named_before_the_device(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name, max_users=1)
    sign_up(world)
    with pytest.raises(SystemLimitReached):
        sign_up(world, "bob", "phone")


@pytest.mark.parametrize(
    "fault",
    [
        *("lost-answer", "lost-request", "throttle", "conflict", "internal"),
        *("foreign-applied", "foreign-lost"),
    ],
)
@pytest.mark.protocol("sign-up-once")
def test_a_disturbed_sign_up_makes_one_user(world: ServiceHarness, fault: str) -> None:
    world.wire().plan("TransactWriteItems", fault)
    assert sign_up(world).credits == 3 * SCALE
    assert world.count() == 1
    assert world.audit().violations == ()


@pytest.mark.protocol("sign-up-once")
def test_a_late_sign_up_changes_nothing_once_another_has_won(world: ServiceHarness) -> None:
    wire = world.wire()
    wire.plan("TransactWriteItems", "late")
    sign_up(world)
    assert wire.deliver_late() == [400]
    assert (world.count(), world.wallet().granted) == (1, 3 * SCALE)


def test_a_lost_last_place_is_unknown_rather_than_refused(client: Any, table_name: str) -> None:
    """The first attempt may still land when another takes the last place: saying "full" could turn
    out a lie."""
    world, other = (ServiceHarness(client, table_name, max_users=1) for _ in range(2))
    wire = world.wire()
    wire.plan("TransactWriteItems", "late")
    wire.before(
        lambda operation: (
            sign_up(other, "bob", "laptop") if wire.calls[-1:] == ["TransactWriteItems"] else None
        )
    )
    with pytest.raises(OutcomeUnknown):
        sign_up(world)
    assert world.count() == 1


@pytest.mark.protocol("known-user-wins")
def test_a_twin_on_a_second_device_finds_the_user_and_is_not_refused(world: ServiceHarness) -> None:
    """Both requests of one new person race; whoever comes second is known, whatever the limit or
    the device says."""
    outcomes = _race(
        [lambda: sign_up(world, "ann", "phone"), lambda: sign_up(world, "ann", "tablet")] * 4
    )
    assert {type(outcome).__name__ for outcome in outcomes} == {"Wallet"}
    assert (world.count(), world.wallet().granted) == (1, 3 * SCALE)
    assert world.audit().violations == ()


@pytest.mark.parametrize("max_users", [1, 33])
@pytest.mark.parametrize("after", [["Query"], ["Query", "TransactGetItems"]])
@pytest.mark.protocol("known-user-wins")
def test_a_twin_that_signs_up_in_between_makes_the_user_known(
    client: Any, table_name: str, max_users: int, after: list[str]
) -> None:
    """Before or after this request reads limit and claims, the twin takes the last place and the
    device."""
    world, twin = (ServiceHarness(client, table_name, max_users=max_users) for _ in range(2))
    done: list[Any] = []
    wire = world.wire()
    wire.before(lambda _: done.append(sign_up(twin)) if wire.calls == after and not done else None)
    assert sign_up(world) == done[0]
    assert world.count() == 1


@pytest.mark.protocol("claim-decides")
def test_one_device_racing_for_many_names_makes_one_user(world: ServiceHarness) -> None:
    attempts = [partial(sign_up, world, f"user-{n}", "phone") for n in range(12)]
    outcomes = _race(attempts)
    assert [type(outcome).__name__ for outcome in outcomes].count("Wallet") == 1
    assert world.count() == 1
    assert world.audit().violations == ()


@pytest.mark.protocol("exact-cap")
def test_many_strangers_racing_for_few_places_fill_them_exactly(
    client: Any, table_name: str
) -> None:
    world = ServiceHarness(client, table_name, max_users=5)
    attempts = [partial(sign_up, world, f"user-{n}", f"device-{n}") for n in range(24)]
    outcomes = _race(attempts)
    kinds = [type(outcome).__name__ for outcome in outcomes]
    assert (kinds.count("Wallet"), kinds.count("SystemLimitReached")) == (5, 19)
    assert world.count() == 5
    assert world.audit().violations == ()


@pytest.mark.protocol("one-welcome")
def test_a_returning_identity_gets_its_wallet_back_without_a_second_welcome(
    world: ServiceHarness,
) -> None:
    world.submit()
    close(world)
    wallet = sign_up(world)
    assert (wallet.status, wallet.granted, wallet.credits, wallet.held) == (
        WalletStatus.OPEN,
        3 * SCALE,
        2 * SCALE,
        1 * SCALE,
    )
    assert world.count() == 1


def test_a_returning_identity_is_refused_when_full(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name, max_users=1)
    sign_up(world)
    close(world)
    sign_up(world, "bob", "laptop")
    with pytest.raises(SystemLimitReached):
        sign_up(world)
    assert world.wallet().status is WalletStatus.CLOSED


@pytest.mark.protocol("every-pepper")
def test_a_claim_made_under_an_old_pepper_still_refuses(client: Any, table_name: str) -> None:
    old, new = Pepper(1, b"p" * 32), Pepper(2, b"q" * 32)
    sign_up(ServiceHarness(client, table_name, peppers=[old]))
    rotated = ServiceHarness(client, table_name, peppers=[old, new])
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(rotated, "bob")
    sign_up(rotated, "bob", "laptop")
    assert rotated.wallet("bob").fingerprints == {device_digests([new], "laptop").newest}
    assert rotated.audit().violations == ()


@pytest.mark.parametrize("first", ["old", "rotated"])
@pytest.mark.protocol("every-pepper")
def test_a_device_is_welcomed_once_while_a_pepper_is_rolled_out(
    client: Any, table_name: str, first: str
) -> None:
    """Processes that know one pepper and processes that know two meet on a mark that both know."""
    old, new = Pepper(1, b"p" * 32), Pepper(2, b"q" * 32)
    worlds = {
        "old": ServiceHarness(client, table_name, peppers=[old]),
        "rotated": ServiceHarness(client, table_name, peppers=[old, new]),
    }
    sign_up(worlds.pop(first))
    (second,) = worlds.values()
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(second, "bob")
    assert second.audit().violations == ()


def test_a_pepper_rolled_out_in_the_middle_of_a_sign_up_does_not_welcome_a_device_twice(
    client: Any, table_name: str
) -> None:
    old, new = Pepper(1, b"p" * 32), Pepper(2, b"q" * 32)
    before, rotated = (
        ServiceHarness(client, table_name, peppers=[old]),
        ServiceHarness(client, table_name, peppers=[old, new]),
    )
    done: list[Any] = []
    wire = before.wire()
    wire.before(
        lambda operation: (
            done.append(sign_up(rotated, "bob"))
            if operation == "TransactWriteItems" and not done
            else None
        )
    )
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(before)
    assert (done[0].user_id, rotated.count()) == ("bob", 1)


@pytest.mark.parametrize(
    "lost", [[ledger_keys.wallet("ann")], [ledger_keys.wallet("ann"), ledger_keys.entry("ann", 1)]]
)
@pytest.mark.protocol("one-welcome")
def test_a_user_whose_wallet_is_lost_gets_no_second_welcome(
    world: ServiceHarness, lost: list[Key]
) -> None:
    sign_up(world)
    for key in lost:
        where = {name: {"S": text} for name, text in key.attributes().items()}
        world.client.delete_item(TableName=world.table._name, Key=where)
    before = world.items()
    with pytest.raises(WalletFrozen):
        sign_up(world)
    assert world.items() == before


@pytest.mark.protocol("anothers-claim")
def test_an_identity_that_another_user_claimed_is_refused_and_nothing_is_written(
    world: ServiceHarness,
) -> None:
    person = order("ann").principal
    (digest,) = identity_digests([Pepper(1, b"p" * 32)], person.subject).all
    world.table.write(
        Put(users_keys.identity_claim(digest), {"userId": "bob", "at": "2026-11-21T00:00:00.000Z"})
    )
    before = world.items()
    with pytest.raises(IdentityLinked):
        sign_up(world)
    assert world.items() == before


def close(world: ServiceHarness, user_id: str = "ann") -> None:
    """What erasing an account leaves behind: a closed wallet, one user fewer, the claims."""
    world.table.write(
        Update(
            ledger_keys.wallet(user_id), When(equals={"status": "open"}), set={"status": "closed"}
        )
    )
    world.table.write(Update(users_keys.COUNT, When(equals={"count": 1}), set={"count": 0}))


def _race(acts: list[Any]) -> list[Any]:
    """Runs all at once; returns what each returned or raised."""
    outcomes: list[Any] = []

    def run(act: Any) -> None:
        try:
            outcomes.append(act())
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
