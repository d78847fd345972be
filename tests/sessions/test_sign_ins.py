"""From the token of a sign-in to a session."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from service.core.account_gate import AccountGate
from service.core.clock import iso
from service.core.errors import FareboxError
from service.core.principal import Principal, SignInMethod
from service.identity.access_tokens import AccessTokens
from service.ledger import keys as ledger_keys
from service.ledger.entities import (
    AccessTokenRevoked,
    AccountClosed,
    AccountClosing,
    AccountDisabled,
    WalletStatus,
)
from service.ledger.operations import Ledger
from service.sessions.entities import ProviderTokenRequired, RefreshTokenRejected, SessionEnd
from service.sessions.operations import Sessions
from service.sessions.sign_ins import SignIns
from service.storage.codec import decode_item
from service.storage.table import StorageUnavailable
from service.storage.writes import Update, When
from service.users.entities import DeviceAlreadyUsed
from service.users.linking import Identities
from service.users.operations import Users
from tests.doubles.memory_client import memory_client
from tests.doubles.people import cognito
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


def test_an_identity_that_is_unlinked_meanwhile_opens_no_session_of_the_user(
    world: ServiceHarness, sign_ins: SignIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit("ann")
    identities, cat = world.parts.get(Identities), cognito()
    linked = identities.link("ann", cat)[1]
    resolve = Users.resolve

    def slow(users: Users, principal: Principal) -> str:
        """The user unlinks it right after it was resolved, and that ends all sessions."""
        found = resolve(users, principal)
        if found == "ann":
            identities.unlink("ann", linked.identity_id)
        return found

    monkeypatch.setattr(Users, "resolve", slow)
    signed_in = sign_ins.open(cat, None, PHONE)
    assert (signed_in.user_id, signed_in.registered) == (cat.subject, False)
    assert world.parts.get(Sessions).live("ann") == []


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


def test_without_a_device_no_one_is_signed_up(sign_ins: SignIns, world: ServiceHarness) -> None:
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


HER_OTHER = replace(
    signed_in("1c9f8e2a-5b7d-4c3e-9f10-2a3b4c5d6e7f", email="ann@work.example"),
    method=SignInMethod.COGNITO,
)


def closed(world: ServiceHarness) -> None:
    change = {"status": WalletStatus.CLOSED, "updatedAt": iso(world.clock.now())}
    world.table.write(Update(ledger_keys.wallet("ann"), When(), set=change))


def test_a_linked_identity_s_token_is_not_older_than_the_closing_either(
    sign_ins: SignIns, world: ServiceHarness
) -> None:
    sign_ins.open(signed_in(), "a-phone", PHONE)
    world.parts.get(Identities).link("ann", HER_OTHER)
    old = replace(HER_OTHER, issued_at=world.clock.now())
    world.clock.advance(1)
    closed(world)
    before = stored(world)
    for fingerprint in ("a-phone", None):
        with pytest.raises(AccountClosed):
            sign_ins.open(old, fingerprint, PHONE)
    assert stored(world) == before


def test_no_one_signs_in_to_an_account_that_is_being_erased(
    sign_ins: SignIns, world: ServiceHarness
) -> None:
    """The erasure has taken the sessions away by then: a new one would outlive it."""
    sign_ins.open(signed_in(), "a-phone", PHONE)
    closing = {"status": WalletStatus.CLOSING}
    world.table.write(Update(ledger_keys.wallet("ann"), When(), set=closing))
    before = stored(world)
    with pytest.raises(AccountClosing):
        sign_ins.open(signed_in(), "a-phone", PHONE)
    assert stored(world) == before


def test_a_linked_identity_opens_the_account_anew(sign_ins: SignIns, world: ServiceHarness) -> None:
    sign_ins.open(signed_in(), "a-phone", PHONE)
    world.parts.get(Identities).link("ann", HER_OTHER)
    closed(world)
    world.clock.advance(1)
    back = sign_ins.open(replace(HER_OTHER, issued_at=world.clock.now()), "a-phone", PHONE)
    assert (back.user_id, back.registered) == ("ann", True)
    assert world.wallet().status is WalletStatus.OPEN


def test_an_outage_of_the_wallet_replaces_no_refresh_token(
    sign_ins: SignIns, world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sign_ins.open(signed_in(), "a-phone", PHONE).session.refresh_token
    before = stored(world)

    def unavailable(*_: object) -> None:
        raise StorageUnavailable

    with monkeypatch.context() as outage:
        outage.setattr(world.parts.get(Ledger), "read_snapshot", unavailable)
        with pytest.raises(StorageUnavailable):
            sign_ins.refresh(first)
    assert stored(world) == before
    world.clock.advance(60)
    assert sign_ins.refresh(first)


def test_any_token_of_a_sign_in_ends_all_sessions_of_its_user(
    sign_ins: SignIns, world: ServiceHarness
) -> None:
    opened = sign_ins.open(signed_in(), "a-phone", PHONE).session
    world.parts.get(Identities).link("ann", HER_OTHER)
    assert sign_ins.end_all(HER_OTHER) == 1
    with pytest.raises(RefreshTokenRejected):
        sign_ins.refresh(opened.refresh_token)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"status": "closing"}, AccountClosing),
        ({"status": "closed", "updatedAt": "2099-01-01T00:00:00.000Z"}, AccountClosing),
        ({"disabled": True}, AccountDisabled),
    ],
    ids=["being erased", "erased", "disabled"],
)
def test_what_ends_all_sessions_while_one_is_opened_leaves_nothing_of_it(
    world: ServiceHarness, sign_ins: SignIns, change: dict[str, Any], refusal: type[FareboxError]
) -> None:
    """The session is stored when all others have been ended already."""
    world.submit("ann")
    done: list[str] = []

    def end_all(operation: str) -> None:
        if operation == "PutItem" and not done:
            done.append(operation)
            world.table.write(Update(ledger_keys.wallet("ann"), When(), set=change))
            world.parts.get(Sessions).erase("ann")

    world.wire().before(end_all)
    with pytest.raises(refusal):
        sign_ins.open(signed_in(), None, PHONE)
    assert done == ["PutItem"]
    items: list[dict[str, Any]] = [dict(decode_item(item)) for item in stored(world)]
    (left,) = (item for item in items if item["SK"].startswith("SESSION#"))
    assert "endedAt" in left
    assert {"email", "digest"}.isdisjoint(left)
    assert ("device" in left) is (refusal is AccountDisabled)
