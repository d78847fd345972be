"""Taking back the credits of a payment that went back, and returning them."""

from dataclasses import replace

import pytest

from service.ledger.claw_backs import MAX_UNDONE, claw_back, restore, standing_after
from service.ledger.entities import Entry, EntryKind, Movement, Wallet, WalletStatus
from service.ledger.lots import LotKind
from service.ledger.movements import close, edit_lot, expire, grant, hold, release, welcome
from service.ledger.replay import replayed

NOW = 1_790_000_000_000
HOUR = 3_600_000
PAY = "purchase:pi_1"


class Payments:
    """One wallet and its entries."""

    def __init__(self, *lots: tuple[LotKind, int, int | None]) -> None:
        self.wallet = Wallet("u", created_at=NOW, updated_at=NOW)
        self.entries: list[Entry] = []
        self.moved(welcome(None, "u", 0, NOW))
        for kind, amount, expires_at in lots:
            self.moved(grant(self.wallet, kind, amount, expires_at, "g", NOW))

    def moved(self, movement: Movement) -> None:
        assert movement.wallet.faults() == []
        self.wallet = movement.wallet
        self.entries += movement.entries

    def claw_back(
        self, amount: int, at: int = NOW, expires_at: int | None = None, ref: str = PAY
    ) -> Entry:
        self.moved(claw_back(self.wallet, amount, LotKind.PAID, expires_at, ref, at))
        return self.entries[-1]

    def restore(self, amount: int, at: int = NOW, ref: str = PAY) -> Entry:
        standing = standing_after(entry for entry in self.entries if entry.ref == ref)
        self.moved(restore(self.wallet, standing, amount, ref, at))
        return self.entries[-1]

    def lots(self) -> list[tuple[LotKind, int, int | None]]:
        return [(lot.kind, lot.remaining, lot.expires_at) for lot in self.wallet.lots]


@pytest.mark.protocol("claw-back-order")
def test_a_claw_back_takes_the_purchases_kind_first_and_of_it_what_ends_last() -> None:
    payments = Payments(
        (LotKind.FREE, 1, None),
        (LotKind.SUBSCRIPTION, 2, NOW + HOUR),
        (LotKind.PAID, 3, NOW + HOUR),
        (LotKind.PAID, 4, NOW + 2 * HOUR),
        (LotKind.PAID, 5, None),
    )
    entry = payments.claw_back(14)
    assert [(part.kind, part.taken, part.expires_at) for part in entry.allocation] == [
        (LotKind.PAID, 5, None),
        (LotKind.PAID, 4, NOW + 2 * HOUR),
        (LotKind.PAID, 3, NOW + HOUR),
        (LotKind.SUBSCRIPTION, 2, NOW + HOUR),
    ]
    assert payments.lots() == [(LotKind.FREE, 1, None)]


@pytest.mark.protocol("claw-back-order")
def test_after_the_purchases_kind_a_claw_back_takes_against_the_burn_order() -> None:
    payments = Payments(
        (LotKind.FREE, 1, None), (LotKind.PROMO, 1, None), (LotKind.SUBSCRIPTION, 1, NOW + HOUR)
    )
    kinds = [part.kind for part in payments.claw_back(3).allocation]
    assert kinds == [LotKind.SUBSCRIPTION, LotKind.PROMO, LotKind.FREE]


@pytest.mark.protocol("claw-back-order")
def test_the_credits_of_a_subscription_are_clawed_back_before_those_that_were_bought_once() -> None:
    payments = Payments((LotKind.PAID, 2, None), (LotKind.SUBSCRIPTION, 2, NOW + HOUR))
    kind = LotKind.SUBSCRIPTION
    payments.moved(claw_back(payments.wallet, 3, kind, NOW + HOUR, "invoice:in_1", NOW))
    assert payments.lots() == [(LotKind.PAID, 1, None)]


@pytest.mark.protocol("claw-back-debt")
def test_what_a_claw_back_cannot_take_is_debt_and_no_balance_falls_below_zero() -> None:
    payments = Payments((LotKind.PAID, 3, None))
    payments.claw_back(8)
    wallet = payments.wallet
    assert (wallet.credits, wallet.debt, wallet.clawed_back) == (0, 5, 3)


