"""A verified mailbox belongs to one user, and no one is welcomed without one."""

from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.keyring import Pepper
from service.core.principal import Principal
from service.ledger import keys as ledger_keys
from service.ledger.entities import AccountClosed, WalletStatus
from service.storage.writes import Update, When
from service.users import keys as users_keys
from service.users.entities import (
    Digests,
    EmailAlreadyUsed,
    SystemLimitReached,
    mailbox_digests,
)
from tests.doubles.people import CAT, PAM, cognito, google, session
from tests.doubles.service_harness import PEPPERS, ServiceHarness, memory_world


def sign_up(world: ServiceHarness, who: Principal, device: str | None = "phone") -> Any:
    digests = None if device is None else world.users.digests(device)
    return world.users.sign_up(who, digests).wallet


def violations(world: ServiceHarness) -> list[str]:
    return [f"{each.item}: {each.what}" for each in world.audit().violations]


def close(world: ServiceHarness, user_id: str) -> None:
    """As an erasure leaves a user who is the only one: a closed wallet, the claims."""
    status = {"status": WalletStatus.CLOSED}
    world.table.write(Update(ledger_keys.wallet(user_id), When(), set=status))
    world.table.write(Update(users_keys.COUNT, When(), set={"count": 0}))


@pytest.mark.parametrize("other", ["ann@gmail.com", "A.N.N+news@googlemail.com", "Ann@Gmail.com"])
def test_a_mailbox_that_another_user_verified_is_refused_and_nothing_is_written(other: str) -> None:
    world = memory_world()
    sign_up(world, google("ann", "ann@gmail.com"))
    before = world.items()
    with pytest.raises(EmailAlreadyUsed, match="opened with another sign-in"):
        sign_up(world, cognito(email=other), "laptop")
    assert world.items() == before
    assert violations(world) == []


def test_no_address_stands_in_the_table_as_it_is() -> None:
    world = memory_world()
    sign_up(world, google("ann", "ann.smith@gmail.com"))
    assert "smith" not in str(world.items())
    mailbox = mailbox_digests(PEPPERS, "annsmith@gmail.com").newest
    assert world.table.get(users_keys.mailbox_claim(mailbox)) is not None


def test_the_limit_is_named_before_the_mailbox() -> None:
    world = memory_world(max_users=1)
    sign_up(world, google("ann", "ann@gmail.com"))
    with pytest.raises(SystemLimitReached):
        sign_up(world, cognito(email="ann@gmail.com"), "laptop")


@pytest.mark.parametrize(
    "who",
    [
        cognito(),
        cognito(email="cat@example.com", verified=False),
        cognito(email="cat@mailinator.com"),
        session(PAM),
    ],
    ids=["without an address", "unverified", "disposable", "of a session without one"],
)
def test_no_one_is_welcomed_without_a_lasting_verified_mailbox(who: Principal) -> None:
    world = memory_world()
    wallet = sign_up(world, who)
    assert (wallet.status, wallet.granted, wallet.welcomed) == (WalletStatus.OPEN, 0, False)
    assert world.users.welcomed(
        who, world.users.digests("tablet"), world.ledger.read_snapshot(who.subject)
    ).wallet == world.wallet(who.subject)
    assert violations(world) == []


def test_an_unverified_address_reserves_nothing() -> None:
    world = memory_world()
    sign_up(world, cognito(email="ann@example.com", verified=False))
    assert sign_up(world, google("ann"), "laptop").granted == 3 * SCALE
    assert violations(world) == []


def test_a_user_without_a_verified_mailbox_claims_no_device() -> None:
    """Or accounts without any proof could lock strangers out of their devices."""
    world = memory_world()
    sign_up(world, cognito())
    assert sign_up(world, google("ann")).granted == 3 * SCALE


def test_who_verifies_an_address_later_is_welcomed_once() -> None:
    world = memory_world()
    sign_up(world, cognito())
    verified, device = cognito(email="cat@example.com"), world.users.digests("phone")
    for _ in range(2):
        world.users.welcomed(verified, device, world.ledger.read_snapshot(CAT))
    assert world.wallet(CAT).granted == 3 * SCALE
    assert violations(world) == []
    with pytest.raises(EmailAlreadyUsed):
        sign_up(world, google("ann", "cat@example.com"), "laptop")


