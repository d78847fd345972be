"""A token that was issued before its user was erased proves no one."""

from dataclasses import replace
from functools import partial

import pytest

from service.core.principal import Principal, SignInMethod
from service.ledger import keys
from service.ledger.account_gate import WalletGate
from service.ledger.entities import (
    AccessTokenRevoked,
    AccountClosed,
    Wallet,
    WalletStatus,
    check_account,
    check_wallet,
)
from service.ledger.session_floor import SessionFloor
from service.ledger.store import wallet_from, wallet_write
from service.storage.table import Table
from tests.doubles.clock import FakeClock
from tests.doubles.memory_client import memory_client
from tests.faults.library.wire import Wire, refusal

CLOSED_AT = 1_790_000_000_000
ANN = Principal("https://accounts.google.com", "ann", method=SignInMethod.GOOGLE)
OLD, SAME, NEW, BARE = (
    replace(ANN, issued_at=at) for at in (CLOSED_AT - 1000, CLOSED_AT, CLOSED_AT + 1, None)
)


@pytest.mark.parametrize("principal", [OLD, SAME])
@pytest.mark.parametrize("method", [SignInMethod.GOOGLE, SignInMethod.SESSION])
def test_a_token_from_before_the_closing_is_refused(
    principal: Principal, method: SignInMethod
) -> None:
    with pytest.raises(AccountClosed):
        check_account(WalletStatus.CLOSED, CLOSED_AT, replace(principal, method=method))


@pytest.mark.parametrize("principal", [NEW, BARE])
def test_who_signs_in_after_the_closing_is_let_in(principal: Principal) -> None:
    check_account(WalletStatus.CLOSED, CLOSED_AT, principal)


@pytest.mark.parametrize("status", [each for each in WalletStatus if each != WalletStatus.CLOSED])
def test_an_account_that_is_not_closed_takes_every_token(status: WalletStatus) -> None:
    check_account(status, CLOSED_AT, OLD)
    check_wallet(None, OLD)


def test_the_gate_reads_the_wallet_once() -> None:
    table = Table(memory_client(), "Wallets")
    gate = WalletGate(table)
    gate.check(OLD)
    wallet = Wallet("ann", version=1, status=WalletStatus.CLOSED, updated_at=CLOSED_AT)
    table.write(wallet_write(None, wallet))
    with pytest.raises(AccountClosed):
        gate.check(OLD)
    gate.check(NEW)


SESSION = replace(ANN, method=SignInMethod.SESSION)


@pytest.mark.parametrize(
    ("principal", "refused"),
    [
        (replace(SESSION, issued_at=999), True),
        (replace(SESSION, issued_at=1000), False),
        (replace(SESSION, issued_at=1001), False),
        (replace(ANN, issued_at=999), False),
    ],
)
def test_an_access_token_from_before_the_end_of_a_session_is_refused(
    principal: Principal, refused: bool
) -> None:
    """A provider's token is no session's: who signs in anew gets in."""
    table = Table(memory_client(), "Wallets")
    gate, floor = WalletGate(table), SessionFloor(table, FakeClock())
    floor.raise_to("ann", 1000)
    assert table.get(keys.wallet("ann")) is None
    table.write(wallet_write(None, Wallet("ann", version=1)))
    floor.raise_to("ann", 1000)
    item = table.get(keys.wallet("ann"))
    assert item is not None
    for check in (gate.check, partial(check_wallet, wallet_from(item))):
        if refused:
            with pytest.raises(AccessTokenRevoked):
                check(principal)
        else:
            check(principal)


def test_the_moment_is_never_lowered() -> None:
    table = Table(memory_client(), "Wallets")
    table.write(wallet_write(None, Wallet("ann", version=1)))
    floor = SessionFloor(table, FakeClock())
    floor.raise_to("ann", 1000)
    floor.raise_to("ann", 900)
    item = table.get(keys.wallet("ann"))
    assert item is not None
    assert item["sessionsValidFrom"] == 1000


def test_the_moment_is_raised_while_transactions_move_the_wallet() -> None:
    table = Table(memory_client(), "Wallets")
    table.write(wallet_write(None, Wallet("ann", version=1)))
    wire = Wire(table._client)
    conflict = refusal(400, "TransactionConflictException")
    replies = [conflict, conflict]
    wire.instead(lambda operation, _: replies.pop() if replies else None)
    SessionFloor(table, FakeClock()).raise_to("ann", 1000)
    item = table.get(keys.wallet("ann"))
    assert item is not None
    assert (item["sessionsValidFrom"], item["version"]) == (1000, 1)


def test_a_movement_leaves_the_moment_alone() -> None:
    before = Wallet("ann", version=1, sessions_valid_from=1000)
    write = wallet_write(before, replace(before, version=2))
    assert "sessionsValidFrom" not in {*write.set, *write.remove}
