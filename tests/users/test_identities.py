"""One user, several identities: linked by the user's own act, and never without it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.principal import Principal
from service.ledger import keys as ledger_keys
from service.ledger.entities import UserNotFound, WalletStatus
from service.storage.writes import Update, When
from service.users import keys as users_keys
from service.users.entities import (
    MAX_LINKED_IDENTITIES,
    EmailAlreadyUsed,
    IdentityInUse,
    IdentityLimitReached,
    IdentityLinked,
    IdentityNotFound,
    IdentityRequired,
    identity_digests,
)
from service.users.linking import Identities
from tests.doubles.people import CAT, PAM, cognito, google, session
from tests.doubles.service_harness import PEPPERS, ServiceHarness, memory_world, order

ANN = google("ann", "ann@gmail.com")
HER_OTHER = cognito(email="ann@work.example")


@pytest.fixture
def world() -> ServiceHarness:
    world = memory_world()
    world.users.sign_up(ANN, world.users.digests("phone"))
    return world


@pytest.fixture
def identities(world: ServiceHarness) -> Identities:
    return world.parts.get(Identities)


def sign_up(world: ServiceHarness, who: Principal, device: str = "laptop") -> Any:
    return world.users.sign_up(who, world.users.digests(device)).wallet


def violations(world: ServiceHarness) -> list[str]:
    return [f"{each.item}: {each.what}" for each in world.audit().violations]


def refused(world: ServiceHarness, error: type[Exception], act: Callable[[], object]) -> None:
    before = world.items()
    with pytest.raises(error):
        act()
    assert world.items() == before


def test_a_linked_identity_leads_to_the_user_and_is_no_user_itself(
    world: ServiceHarness, identities: Identities
) -> None:
    first, linked = identities.link("ann", HER_OTHER)
    assert (first.provider, first.email, first.is_first) == (
        "https://accounts.google.com",
        "ann@gmail.com",
        True,
    )
    assert (linked.provider, linked.email, linked.is_first) == (
        "cognito",
        "ann@work.example",
        False,
    )
    assert world.users.resolve(HER_OTHER) == "ann"
    assert world.users.resolve(ANN) == "ann"
    refused(world, IdentityLinked, lambda: sign_up(world, HER_OTHER))
    assert "work.example" not in str(world.items())
    assert (world.count(), violations(world)) == (1, [])


def test_a_request_of_a_linked_identity_says_to_open_a_session(
    world: ServiceHarness, identities: Identities
) -> None:
    identities.link("ann", google("ann2", "ann@gmail.com"))
    with pytest.raises(IdentityLinked) as linked:
        world.videos.create(order("ann2"))
    assert "POST /auth/session" in linked.value.advice


def test_who_is_no_one_yet_resolves_to_themselves(world: ServiceHarness) -> None:
    before = world.items()
    assert world.users.resolve(cognito(email="cat@example.com")) == CAT
    assert world.users.resolve(session(PAM)) == PAM
    assert world.items() == before


def test_resolving_takes_one_call(world: ServiceHarness) -> None:
    wire = world.wire()
    world.users.resolve(ANN)
    assert len(wire.calls) == 1


def test_linking_again_changes_nothing(world: ServiceHarness, identities: Identities) -> None:
    linked = identities.link("ann", HER_OTHER)
    before = world.items()
    assert identities.link("ann", HER_OTHER) == linked
    assert len(identities.link("ann", ANN)) == 2
    assert world.items() == before


def test_an_identity_with_an_account_is_not_linked(
    world: ServiceHarness, identities: Identities
) -> None:
    sign_up(world, HER_OTHER)
    refused(world, IdentityInUse, lambda: identities.link("ann", HER_OTHER))
    assert violations(world) == []


def test_an_identity_of_another_user_is_not_linked(
    world: ServiceHarness, identities: Identities
) -> None:
    sign_up(world, google("bob"))
    identities.link("bob", HER_OTHER)
    refused(world, IdentityInUse, lambda: identities.link("ann", HER_OTHER))


def test_a_mailbox_of_another_user_is_not_linked(
    world: ServiceHarness, identities: Identities
) -> None:
    sign_up(world, google("bob", "bob@gmail.com"))
    refused(
        world, EmailAlreadyUsed, lambda: identities.link("ann", cognito(email="B.ob@gmail.com"))
    )


def test_a_bare_id_is_nobodys_identity(world: ServiceHarness, identities: Identities) -> None:
    refused(world, IdentityInUse, lambda: identities.link("ann", order("bob").principal))


@pytest.mark.parametrize("state", ["unknown", "closing", "closed"])
def test_nothing_is_linked_to_who_is_no_user(
    world: ServiceHarness, identities: Identities, state: str
) -> None:
    if state != "unknown":
        status = {"status": WalletStatus(state)}
        world.table.write(Update(ledger_keys.wallet("ann"), When(), set=status))
    user_id = "nobody" if state == "unknown" else "ann"
    refused(world, UserNotFound, lambda: identities.link(user_id, HER_OTHER))


def test_the_mailbox_of_a_linked_identity_is_the_users(
    world: ServiceHarness, identities: Identities
) -> None:
    identities.link("ann", HER_OTHER)
    refused(world, EmailAlreadyUsed, lambda: sign_up(world, google("eve", "ann@work.example")))


def test_an_unlinked_identity_may_open_an_account_of_its_own(
    world: ServiceHarness, identities: Identities
) -> None:
    _, linked = identities.link("ann", HER_OTHER)
    (left,) = identities.unlink("ann", linked.identity_id)
    assert left.is_first
    assert world.users.resolve(HER_OTHER) == CAT
    assert violations(world) == []
    assert sign_up(world, HER_OTHER).granted == 3 * SCALE
    refused(world, IdentityInUse, lambda: identities.link("ann", HER_OTHER))
    assert (world.count(), violations(world)) == (2, [])


def test_an_identity_is_linked_again_after_it_was_unlinked(
    world: ServiceHarness, identities: Identities
) -> None:
    for _ in range(2):
        _, linked = identities.link("ann", HER_OTHER)
        identities.unlink("ann", linked.identity_id)
    identities.link("ann", HER_OTHER)
    assert world.users.resolve(HER_OTHER) == "ann"
    assert violations(world) == []


def test_the_identity_of_the_account_itself_is_never_unlinked(
    world: ServiceHarness, identities: Identities
) -> None:
    (first,) = identities.all("ann")
    refused(world, IdentityRequired, lambda: identities.unlink("ann", first.identity_id))


@pytest.mark.parametrize("whose", ["no one's", "another's", "unlinked"])
def test_what_is_not_linked_is_not_found(
    world: ServiceHarness, identities: Identities, whose: str
) -> None:
    identity_id = "AAAAAAAAAAAAAAAAAAAAAA"
    if whose == "another's":
        sign_up(world, google("bob"))
        identity_id = identities.link("bob", HER_OTHER)[1].identity_id
    if whose == "unlinked":
        identity_id = identities.link("ann", HER_OTHER)[1].identity_id
        identities.unlink("ann", identity_id)
    refused(world, IdentityNotFound, lambda: identities.unlink("ann", identity_id))


def test_there_is_a_limit_to_linked_identities(
    world: ServiceHarness, identities: Identities
) -> None:
    for number in range(MAX_LINKED_IDENTITIES):
        identities.link("ann", google(f"ann{number}"))
    refused(world, IdentityLimitReached, lambda: identities.link("ann", HER_OTHER))
    assert violations(world) == []


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "conflict", "throttle"])
def test_a_disturbed_link_and_unlink_happen_once(
    world: ServiceHarness, identities: Identities, fault: str
) -> None:
    wire = world.wire()
    wire.plan("TransactWriteItems", fault)
    _, linked = identities.link("ann", HER_OTHER)
    wire.plan("TransactWriteItems", fault)
    assert len(identities.unlink("ann", linked.identity_id)) == 1
    assert violations(world) == []


def test_a_sign_up_that_comes_first_is_not_linked(
    world: ServiceHarness, identities: Identities
) -> None:
    """Between the read and the write of the link."""
    twin, done = ServiceHarness(None, "Memory", connected=world.dynamodb), list[str]()

    def overtake(operation: str) -> None:
        if operation == "TransactWriteItems" and not done:
            done.append(operation)
            sign_up(twin, HER_OTHER)

    world.wire().before(overtake)
    with pytest.raises(IdentityInUse):
        identities.link("ann", HER_OTHER)
    assert (world.users.resolve(HER_OTHER), violations(world)) == (CAT, [])


@pytest.mark.parametrize("what", ["claim", "count", "item"])
def test_damage_to_a_linked_identity_is_found(
    world: ServiceHarness, identities: Identities, what: str
) -> None:
    identities.link("ann", HER_OTHER)
    digest = identity_digests(PEPPERS, CAT).newest
    damage = {
        "claim": Update(users_keys.identity_claim(digest), When(), remove=("userId",)),
        "count": Update(users_keys.profile("ann"), When(), set={"linkedIdentities": 2}),
        "item": Update(users_keys.linked_identity("ann", digest), When(), set={"provider": 5}),
    }
    world.table.write(damage[what])
    assert violations(world) != []


def test_a_mailbox_that_the_welcome_rested_on_outlives_the_unlinking(
    world: ServiceHarness, identities: Identities
) -> None:
    """It would bring welcome credits to one account after the other."""
    world.users.sign_up(cognito(CAT, "cat@work.example", verified=False), None)
    other = google("cat's google", "cat@gmail.com")
    _, linked = identities.link(CAT, other)
    as_cat = replace(other, subject=CAT)
    laptop = world.users.digests("laptop")
    welcomed = world.users.welcomed(as_cat, laptop, world.ledger.read_snapshot(CAT)).wallet
    assert welcomed is not None
    assert welcomed.granted == 3 * SCALE
    identities.unlink(CAT, linked.identity_id)
    assert violations(world) == []
    refused(world, EmailAlreadyUsed, lambda: sign_up(world, other, "tablet"))
    again = identities.link(CAT, other)
    assert (len(again), violations(world)) == (2, [])


def test_an_address_is_shown_as_verified_only_if_it_is(
    world: ServiceHarness, identities: Identities
) -> None:
    """Another one may have been verified since the sign-up."""
    world.users.sign_up(cognito(CAT, "ann@work.example", verified=False), None)
    world.users.resolve(cognito(CAT, "cat@gmail.com"))
    (own,) = identities.all(CAT)
    assert (own.email, own.email_verified) == ("ann@work.example", False)
    assert violations(world) == []
