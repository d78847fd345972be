"""What limits count on a wallet, as pure rules."""

from dataclasses import replace

from service.ledger.entities import Wallet
from service.ledger.limits import day_of, with_spent, with_unspent

NOW = 1_790_000_000_000
EMPTY = Wallet("ann")


def test_what_comes_back_of_a_hold_that_was_not_counted_leaves_nothing_below_zero() -> None:
    spent = with_spent(EMPTY, 5, NOW)
    assert with_unspent(spent, 3, NOW).spent_today == 2
    assert with_unspent(spent, 8, NOW).spent_today == 0
    assert with_unspent(EMPTY, 8, NOW) == EMPTY


def test_what_a_limit_counts_is_no_fault_of_a_wallet() -> None:
    assert replace(EMPTY, day=day_of(NOW), spent_today=-1).faults() == []
