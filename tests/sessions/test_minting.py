"""Sessions that a back end mints."""

from dataclasses import replace
from typing import Any

import pytest

from service.core.amounts import amount_of
from service.core.clock import iso
from service.core.errors import FareboxError
from service.core.principal import SignInMethod, is_google_subject, is_uuid
from service.core.scopes import KeyScope, SessionScope
from service.erasure.operations import Erasures
from service.identity.access_tokens import AccessTokens
from service.identity.entities import ScopeMissing
from service.ledger import keys as ledger_keys
from service.ledger.entities import (
    AccessTokenRevoked,
    AccountClosed,
    AccountClosing,
    AccountDisabled,
    Balance,
    InsufficientCredits,
    UserNotFound,
    WalletStatus,
)
from service.ledger.operations import Ledger
from service.providers.base import TaskStatus
from service.sessions.entities import SessionEnd
from service.sessions.minting import Minting
from service.sessions.operations import Sessions
from service.storage.writes import Update, When
from service.users.entities import BACK_END, DeviceAlreadyUsed, SystemLimitReached, provider_of
from tests.doubles.meter import Meter
from tests.doubles.people import google
from tests.doubles.service_harness import REQUEST_ID, ServiceHarness, memory_world
from tests.erasure.lives import dump, erased
from tests.sessions.minted import ANN, PAGE, WANTED, back_end, ceiling, minted, submit


@pytest.fixture
def world() -> ServiceHarness:
    return memory_world()


def refused(
    world: ServiceHarness, error: type[FareboxError], *scopes: KeyScope, **changes: Any
) -> Any:
    """The refusal to mint, which has written nothing."""
    before = world.items()
    with pytest.raises(error) as refusal:
        world.parts.get(Minting).mint(back_end(*scopes), replace(WANTED, **changes))
    assert world.items() == before
    return refusal.value


def test_a_minted_token_says_what_binds_it(world: ServiceHarness) -> None:
    who = minted(world, 5, scopes=frozenset({SessionScope.READ_JOBS}))
    assert (who.subject, who.method) == (ANN, SignInMethod.SESSION)
    assert (who.email, who.email_verified) == ("ann@example.com", True)
    assert who.scopes == {"jobs:read"}
    assert who.authenticated_at is None
    assert who.minted is not None
    assert (who.minted.origins, who.minted.has_ceiling) == ({PAGE}, True)
    assert who.minted.key_id == back_end().subject


def test_it_ends_after_fifteen_minutes_to_the_second(world: ServiceHarness) -> None:
    token = world.parts.get(Minting).mint(back_end(), WANTED).access_token
    tokens, now_seconds = world.parts.get(AccessTokens), world.clock.now() / 1000
    assert tokens.verify(token, now_seconds + 899).refused_from == int(now_seconds) + 900
    with pytest.raises(FareboxError, match="expired"):
        tokens.verify(token, now_seconds + 900)


def test_only_a_ceiling_is_stored_and_disappears_a_week_later(world: ServiceHarness) -> None:
    minted(world)
    assert world.items() == []
    who = minted(world, 5)
    [item] = world.items()
    assert int(item["expiresAt"]["N"]) == world.clock.now() // 1000 + 900 + 7 * 24 * 3600
    assert ceiling(world, who).limit == amount_of(5)
    assert "ann@example.com" not in str(item)
    assert world.audit().violations == ()


@pytest.mark.parametrize("external_id", ["ann", "110248495921238986420", "usr_1", "ext_ann"])
def test_a_back_end_s_own_user_is_never_someone_else(external_id: str) -> None:
    user_id = f"ext_{external_id}"
    assert provider_of(user_id) == BACK_END
    assert not is_google_subject(user_id)
    assert not is_uuid(user_id)


def test_the_first_paid_request_makes_the_user_as_any_other(world: ServiceHarness) -> None:
    who = minted(world)
    submit(world, who, device="laptop")
    assert world.balance(ANN) == (2, 1, 0)
    assert world.wallet(ANN).welcomed
    with pytest.raises(DeviceAlreadyUsed):
        submit(world, minted(world, external_id="bob", email="bob@example.com"), device="laptop")
    assert world.count() == 1
    full = memory_world(max_users=1)
    submit(full, who)
    with pytest.raises(SystemLimitReached):
        submit(full, minted(full, external_id="bob", email="bob@example.com"), device="another")


