"""What limits count on a wallet, as pure rules."""

from dataclasses import replace

from service.core.days import DAY
from service.ledger.details import HOUSE_LOSS
from service.ledger.entities import Wallet
from service.ledger.limits import (
    day_of,
    loss_on,
    with_jobs,
    with_loss,
    with_spent,
    with_unspent,
)

NOW = 1_790_000_000_000
EMPTY = Wallet("ann")


def test_what_comes_back_of_a_hold_that_was_not_counted_leaves_nothing_below_zero() -> None:
    spent = with_spent(EMPTY, 5, NOW)
    assert with_unspent(spent, 3, NOW).spent_today == 2
    assert with_unspent(spent, 8, NOW).spent_today == 0
    assert with_unspent(EMPTY, 8, NOW) == EMPTY


def test_what_a_limit_counts_is_no_fault_of_a_wallet() -> None:
    assert replace(EMPTY, day=day_of(NOW), spent_today=-1).faults() == []


def test_the_loss_of_a_day_adds_up_and_the_next_day_begins_anew() -> None:
    lossy = with_loss(with_loss(EMPTY, {HOUSE_LOSS: "0.012"}, NOW), {HOUSE_LOSS: "1"}, NOW)
    assert (loss_on(lossy, NOW), loss_on(lossy, NOW + DAY)) == (1012, 0)
    tomorrow = with_loss(lossy, {HOUSE_LOSS: "0.5"}, NOW + DAY)
    assert (tomorrow.loss_day, tomorrow.loss_today) == (day_of(NOW) + 1, 500)
    assert (tomorrow.day, tomorrow.spent_today) == (0, 0)


def test_an_end_without_a_loss_leaves_the_wallet_as_it_is() -> None:
    assert with_loss(EMPTY, {"operation": "kling:image2video"}, NOW) == EMPTY


def test_a_repaired_list_leaves_out_what_was_past_at_the_last_hold() -> None:
    wallet = with_jobs(EMPTY, {"live-block": [3000, 9000], "text": [4000]}, last_hold=4000)
    assert wallet.open_jobs == {"live-block": (9,)}
