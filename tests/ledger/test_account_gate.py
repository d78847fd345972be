"""A token that was issued before its user was erased proves nobody."""

from dataclasses import replace

import pytest

from service.core.principal import Principal, SignInMethod
from service.ledger.account_gate import WalletGate
from service.ledger.entities import (
    AccountClosed,
    Wallet,
    WalletStatus,
    check_account,
    check_wallet,
)
from service.ledger.store import wallet_write
from service.storage.table import Table
from tests.doubles.memory_client import memory_client

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