def test_an_address_that_is_not_verified_brings_no_welcome_credits(world: ServiceHarness) -> None:
    with pytest.raises(FareboxError, match="0 are available"):
        submit(world, minted(world, email_verified=False))
    assert not world.wallet(ANN).welcomed


def test_a_key_needs_a_scope_to_vouch_for_an_address(world: ServiceHarness) -> None:
    refusal = refused(world, ScopeMissing, KeyScope.SESSIONS)
    assert refusal.details == {"scope": "verified_emails"}


def test_a_key_needs_a_scope_to_act_for_users_who_are_not_its_own(world: ServiceHarness) -> None:
    world.submit("bob")
    wanted = replace(WANTED, external_id=None, user_id="bob", email=None, email_verified=False)
    own = {"external_id": None, "user_id": "bob", "email": None, "email_verified": False}
    refusal = refused(world, ScopeMissing, KeyScope.SESSIONS, **own)
    assert refusal.details == {"scope": "existing_users"}
    refused(world, UserNotFound, **(own | {"user_id": "nobody"}))
    session = world.parts.get(Minting).mint(back_end(), wanted)
    assert (session.user_id, session.registered) == ("bob", True)


def test_no_session_is_minted_while_the_account_is_being_erased(world: ServiceHarness) -> None:
    submit(world, minted(world))
    world.parts.get(Erasures).request(ANN, REQUEST_ID)
    refused(world, AccountClosing)


def test_no_session_is_minted_for_a_disabled_user(world: ServiceHarness) -> None:
    submit(world, minted(world))
    world.table.write(Update(ledger_keys.wallet(ANN), When(), set={"disabled": True}))
    refused(world, AccountDisabled)


def test_ending_all_sessions_of_the_user_ends_minted_ones(world: ServiceHarness) -> None:
    who = minted(world)
    submit(world, who)
    world.clock.advance(1)
    world.parts.get(Sessions).end_all(ANN, SessionEnd.LOGOUT)
    with pytest.raises(AccessTokenRevoked):
        submit(world, who)
    submit(world, minted(world))


def test_a_token_is_no_younger_than_what_was_read_of_its_user(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(world, minted(world))
    read = Ledger.balance

    def slow(ledger: Ledger, user_id: str) -> Balance:
        """The user logs out everywhere right after the wallet was read."""
        found = read(ledger, user_id)
        world.clock.advance(1)
        world.parts.get(Sessions).end_all(user_id, SessionEnd.LOGOUT)
        world.clock.advance(1)
        return found

    monkeypatch.setattr(Ledger, "balance", slow)
    who = minted(world)
    with pytest.raises(AccessTokenRevoked):
        submit(world, who)


def test_minted_sessions_are_not_among_those_that_the_user_opened(world: ServiceHarness) -> None:
    sessions = world.parts.get(Sessions)
    opened = sessions.open(ANN, google(ANN), "a phone", world.clock.now())
    for _ in range(60):
        minted(world, 1)
    assert [each.session_id for each in sessions.live(ANN)] == [opened.session_id]
    sessions.open(ANN, google(ANN), "a laptop", world.clock.now())
    assert len(sessions.live(ANN)) == 2


def test_the_export_has_the_ceilings(world: ServiceHarness) -> None:
    who = minted(world, 5)
    submit(world, who)
    [part] = (each for each in world.parts.export_parts() if each.name == "mintedSessions")
    now = world.clock.now()
    assert list(part.read(ANN)) == [
        {
            "sessionId": who.session_id,
            "createdAt": iso(now),
            "endsAt": iso(now + 900_000),
            "creditLimit": 5,
            "creditsUsed": 1,
        }
    ]


def test_minting_costs_a_read_and_with_a_ceiling_a_write(client: Any, table_name: str) -> None:
    world = ServiceHarness(client, table_name)
    for limit, calls in ((None, ["GetItem"]), (5, ["GetItem", "PutItem"])):
        with Meter(world.dynamodb, client).watch() as bill:
            minted(world, limit)
        assert bill.calls == calls


def test_an_erasure_leaves_nothing_personal_and_no_session(world: ServiceHarness) -> None:
    who = minted(world, 2)
    job_id = submit(world, who).job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve(ANN, job_id)
    erased(world, ANN)
    assert "ann@example.com" not in dump(world)
    assert world.audit().violations == ()
    with pytest.raises(AccountClosed):
        submit(world, who)
    with pytest.raises(InsufficientCredits):
        submit(world, minted(world))
    assert world.wallet(ANN).status is WalletStatus.OPEN
    with pytest.raises(AccessTokenRevoked):
        submit(world, who)