def test_who_verifies_an_address_of_another_user_later_is_not_welcomed() -> None:
    world = memory_world()
    sign_up(world, google("ann", "ann@gmail.com"))
    sign_up(world, cognito(), None)
    before = world.items()
    with pytest.raises(EmailAlreadyUsed):
        world.users.welcomed(
            cognito(email="ann@gmail.com"),
            world.users.digests("laptop"),
            world.ledger.read_snapshot(CAT),
        )
    assert world.items() == before


def test_a_session_and_its_provider_name_the_same_identity() -> None:
    world = memory_world()
    sign_up(world, session("ann", "ann@example.com"))
    assert sign_up(world, google("ann")).version == 1
    assert world.count() == 1


@pytest.mark.parametrize("first", [0, 1])
def test_a_mailbox_is_claimed_under_every_pepper_that_is_rolled_out(first: int) -> None:
    old, new = Pepper(1, b"p" * 32), Pepper(2, b"q" * 32)
    worlds = [memory_world(peppers=[old])]
    worlds.append(ServiceHarness(None, "Memory", peppers=[old, new], connected=worlds[0].dynamodb))
    sign_up(worlds[first], google("ann", "ann@gmail.com"))
    with pytest.raises(EmailAlreadyUsed):
        sign_up(worlds[1 - first], cognito(email="ann@gmail.com"), "laptop")
    assert violations(worlds[1]) == []


def test_a_claim_of_a_mailbox_outlives_the_account() -> None:
    world = memory_world()
    sign_up(world, google("ann", "ann@gmail.com"))
    close(world, "ann")
    with pytest.raises(EmailAlreadyUsed):
        sign_up(world, cognito(email="ann@gmail.com"), "laptop")
    assert sign_up(world, google("ann", "ann@gmail.com")).granted == 3 * SCALE


def test_an_erased_account_is_opened_again_only_by_a_sign_in_after_the_erasure() -> None:
    world = memory_world()
    sign_up(world, google("ann"))
    close(world, "ann")
    closed_at = world.wallet("ann").updated_at
    before = world.items()
    for at in (closed_at - 1, closed_at):
        with pytest.raises(AccountClosed):
            sign_up(world, session("ann", "ann@example.com", at=at))
    assert world.items() == before
    wallet = sign_up(world, session("ann", "ann@example.com", at=closed_at + 1))
    assert (wallet.status, wallet.granted) == (WalletStatus.OPEN, 3 * SCALE)


def test_a_user_from_before_the_claims_of_mailboxes_is_valid_and_claims_at_the_next_sign_in() -> (
    None
):
    world = memory_world()
    sign_up(world, google("ann", "ann@gmail.com"))
    forget_mailbox(world, mailbox_digests(PEPPERS, "ann@gmail.com"))
    assert violations(world) == []
    assert world.users.resolve(google("ann", "ann@gmail.com")) == "ann"
    with pytest.raises(EmailAlreadyUsed):
        sign_up(world, cognito(email="ann@gmail.com"), "laptop")
    assert violations(world) == []


def forget_mailbox(world: ServiceHarness, mailbox: Digests) -> None:
    """As a release without claims of mailboxes left a user. The table in memory deletes nothing: a
    released claim is as none."""
    world.table.write(Update(users_keys.profile("ann"), When(), remove=("mailboxDigest",)))
    claim, released = users_keys.mailbox_claim(mailbox.newest), "2026-11-21T00:00:00.000Z"
    gone = Update(claim, When(), set={"releasedAt": released}, remove=("userId",))
    world.table.write(gone)


def test_a_missing_claim_of_a_mailbox_is_found() -> None:
    world = memory_world()
    sign_up(world, google("ann", "ann@gmail.com"))
    claim = users_keys.mailbox_claim(mailbox_digests(PEPPERS, "ann@gmail.com").newest)
    world.table.write(Update(claim, When(), set={"userId": "bob"}))
    assert set(violations(world)) == {
        f"{claim}: a claim of this user is missing or another's (ann)",
        f"{claim}: belongs to a user without a wallet",
    }
