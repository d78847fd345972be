"""Which lots merge: credits that have ended stay so, whatever else the wallet keeps."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ledger.entities import Wallet
from service.ledger.lots import EXPIRY_GRACE, MAX_LOTS, Lot, LotKind, remaining, tidy
from service.ledger.movements import expire, grant, hold, release, welcome

NOW = 1_790_000_000_000
HOUR = 3_600_000
_ENDS = st.none() | st.integers(min_value=NOW - 5, max_value=NOW + 5)
_LOTS = st.builds(
    Lot,
    number=st.integers(min_value=1, max_value=10_000),
    kind=st.sampled_from(LotKind),
    remaining=st.integers(min_value=0, max_value=50),
    expires_at=_ENDS,
    restriction=st.sampled_from(["", "x", "y", "z"]),
)
_MANY_LOTS = st.lists(_LOTS, max_size=30, unique_by=lambda lot: lot.number)


@pytest.mark.protocol("merge-in-favour")
@given(lots=_MANY_LOTS)
@settings(max_examples=300, deadline=None)
def test_a_merge_revives_no_ended_credit_and_ends_no_live_one(lots: list[Lot]) -> None:
    kept = tidy(lots, NOW)
    assert len(kept) <= MAX_LOTS
    assert _by_kind(kept) == _by_kind(lots)
    assert tidy(kept, NOW) == kept


def _by_kind(lots: list[Lot] | tuple[Lot, ...]) -> Counter[tuple[LotKind, bool]]:
    """The credits of each kind that can be spent, and those that cannot."""
    amounts: Counter[tuple[LotKind, bool]] = Counter()
    for lot in lots:
        amounts[lot.kind, lot.spendable(NOW)] += lot.remaining
    return +amounts


@pytest.mark.protocol("merge-in-favour")
def test_a_grant_to_a_full_wallet_leaves_lapsed_credits_lapsed() -> None:
    wallet, later = _full_of_lots(), NOW + HOUR + EXPIRY_GRACE
    given_more = grant(wallet, LotKind.PAID, 1, None, "g", later).wallet
    assert given_more.spendable(later) == wallet.spendable(later) + 1
    assert expire(given_more, later).wallet.expired == 10


@pytest.mark.protocol("merge-in-favour")
def test_a_release_to_a_full_wallet_leaves_lapsed_credits_lapsed() -> None:
    fresh = grant(welcome(None, "u", 0, NOW).wallet, LotKind.FREE, 1, None, "g", NOW).wallet
    held = hold(fresh, 1, "job_1", NOW)
    wallet, later = _full_of_lots(held.wallet), NOW + HOUR + EXPIRY_GRACE
    back = release(wallet, held.entries[-1].allocation, "job_1", NOW, later).wallet
    assert back.spendable(later) == wallet.spendable(later) + 1
    assert expire(back, later).wallet.expired == 10


def _full_of_lots(wallet: Wallet | None = None) -> Wallet:
    """With as many promotional lots as a wallet keeps. The first, of 10 credits, ends in an hour,
    and the second soon after it: above the limit these two are the nearest."""
    wallet = wallet or welcome(None, "u", 0, NOW).wallet
    for hours in (1, 2, *range(100, 700, 100)):
        amount = 10 if hours == 1 else 1
        wallet = grant(wallet, LotKind.PROMO, amount, NOW + HOUR * hours, "g", NOW).wallet
    assert len(wallet.lots) == MAX_LOTS
    assert remaining(wallet.lots) == wallet.credits
    return wallet
