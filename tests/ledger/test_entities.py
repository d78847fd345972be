"""The pure rules of credits, by example and by property."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ledger.claw_backs import claw_back
from service.ledger.entities import (
    EntryKind,
    InsufficientCredits,
    Wallet,
    WalletFrozen,
    WalletStatus,
)
from service.ledger.lots import (
    EXPIRY_GRACE,
    MAX_LOTS,
    Lot,
    LotKind,
    LotPortion,
    pack_allocation,
    pack_lots,
    remaining,
    unpack_allocation,
    unpack_lots,
)
from service.ledger.movements import capture, expire, grant, hold, release, welcome

NOW = 1_790_000_000_000
HOUR = 3_600_000


def opened(amount: int = 3) -> Wallet:
    return welcome(None, "u", amount, NOW).wallet


def test_a_new_wallet_has_its_welcome_in_one_initial_entry() -> None:
    movement = welcome(None, "u", 3, NOW)
    assert [entry.kind for entry in movement.entries] == [EntryKind.INITIAL]
    assert (movement.wallet.credits, movement.wallet.granted, movement.wallet.version) == (3, 3, 1)
    assert movement.wallet.faults() == []


@pytest.mark.protocol("one-welcome")
def test_a_returning_wallet_gets_no_second_welcome() -> None:
    closed = replace(opened(), status=WalletStatus.CLOSED)
    again = welcome(closed, "u", 3, NOW)
    assert again.wallet.status is WalletStatus.OPEN
    assert (again.wallet.credits, again.wallet.granted, again.wallet.version) == (3, 3, 2)


def test_a_hold_moves_credits_aside_and_says_from_where() -> None:
    movement = hold(opened(), 2, "job_1", NOW)
    assert (movement.wallet.credits, movement.wallet.held) == (1, 2)
    assert [(part.kind, part.taken) for part in movement.entries[-1].allocation] == [
        (LotKind.FREE, 2)
    ]


@pytest.mark.parametrize(
    "details",
    [{"note": "x"}, {"reason": "r" * 151}, {"grantId": "g" * 394}, {"grantId": "é" * 197}],
)
def test_details_that_are_unknown_or_too_long_are_a_mistake(details: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"detail|reason"):
        hold(opened(), 1, "job_1", NOW, details=details)


def test_details_that_are_empty_are_left_out() -> None:
    movement = hold(opened(), 1, "job_1", NOW, details={"operation": "a", "requestId": ""})
    assert movement.entries[-1].details == {"operation": "a"}


def test_a_hold_beyond_the_credits_is_refused_with_both_numbers() -> None:
    with pytest.raises(InsufficientCredits) as refusal:
        hold(opened(1500), 4000, "job_1", NOW)
    assert refusal.value.details["required"] == 4
    assert refusal.value.details["available"] == 1.5
    assert "costs 4 and 1.5 are" in refusal.value.message


@pytest.mark.parametrize("status", [WalletStatus.FROZEN, WalletStatus.CLOSED])
def test_a_wallet_that_is_not_open_holds_nothing(status: WalletStatus) -> None:
    with pytest.raises(WalletFrozen):
        hold(replace(opened(), status=status), 1, "job_1", NOW)


def test_settling_works_while_a_wallet_is_frozen() -> None:
    held = hold(opened(), 1, "job_1", NOW)
    frozen = replace(held.wallet, status=WalletStatus.FROZEN)
    assert capture(frozen, held.entries[-1].allocation, 1, "job_1", NOW, NOW).wallet.captured == 1
    assert release(frozen, held.entries[-1].allocation, "job_1", NOW, NOW).wallet.credits == 3


@pytest.mark.protocol("burn-order")
def test_lots_burn_by_kind_then_earliest_end_then_age() -> None:
    wallet = opened(1)
    wallet = grant(wallet, LotKind.PAID, 1, None, "g1", NOW).wallet
    wallet = grant(wallet, LotKind.PROMO, 1, NOW + 2 * HOUR, "g2", NOW).wallet
    wallet = grant(wallet, LotKind.PROMO, 1, NOW + HOUR, "g3", NOW).wallet
    allocation = hold(wallet, 4, "job_1", NOW).entries[-1].allocation
    assert [(part.kind, part.expires_at) for part in allocation] == [
        (LotKind.FREE, None),
        (LotKind.PROMO, NOW + HOUR),
        (LotKind.PROMO, NOW + 2 * HOUR),
        (LotKind.PAID, None),
    ]


@pytest.mark.protocol("spendable-before-end")
def test_credits_are_spendable_strictly_before_their_end() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 1, NOW + HOUR, "g", NOW).wallet
    assert hold(wallet, 1, "job_1", NOW + HOUR - 1).wallet.held == 1
    with pytest.raises(InsufficientCredits):
        hold(wallet, 1, "job_1", NOW + HOUR)


@pytest.mark.protocol("spendable-before-end")
def test_a_hold_passes_over_lots_that_have_ended_but_are_not_written_off_yet() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 5, NOW + HOUR, "g", NOW).wallet
    wallet = grant(wallet, LotKind.PAID, 5, None, "g", NOW).wallet
    movement = hold(wallet, 1, "job_1", NOW + HOUR + 1)
    assert [part.kind for part in movement.entries[-1].allocation] == [LotKind.PAID]
    assert movement.wallet.faults() == []


@pytest.mark.protocol("expiry-grace")
def test_a_lot_is_written_off_only_after_the_grace() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 5, NOW + HOUR, "g", NOW).wallet
    assert expire(wallet, NOW + HOUR + EXPIRY_GRACE - 1).entries == ()
    gone = expire(wallet, NOW + HOUR + EXPIRY_GRACE)
    assert [entry.kind for entry in gone.entries] == [EntryKind.EXPIRE]
    assert (gone.wallet.credits, gone.wallet.expired, gone.wallet.lots) == (0, 5, ())


def test_a_hold_writes_lapsed_lots_off_on_its_way() -> None:
    wallet = grant(opened(1), LotKind.PROMO, 5, NOW + 1, "g", NOW).wallet
    movement = hold(wallet, 1, "job_1", NOW + HOUR)
    assert [entry.kind for entry in movement.entries] == [EntryKind.EXPIRE, EntryKind.HOLD]
    assert [entry.version for entry in movement.entries] == [3, 4]


@pytest.mark.protocol("returns-to-lot")
def test_a_release_returns_credits_to_their_own_lot() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 2, NOW + HOUR, "g", NOW).wallet
    held = hold(wallet, 1, "job_1", NOW)
    back = release(held.wallet, held.entries[-1].allocation, "job_1", NOW, NOW + 1)
    assert back.wallet.lots == wallet.lots


@pytest.mark.protocol("returns-to-lot")
def test_a_release_recreates_a_lot_that_was_used_up() -> None:
    held = hold(opened(1), 1, "job_1", NOW)
    assert held.wallet.lots == ()
    assert (
        release(held.wallet, held.entries[-1].allocation, "job_1", NOW, NOW + 1).wallet.lots
        == opened(1).lots
    )


@pytest.mark.protocol("life-kept")
def test_credits_that_ended_while_held_come_back_with_the_life_they_had_left() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 1, NOW + HOUR, "g", NOW).wallet
    held = hold(wallet, 1, "job_1", NOW + HOUR - 1000)
    late = NOW + 5 * HOUR
    back = release(
        held.wallet, held.entries[-1].allocation, "job_1", NOW + HOUR - 1000, late
    ).wallet
    assert [(lot.expires_at, lot.remaining) for lot in back.lots] == [(late + 1000, 1)]
    assert back.lots[0].number != wallet.lots[0].number


def test_a_capture_of_less_returns_the_rest() -> None:
    held = hold(opened(3), 3, "job_1", NOW)
    movement = capture(held.wallet, held.entries[-1].allocation, 2, "job_1", NOW, NOW)
    assert (movement.wallet.credits, movement.wallet.held, movement.wallet.captured) == (1, 0, 2)
    assert movement.entries[-1].returned == 1


def test_a_capture_beyond_the_hold_is_a_mistake() -> None:
    held = hold(opened(3), 1, "job_1", NOW)
    with pytest.raises(ValueError, match="at most what is held"):
        capture(held.wallet, held.entries[-1].allocation, 2, "job_1", NOW, NOW)


def test_a_capture_of_nothing_returns_everything() -> None:
    held = hold(opened(3), 2, "job_1", NOW)
    movement = capture(held.wallet, held.entries[-1].allocation, 0, "job_1", NOW, NOW)
    assert (movement.wallet.credits, movement.wallet.held, movement.wallet.captured) == (3, 0, 0)
    assert (movement.entries[-1].amount, movement.entries[-1].returned) == (0, 2)
    assert movement.wallet.faults() == []


def test_what_cannot_be_clawed_back_becomes_debt_that_the_next_credits_pay() -> None:
    wallet = claw_back(opened(3), 5, LotKind.PAID, None, "refund_1", NOW).wallet
    assert (wallet.credits, wallet.debt) == (0, 2)
    paid = grant(wallet, LotKind.PAID, 3, None, "g", NOW).wallet
    assert (paid.credits, paid.debt, paid.faults()) == (1, 0, [])


@pytest.mark.protocol("debt-first")
def test_a_release_pays_debt_first() -> None:
    held = hold(opened(3), 3, "job_1", NOW)
    indebted = claw_back(held.wallet, 2, LotKind.PAID, None, "refund_1", NOW).wallet
    back = release(indebted, held.entries[-1].allocation, "job_1", NOW, NOW).wallet
    assert (back.credits, back.debt, back.faults()) == (1, 0, [])


@pytest.mark.protocol("merge-in-favour")
def test_lots_of_one_kind_merge_above_the_limit_and_lose_nothing() -> None:
    wallet = opened(0)
    for number in range(MAX_LOTS + 4):
        wallet = grant(
            wallet, LotKind.PROMO, 1, NOW + HOUR * (number + 1), f"g{number}", NOW
        ).wallet
    assert len(wallet.lots) == MAX_LOTS
    assert wallet.credits == remaining(wallet.lots) == MAX_LOTS + 4
    for hours in range(MAX_LOTS + 4):
        assert wallet.spendable(NOW + HOUR * hours) >= MAX_LOTS + 4 - hours


@pytest.mark.protocol("time-forward")
def test_time_never_runs_backwards_along_a_ledger() -> None:
    wallet = opened()
    assert hold(wallet, 1, "job_1", NOW - HOUR).entries[-1].at == NOW


def test_lots_survive_their_compact_form() -> None:
    lots = (Lot(101, LotKind.FREE, 3), Lot(202, LotKind.PAID, 7, NOW))
    assert unpack_lots(pack_lots(lots)) == lots
    allocation = (LotPortion(101, LotKind.FREE, 3), LotPortion(202, LotKind.PAID, 7, NOW))
    assert unpack_allocation(pack_allocation(allocation)) == allocation


@given(amounts=st.lists(st.integers(min_value=1, max_value=50), min_size=1, max_size=12))
@settings(max_examples=50, deadline=None)
def test_whatever_is_granted_can_be_spent_to_the_last_credit(amounts: list[int]) -> None:
    wallet = opened(0)
    for place, amount in enumerate(amounts):
        wallet = grant(wallet, list(LotKind)[place % 4], amount, None, "g", NOW).wallet
    assert hold(wallet, sum(amounts), "job_1", NOW).wallet.credits == 0
