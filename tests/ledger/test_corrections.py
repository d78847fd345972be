"""What operators do to a wallet: adjust it, void or edit a lot."""

from dataclasses import replace

import pytest

from service.core.amounts import SCALE
from service.ledger.claw_backs import claw_back
from service.ledger.entities import (
    EntryKind,
    ExpiryInvalid,
    InsufficientCredits,
    LotNotFound,
    Movement,
    Wallet,
    WalletStatus,
)
from service.ledger.lots import LotKind
from service.ledger.movements import (
    adjust,
    edit_lot,
    grant,
    hold,
    release,
    void,
    welcome,
)

NOW = 1_790_000_000_000
HOUR = 3_600_000


def opened(amount: int = 3) -> Wallet:
    return welcome(None, "u", amount, NOW).wallet


def with_paid(amount: int = 4) -> Wallet:
    """Three free credits and some paid ones."""
    return grant(opened(3), LotKind.PAID, amount, None, "g", NOW).wallet


def test_an_adjustment_up_adds_a_lot_with_its_terms_and_says_by_whom() -> None:
    details = {"operatorId": "op", "reason": "sorry for the outage"}
    movement = adjust(
        opened(), 5, "adj_1", NOW, kind=LotKind.PAID, expires_at=NOW + HOUR, details=details
    )
    (entry,) = movement.entries
    assert (entry.kind, entry.amount, entry.details) == (EntryKind.ADJUST, 5, details)
    assert movement.wallet.lots[-1].terms == (LotKind.PAID, "", NOW + HOUR)
    assert (movement.wallet.credits, movement.wallet.granted) == (8, 8)


def test_an_adjustment_up_pays_debt_first() -> None:
    indebted = claw_back(opened(3), 5, LotKind.PAID, None, "refund_1", NOW).wallet
    wallet = adjust(indebted, 3, "adj_1", NOW).wallet
    assert (wallet.credits, wallet.debt, wallet.faults()) == (1, 0, [])


def test_an_adjustment_down_takes_in_burn_order_and_counts_as_removed() -> None:
    movement = adjust(with_paid(), -5, "adj_1", NOW)
    (entry,) = movement.entries
    assert entry.amount == -5
    assert [(part.kind, part.taken) for part in entry.allocation] == [
        (LotKind.FREE, 3),
        (LotKind.PAID, 2),
    ]
    after = movement.wallet
    assert (after.credits, after.removed, after.granted, after.faults()) == (2, 5, 7, [])


def test_an_adjustment_down_may_name_its_lot() -> None:
    wallet = with_paid()
    after = adjust(wallet, -2, "adj_1", NOW, lot_id=wallet.lots[1].lot_id).wallet
    assert [lot.remaining for lot in after.lots] == [3, 2]


@pytest.mark.parametrize(("amount", "place", "available"), [(8, None, 7), (5, 1, 4)])
@pytest.mark.protocol("no-more-than-there")
def test_an_adjustment_takes_never_more_than_is_there(
    amount: int, place: int | None, available: int
) -> None:
    wallet = with_paid()
    lot_id = None if place is None else wallet.lots[place].lot_id
    with pytest.raises(InsufficientCredits) as refusal:
        adjust(wallet, -amount, "adj_1", NOW, lot_id=lot_id)
    assert refusal.value.details["available"] == available / SCALE


@pytest.mark.protocol("no-more-than-there")
def test_an_adjustment_leaves_credits_that_have_expired() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 4, NOW + 1, "g", NOW).wallet
    with pytest.raises(InsufficientCredits):
        adjust(wallet, -1, "adj_1", NOW + 2)


def test_an_adjustment_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="moves credits"):
        adjust(opened(), 0, "adj_1", NOW)


def test_a_voided_lot_is_gone_and_counts_as_removed() -> None:
    wallet = with_paid()
    movement = void(wallet, wallet.lots[1].lot_id, "void_1", NOW)
    assert [entry.kind for entry in movement.entries] == [EntryKind.VOID]
    after = movement.wallet
    assert (after.credits, after.removed, len(after.lots), after.faults()) == (3, 4, 1, [])