@pytest.mark.protocol("claw-back-any-status")
@pytest.mark.parametrize("status", WalletStatus)
def test_a_wallet_of_any_status_is_clawed_back_and_restored(status: WalletStatus) -> None:
    payments = Payments((LotKind.PAID, 3, None))
    payments.wallet = replace(payments.wallet, status=status)
    payments.claw_back(5)
    assert (payments.wallet.debt, payments.wallet.status) == (2, status)
    payments.restore(5)
    assert (payments.wallet.credits, payments.wallet.debt, payments.wallet.status) == (3, 0, status)


@pytest.mark.protocol("claw-back-any-status")
def test_debt_stays_with_a_wallet_through_erasure_and_return() -> None:
    payments = Payments((LotKind.PAID, 3, None))
    payments.claw_back(5)
    payments.moved(close(payments.wallet, "erasure", NOW))
    payments.claw_back(1)
    payments.moved(welcome(payments.wallet, "u", 3, NOW))
    assert (payments.wallet.status, payments.wallet.debt) == (WalletStatus.OPEN, 3)
    payments.moved(grant(payments.wallet, LotKind.PAID, 4, None, "g", NOW))
    assert (payments.wallet.credits, payments.wallet.debt) == (1, 0)


@pytest.mark.protocol("restoration")
def test_a_restoration_pays_debt_first_and_returns_the_rest_to_the_lots_it_came_from() -> None:
    payments = Payments((LotKind.FREE, 2, None), (LotKind.PAID, 3, NOW + HOUR))
    before = payments.wallet
    payments.claw_back(8)
    entry = payments.restore(8)
    assert (entry.kind, entry.amount, entry.debt_paid) == (EntryKind.RESTORE, 8, 3)
    assert payments.wallet.lots == before.lots
    assert payments.wallet.clawed_back == payments.wallet.debt == 0


@pytest.mark.protocol("restoration")
def test_a_restoration_in_part_leaves_what_a_smaller_claw_back_would_have_left() -> None:
    terms = ((LotKind.FREE, 2, None), (LotKind.PAID, 3, NOW + HOUR))
    for amount in range(1, 8):
        undone, direct = Payments(*terms), Payments(*terms)
        undone.claw_back(8)
        undone.restore(8 - amount)
        direct.claw_back(amount)
        assert undone.wallet.lots == direct.wallet.lots
        assert undone.wallet.debt == direct.wallet.debt


@pytest.mark.protocol("restoration")
def test_a_restoration_pays_the_debt_of_another_payment_too() -> None:
    payments = Payments((LotKind.PAID, 5, None))
    payments.claw_back(5)
    payments.claw_back(2, ref="purchase:pi_2")
    entry = payments.restore(5)
    assert entry.debt_paid == 2
    assert (payments.wallet.credits, payments.wallet.debt) == (3, 0)


@pytest.mark.protocol("restoration")
def test_what_other_credits_have_paid_of_a_debt_returns_as_a_lot_like_the_payments_own() -> None:
    payments = Payments((LotKind.PAID, 1, NOW + HOUR))
    payments.claw_back(4, expires_at=NOW + HOUR)
    payments.moved(grant(payments.wallet, LotKind.FREE, 3, None, "g", NOW))
    assert payments.wallet.debt == 0
    payments.restore(4)
    assert payments.lots() == [(LotKind.PAID, 4, NOW + HOUR)]


@pytest.mark.protocol("restoration-life")
def test_credits_that_return_after_their_lots_end_have_the_life_that_was_left() -> None:
    payments = Payments((LotKind.PAID, 5, NOW + 3 * HOUR))
    payments.claw_back(5, at=NOW + HOUR)
    payments.restore(5, at=NOW + 50 * HOUR)
    assert payments.lots() == [(LotKind.PAID, 5, NOW + 52 * HOUR)]


@pytest.mark.protocol("restoration-life")
def test_debt_that_returns_after_the_payments_lot_ends_has_the_life_that_was_left() -> None:
    payments = Payments()
    payments.claw_back(5, at=NOW + HOUR, expires_at=NOW + 3 * HOUR)
    payments.moved(grant(payments.wallet, LotKind.FREE, 5, None, "g", NOW + HOUR))
    payments.restore(5, at=NOW + 9 * HOUR)
    assert payments.lots() == [(LotKind.PAID, 5, NOW + 11 * HOUR)]


