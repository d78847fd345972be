"""Lots that pay for some operations alone, and how lots become one."""

import pytest

from service.catalog.entities import IMAGE_TO_VIDEO
from service.ledger.entities import InsufficientCredits, Wallet
from service.ledger.lots import (
    MAX_LOTS,
    Lot,
    LotKind,
    LotPortion,
    pack_allocation,
    pack_lots,
    unpack_allocation,
    unpack_lots,
)
from service.ledger.movements import grant, hold, release, welcome
from service.ledger.restrictions import RESTRICTIONS, checked_restrictions

NOW = 1_790_000_000_000
HOUR = 3_600_000
VIDEO = {"operation": IMAGE_TO_VIDEO}


def opened(amount: int = 3) -> Wallet:
    return welcome(None, "u", amount, NOW).wallet


def restricted(amount: int = 4) -> Wallet:
    return grant(opened(0), LotKind.PROMO, amount, None, "g", NOW, restriction="video").wallet


@pytest.mark.protocol("restricted-lots")
def test_a_restricted_lot_pays_for_its_operations_alone() -> None:
    wallet = restricted()
    assert (wallet.spendable(NOW), wallet.spendable(NOW, "toy:words")) == (4, 0)
    assert wallet.spendable(NOW, IMAGE_TO_VIDEO) == 4
    with pytest.raises(InsufficientCredits) as refusal:
        hold(wallet, 1, "job_1", NOW, details={"operation": "toy:words"})
    assert refusal.value.details["available"] == 0
    with pytest.raises(InsufficientCredits):
        hold(wallet, 1, "job_1", NOW)
    assert hold(wallet, 3, "job_1", NOW, details=VIDEO).wallet.held == 3


@pytest.mark.parametrize("amount", [3, 4])
@pytest.mark.protocol("restricted-lots")
def test_a_release_returns_to_the_restricted_lot(amount: int) -> None:
    """Also to one that the hold has emptied."""
    wallet = restricted(4)
    held = hold(wallet, amount, "job_1", NOW, details=VIDEO)
    back = release(held.wallet, held.entries[-1].allocation, "job_1", NOW, NOW).wallet
    assert back.lots == wallet.lots


@pytest.mark.protocol("restricted-lots")
def test_what_returns_too_late_for_its_lot_is_restricted_too() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 4, NOW + HOUR, "g", NOW, restriction="video").wallet
    held = hold(wallet, 4, "job_1", NOW, details=VIDEO)
    back = release(held.wallet, held.entries[-1].allocation, "job_1", NOW, NOW + HOUR).wallet
    assert [lot.terms for lot in back.lots] == [(LotKind.PROMO, "video", NOW + 2 * HOUR)]


def test_of_two_lots_that_end_together_the_restricted_one_is_spent_first() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 4, None, "g", NOW).wallet
    wallet = grant(wallet, LotKind.PROMO, 4, None, "g", NOW, restriction="video").wallet
    (part,) = hold(wallet, 4, "job_1", NOW, details=VIDEO).entries[-1].allocation
    assert part.restriction == "video"


@pytest.mark.protocol("equal-lots-merge")
def test_equal_lots_are_one_whatever_brought_them() -> None:
    wallet = grant(opened(3), LotKind.FREE, 4, None, "g", NOW).wallet
    wallet = grant(wallet, LotKind.FREE, 2, NOW + HOUR, "g", NOW).wallet
    wallet = grant(wallet, LotKind.FREE, 1, None, "g", NOW, restriction="video").wallet
    assert [(lot.remaining, lot.terms) for lot in wallet.lots] == [
        (2, (LotKind.FREE, "", NOW + HOUR)),
        (1, (LotKind.FREE, "video", None)),
        (7, (LotKind.FREE, "", None)),
    ]
    assert wallet.lots[-1].number == 100


def test_what_a_job_holds_of_a_lot_that_became_part_of_another_returns_to_that() -> None:
    wallet = grant(opened(0), LotKind.PROMO, 4, NOW + HOUR, "g", NOW).wallet
    wallet = grant(wallet, LotKind.PAID, 4, None, "g", NOW).wallet
    held = hold(wallet, 6, "job_1", NOW)
    again = grant(held.wallet, LotKind.PROMO, 1, NOW + HOUR, "g", NOW).wallet
    back = release(again, held.entries[-1].allocation, "job_1", NOW, NOW).wallet
    assert [(lot.number, lot.remaining) for lot in back.lots] == [(200, 5), (300, 4)]


@pytest.mark.protocol("merge-in-favour")
def test_lots_merge_within_one_restriction_while_they_can() -> None:
    wallet = opened(0)
    for number in range(MAX_LOTS):
        end = NOW + HOUR * (1 + number)
        wallet = grant(wallet, LotKind.PROMO, 1, end, "g", NOW, restriction="xy"[number % 2]).wallet
    wallet = grant(wallet, LotKind.PROMO, 1, None, "g", NOW).wallet
    assert len(wallet.lots) == MAX_LOTS
    assert [lot.restriction for lot in wallet.lots].count("") == 1
    assert wallet.lots[-1].remaining == 1


@pytest.mark.protocol("merge-in-favour")
def test_where_every_lot_differs_two_of_one_kind_become_an_unrestricted_one() -> None:
    wallet = opened(0)
    for kind in LotKind:
        for restriction in ("", "x", "y"):
            wallet = grant(wallet, kind, 1, None, "g", NOW, restriction=restriction).wallet
    assert len(wallet.lots) <= MAX_LOTS
    assert (wallet.credits, wallet.faults()) == (12, [])
    assert {lot.kind for lot in wallet.lots} == set(LotKind)


def test_restricted_lots_survive_their_compact_form() -> None:
    """Also one that this release does not know, as after a rollback."""
    lots = (Lot(303, LotKind.PROMO, 7, NOW, "video"), Lot(404, LotKind.PROMO, 7, NOW, "another"))
    assert [row[1] for row in pack_lots(lots)] == ["ov", "oanother"]
    assert unpack_lots(pack_lots(lots)) == lots
    allocation = (LotPortion(303, LotKind.PROMO, 7, NOW, "video"),)
    assert unpack_allocation(pack_allocation(allocation)) == allocation


@pytest.mark.parametrize(
    "restrictions",
    [
        {"video": ["a"], "vision": ["b"]},
        {name: ["a"] for name in "abcde"},
        {"Video": ["a"]},
        {"videoclips": ["a"]},
        {"": ["a"]},
        {"video": []},
    ],
)
def test_a_file_of_restrictions_that_lots_cannot_keep_is_refused(
    restrictions: dict[str, list[str]],
) -> None:
    with pytest.raises(ValueError, match="restriction"):
        checked_restrictions(restrictions)


def test_every_restriction_allows_operations_that_exist() -> None:
    assert {each for allowed in RESTRICTIONS.values() for each in allowed} <= {IMAGE_TO_VIDEO}