def test_what_a_job_holds_of_a_voided_lot_returns() -> None:
    held = hold(opened(3), 2, "job_1", NOW)
    voided = void(held.wallet, held.wallet.lots[0].lot_id, "void_1", NOW).wallet
    back = release(voided, held.entries[-1].allocation, "job_1", NOW, NOW).wallet
    assert (back.credits, back.removed, back.faults()) == (2, 1, [])


def test_an_edited_lot_ends_at_its_new_time_and_moves_no_credit() -> None:
    wallet = grant(opened(3), LotKind.PROMO, 4, NOW + HOUR, "g", NOW).wallet
    movement = edit_lot(wallet, wallet.lots[1].lot_id, NOW + 2 * HOUR, "edit_1", NOW)
    (entry,) = movement.entries
    assert (entry.kind, entry.amount, entry.credits) == (EntryKind.EDIT, 0, 7)
    assert [lot.expires_at for lot in movement.wallet.lots] == [None, NOW + 2 * HOUR]
    assert movement.wallet.faults() == []


def test_what_a_job_holds_of_an_edited_lot_returns_to_it_as_it_is_now() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 4, NOW + HOUR, "g", NOW).wallet
    held = hold(wallet, 2, "job_1", NOW)
    edited = edit_lot(held.wallet, wallet.lots[0].lot_id, NOW + 9 * HOUR, "edit_1", NOW).wallet
    back = release(edited, held.entries[-1].allocation, "job_1", NOW, NOW + 2 * HOUR).wallet
    assert [(lot.remaining, lot.expires_at) for lot in back.lots] == [(4, NOW + 9 * HOUR)]


def test_what_a_job_holds_of_a_lot_that_was_cut_short_keeps_its_life() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 4, NOW + 9 * HOUR, "g", NOW).wallet
    held = hold(wallet, 2, "job_1", NOW)
    cut = edit_lot(held.wallet, wallet.lots[0].lot_id, NOW + 1, "edit_1", NOW).wallet
    back = release(cut, held.entries[-1].allocation, "job_1", NOW, NOW + 2).wallet
    assert back.spendable(NOW + 2) == 2
    assert [lot.expires_at for lot in back.lots] == [NOW + 1, NOW + 9 * HOUR]
    assert back.faults() == []


@pytest.mark.parametrize("change", ["void", "edit", "adjust"])
@pytest.mark.parametrize("lot_id", ["lot_00000000000001", "lot_00000000000200", "", "another"])
def test_a_lot_that_is_not_there_or_has_expired_cannot_be_changed(change: str, lot_id: str) -> None:
    wallet = grant(opened(), LotKind.PROMO, 4, NOW + 1, "g", NOW).wallet
    with pytest.raises(LotNotFound):
        _changed(wallet, change, lot_id)


def _changed(wallet: Wallet, change: str, lot_id: str) -> Movement:
    if change == "void":
        return void(wallet, lot_id, "r", NOW + 2)
    if change == "edit":
        return edit_lot(wallet, lot_id, None, "r", NOW + 2)
    return adjust(wallet, -1, "r", NOW + 2, lot_id=lot_id)


@pytest.mark.parametrize("expires_at", [NOW, NOW - 1])
def test_a_lot_cannot_be_edited_to_have_ended(expires_at: int) -> None:
    wallet = opened()
    with pytest.raises(ExpiryInvalid):
        edit_lot(wallet, wallet.lots[0].lot_id, expires_at, "r", NOW)


def test_a_frozen_wallet_is_corrected_all_the_same() -> None:
    frozen = replace(opened(), status=WalletStatus.FROZEN)
    assert grant(frozen, LotKind.PAID, 1, None, "g", NOW).wallet.credits == 4
    assert adjust(frozen, -1, "r", NOW).wallet.credits == 2
    assert claw_back(frozen, 1, LotKind.PAID, None, "r", NOW).wallet.credits == 2
    assert void(frozen, frozen.lots[0].lot_id, "r", NOW).wallet.credits == 0