def test_credits_return_to_a_lot_as_an_operator_has_edited_it() -> None:
    payments = Payments((LotKind.PAID, 5, NOW + HOUR))
    payments.claw_back(2)
    lot_id = payments.wallet.lots[0].lot_id
    payments.moved(edit_lot(payments.wallet, lot_id, NOW + 9 * HOUR, "edit", NOW))
    payments.restore(2, at=NOW + 2 * HOUR)
    assert payments.lots() == [(LotKind.PAID, 5, NOW + 9 * HOUR)]


@pytest.mark.protocol("restoration-newest-first")
def test_the_newest_claw_back_of_a_payment_is_undone_first_one_entry_each() -> None:
    payments = Payments((LotKind.PAID, 3, NOW + HOUR), (LotKind.FREE, 2, None))
    payments.claw_back(3)
    payments.claw_back(2)
    payments.restore(2)
    assert payments.lots() == [(LotKind.FREE, 2, None)]
    payments.claw_back(1)
    payments.restore(4)
    kinds = [entry.kind for entry in payments.entries[-2:]]
    assert kinds == [EntryKind.RESTORE] * 2
    assert payments.lots() == [(LotKind.FREE, 2, None), (LotKind.PAID, 3, NOW + HOUR)]


def test_what_an_open_job_holds_pays_the_debt_of_a_claw_back_when_it_returns() -> None:
    payments = Payments((LotKind.PAID, 5, None))
    payments.moved(hold(payments.wallet, 4, "job", NOW))
    held = payments.entries[-1]
    payments.claw_back(5)
    assert (payments.wallet.held, payments.wallet.debt) == (4, 4)
    payments.moved(release(payments.wallet, held.allocation, "job", NOW, NOW))
    assert (payments.wallet.credits, payments.wallet.debt, payments.wallet.clawed_back) == (0, 0, 5)


@pytest.mark.parametrize("amount", [0, -1, 6])
def test_nothing_returns_beyond_what_was_clawed_back(amount: int) -> None:
    payments = Payments((LotKind.PAID, 9, None))
    payments.claw_back(5)
    with pytest.raises(ValueError, match="at most what was clawed back"):
        payments.restore(amount)


def test_one_transaction_undoes_a_limited_number_of_claw_backs() -> None:
    payments = Payments((LotKind.PAID, 100, None))
    for _ in range(MAX_UNDONE + 5):
        payments.claw_back(2)
    payments.restore(2 * (MAX_UNDONE + 5))
    assert [entry.kind for entry in payments.entries].count(EntryKind.RESTORE) == MAX_UNDONE
    assert payments.wallet.clawed_back == 10
    payments.restore(10)
    assert payments.lots() == [(LotKind.PAID, 100, None)]


@pytest.mark.protocol("claw-back-replayed")
def test_claw_backs_and_restorations_are_replayed_and_nothing_else_passes_for_them() -> None:
    payments = Payments((LotKind.FREE, 2, None), (LotKind.PAID, 3, NOW + HOUR))
    payments.claw_back(4, expires_at=NOW + HOUR)
    payments.claw_back(4, ref="purchase:pi_2")
    payments.moved(grant(payments.wallet, LotKind.PROMO, 9, None, "g", NOW))
    payments.restore(3, at=NOW + 4 * HOUR)
    payments.moved(expire(payments.wallet, NOW + 9 * HOUR))
    entries = payments.entries
    moments = list(replayed("u", entries, None))
    assert [moment.entry for moment in moments] == entries
    assert moments[-1].wallet.lots == payments.wallet.lots
    for place, entry in enumerate(entries):
        if entry.kind in (EntryKind.CLAWBACK, EntryKind.RESTORE):
            part = replace(entry.allocation[0] if entry.allocation else TAKEN, number=7)
            forgeries = [
                replace(entry, allocation=(part,)),
                replace(entry, debt_paid=entry.debt_paid + 1),
            ]
            if entry.kind is EntryKind.RESTORE:
                forgeries.append(replace(entry, ref="purchase:pi_9"))
            for forged in forgeries:
                assert len(list(replayed("u", [*entries[:place], forged], None))) == place


TAKEN = Payments((LotKind.PAID, 1, None)).entries[-1].allocation[0]
