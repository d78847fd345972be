"""From the token of a sign-in to a session."""

from collections.abc import Callable
from typing import Any

import pytest

from service.core.account_gate import AccountGate
from service.core.clock import iso
from service.core.principal import Principal, SignInMethod
from service.identity.access_tokens import AccessTokens
from service.ledger import keys as ledger_keys
from service.ledger.entities import AccessTokenRevoked, AccountClosed, WalletStatus
from service.ledger.operations import Ledger
from service.sessions.entities import ProviderTokenRequired, RefreshTokenRejected, SessionEnd
from service.sessions.operations import Sessions
from service.sessions.sign_ins import SignIns
from service.storage.writes import Update, When
from service.users.entities import DeviceAlreadyUsed
from service.users.operations import Users
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness
from tests.sessions.opened import GOOGLE, PHONE, signed_in


@pytest.fixture
def world() -> ServiceHarness:
    return ServiceHarness(None, "t", connected=memory_client())


@pytest.fixture
def sign_ins(world: ServiceHarness) -> SignIns:
    parts = world.parts
    return SignIns(parts.get(Sessions), parts.get(Users), parts.get(Ledger), world.clock)


def stored(world: ServiceHarness) -> Any:
    return world.table.scan(segment=0, segments=1, limit=1000).items


@pytest.mark.parametrize("method", [SignInMethod.SESSION, SignInMethod.BARE])
def test_only_a_provider_s_token_opens_a_session(
    world: ServiceHarness, sign_ins: SignIns, method: SignInMethod
) -> None:
    with pytest.raises(ProviderTokenRequired):
        sign_ins.open(Principal(GOOGLE, "ann", method=method), "a-phone", PHONE)
    assert stored(world) == ()


def test_a_device_signs_a_stranger_up_once(world: ServiceHarness, sign_ins: SignIns) -> None:
    first = sign_ins.open(signed_in(), "a-phone", PHONE)
    again = sign_ins.open(signed_in(), "another-phone", PHONE)
    assert first.registered
    assert again.registered
    assert world.balance() == (3, 0, 0)
    assert world.wallet().version == 1


def test_a_refused_sign_up_opens_no_session(world: ServiceHarness, sign_ins: SignIns) -> None:
    sign_ins.open(signed_in(), "a-phone", PHONE)
    before = stored(world)
    with pytest.raises(DeviceAlreadyUsed):
        sign_ins.open(signed_in("eve"), "a-phone", PHONE)
    assert stored(world) == before


def test_without_a_device_nobody_is_signed_up(sign_ins: SignIns, world: ServiceHarness) -> None:
    signed = sign_ins.open(signed_in(), None, PHONE)
    assert not signed.registered
    assert world.ledger.read_snapshot("ann").wallet is None
    refreshed = sign_ins.refresh(signed.session.refresh_token)
    assert (refreshed.registered, refreshed.email) == (False, "ann@example.com")


def test_the_session_of_somebody_without_an_account_is_no_violation(
    sign_ins: SignIns, world: ServiceHarness
) -> None:
    sign_ins.open(signed_in(), None, PHONE)
    sign_ins.open(signed_in("eve"), "a-phone", PHONE)
    assert world.audit().violations == ()


def test_a_session_older_than_the_closing_of_its_account_is_refused(
    sign_ins: SignIns, world: ServiceHarness
) -> None:
    signed = sign_ins.open(signed_in(), "a-phone", PHONE)
    world.clock.advance(60)
    closed = {"status": WalletStatus.CLOSED, "updatedAt": iso(world.clock.now())}
    world.table.write(Update(ledger_keys.wallet("ann"), When(), set=closed))
    with pytest.raises(AccountClosed):
        sign_ins.refresh(signed.session.refresh_token)
    world.clock.advance(1)
    back = sign_ins.open(signed_in(), None, PHONE)
    assert not back.registered
    assert sign_ins.refresh(back.session.refresh_token)


def test_every_end_of_a_session_refuses_its_access_token_at_once(
    sign_ins: SignIns, world: ServiceHarness
) -> None:
    sessions, gate = world.parts.get(Sessions), world.parts.get(AccountGate)

    def principal(token: str) -> Principal:
        tokens = world.parts.get(AccessTokens)
        return tokens.verify(token, world.clock.now() / 1000).principal

    def stolen() -> None:
        first = sign_ins.open(signed_in(), "a-phone", PHONE).session.refresh_token
        sign_ins.refresh(first)
        world.clock.advance(60)
        with pytest.raises(RefreshTokenRejected):
            sign_ins.refresh(first)

    kept = sign_ins.open(signed_in(), "a-phone", PHONE).session
    ends: list[Callable[[str], object]] = [
        lambda session_id: sessions.end("ann", session_id, SessionEnd.LOGOUT),
        lambda _: sessions.end_all("ann", SessionEnd.PASSWORD, keep=kept.session_id),
        lambda _: stolen(),
    ]
    for end in ends:
        opened = sign_ins.open(signed_in(), "a-phone", PHONE).session
        gate.check(principal(opened.access_token))
        world.clock.advance(0.001)
        end(opened.session_id)
        with pytest.raises(AccessTokenRevoked):
            gate.check(principal(opened.access_token))
        kept = sign_ins.refresh(kept.refresh_token).session
        gate.check(principal(kept.access_token))
    assert world.audit().violations == ()
