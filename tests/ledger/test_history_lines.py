"""Each change of a balance is exactly one line, and the lines add up to the balance."""

import random
from dataclasses import replace

import pytest

from service.ledger.claw_backs import claw_back
from service.ledger.entities import Entry, EntryKind, Movement, Wallet
from service.ledger.history_lines import TransactionType, line_of, type_of
from service.ledger.lots import LotKind
from service.ledger.movements import (
    capture,
    expire,
    grant,
    hold,
    release,
    welcome,
)

NOW = 1_790_000_000_000
DAY = 86_400_000
DETAILS = {"operation": "kling:image2video", "requestId": "req_1"}


def opened(amount: int = 3_000) -> Wallet:
    return welcome(None, "ann", amount, NOW).wallet


def only(movement: Movement) -> Entry:
    (entry,) = movement.entries
    return entry


def test_a_hold_and_its_capture_are_one_line() -> None:
    held = hold(opened(), 1_000, "job_1", NOW, details=DETAILS)
    taken = only(held).allocation
    captured = capture(held.wallet, taken, 1_000, "job_1", NOW, NOW, details=DETAILS)
    line = line_of(only(held))
    assert line is not None
    assert (line.type, line.amount, line.balance_after) == (TransactionType.USAGE, -1_000, 2_000)
    assert (line.provider, line.operation, line.job_id, line.request_id) == (
        *("kling", "image2video", "job_1"),
        "req_1",
    )
    assert line.description == "image2video via kling"
    assert line_of(only(captured)) is None


def test_what_a_capture_returns_is_a_release() -> None:
    held = hold(opened(), 1_000, "job_1", NOW, details=DETAILS)
    taken = only(held).allocation
    line = line_of(only(capture(held.wallet, taken, 400, "job_1", NOW, NOW, details=DETAILS)))
    assert line is not None
    assert (line.type, line.amount, line.balance_after) == (TransactionType.RELEASE, 600, 2_600)
    assert line.description == "Unused part returned: image2video via kling"


def test_a_failure_is_a_release_of_everything() -> None:
    held = hold(opened(), 1_000, "job_1", NOW)
    line = line_of(only(release(held.wallet, only(held).allocation, "job_1", NOW, NOW)))
    assert line is not None
    assert (line.type, line.amount, line.balance_after) == (TransactionType.RELEASE, 1_000, 3_000)
    assert (line.description, line.provider, line.operation) == (
        "Returned: Paid request",
        None,
        None,
    )


def test_the_welcome_has_the_words_of_a_bonus() -> None:
    line = line_of(only(welcome(None, "ann", 2_500, NOW)))
    assert line is not None
    assert (line.type, line.amount, line.source) == (
        TransactionType.INITIAL,
        2_500,
        "signup_bonus",
    )
    assert line.description == "Welcome bonus - 2.5 free credits"


def test_a_wallet_that_is_opened_again_has_no_line_for_it() -> None:
    assert line_of(only(welcome(opened(), "ann", 3_000, NOW))) is None


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        (LotKind.PAID, "", "PURCHASE"),
        (LotKind.SUBSCRIPTION, "", "PURCHASE"),
        (LotKind.FREE, "", "BONUS"),
        (LotKind.PROMO, "", "BONUS"),
        (LotKind.PAID, "purchase", "PURCHASE"),
        (LotKind.SUBSCRIPTION, "invoice", "PURCHASE"),
        (LotKind.PROMO, "purchase", "PURCHASE"),
        (LotKind.PAID, "bulk", "BONUS"),
        (LotKind.PROMO, "code", "BONUS"),
        (LotKind.PAID, "adjustment", "BONUS"),
    ],
)
def test_a_grant_is_a_purchase_by_its_source_and_else_by_its_lot(
    kind: LotKind, source: str, expected: str
) -> None:
    details = {"grantSource": source, "grantId": "g1"}
    entry = only(grant(opened(), kind, 5_000, None, "g1", NOW, details=details))
    line = line_of(entry)
    assert line is not None
    assert (line.type, line.amount, line.source) == (expected, 5_000, source or None)


def test_a_reason_is_shown_with_the_operator_who_stated_it() -> None:
    details = {"operatorId": "op_7", "reason": "the video was black"}
    line = line_of(only(grant(opened(), LotKind.PROMO, 1_000, None, "g", NOW, details=details)))
    assert line is not None
    assert line.description == "Bonus credits: the video was black"
    assert (line.operator_id, line.reason) == ("op_7", "the video was black")


def test_expired_credits_have_their_line() -> None:
    wallet = grant(opened(), LotKind.PROMO, 1_000, NOW + DAY, "g", NOW).wallet
    line = line_of(only(expire(wallet, NOW + 2 * DAY)))
    assert line is not None
    assert (line.type, line.amount, line.balance_after) == (TransactionType.EXPIRY, -1_000, 3_000)


def test_credits_that_are_taken_back_beyond_the_balance_are_debt_and_a_grant_pays_it() -> None:
    taken = claw_back(opened(), 5_000, LotKind.PAID, None, "pay_1", NOW)
    line = line_of(only(taken))
    assert line is not None
    assert (line.type, line.amount, line.balance_after, line.debt) == (
        TransactionType.CLAWBACK,
        -3_000,
        0,
        2_000,
    )
    paying = line_of(only(grant(taken.wallet, LotKind.PAID, 2_000, None, "pay_2", NOW)))
    assert paying is not None
    assert (paying.amount, paying.balance_after, paying.debt) == (0, 0, -2_000)


def test_every_kind_of_entry_has_a_type() -> None:
    entry = only(welcome(None, "ann", 1, NOW))
    for kind in EntryKind:
        assert type_of(replace(entry, kind=kind, amount=-1)) in TransactionType


@pytest.mark.parametrize("seed", range(20))
def test_the_lines_of_any_history_add_up_to_its_balance(seed: int) -> None:
    chance = random.Random(seed)
    wallet, now, lines, held = opened(), NOW, [], dict[str, Entry]()
    balance = debt = 0
    entries = list(welcome(None, "ann", 3_000, NOW).entries)
    for number in range(60):
        now += chance.randrange(DAY // 4)
        movement = _any_movement(chance, wallet, held, f"job_{number}", now)
        wallet = movement.wallet
        entries += movement.entries
    for entry in entries:
        line = line_of(entry)
        if line is not None:
            balance, debt = balance + line.amount, debt + line.debt
            assert (line.balance_after, balance) == (entry.credits, entry.credits)
            lines.append(line)
        assert balance == entry.credits
    assert (balance, debt) == (wallet.credits, wallet.debt)
    assert len({line.entry_id for line in lines}) == len(lines)


def _any_movement(
    chance: random.Random, wallet: Wallet, held: dict[str, Entry], ref: str, now: int
) -> Movement:
    ends = list(held)
    match chance.choice(["hold", "hold", "end", "end", "grant", "expire", "claw back"]):
        case "hold" if wallet.spendable(now) > 0:
            amount = chance.randint(1, wallet.spendable(now))
            movement = hold(wallet, amount, ref, now)
            held[ref] = movement.entries[-1]
            return movement
        case "end" if ends:
            job = ends[0]
            entry = held.pop(job)
            if chance.random() < 0.4:
                return release(wallet, entry.allocation, job, entry.at, now)
            amount = chance.choice([entry.amount, chance.randint(0, entry.amount)])
            return capture(wallet, entry.allocation, amount, job, entry.at, now)
        case "claw back":
            return claw_back(wallet, chance.randint(1, 4_000), LotKind.PAID, None, ref, now)
        case "expire":
            return expire(wallet, now)
    kind = chance.choice(list(LotKind))
    expires_at = chance.choice([None, now + DAY])
    return grant(wallet, kind, chance.randint(1, 5_000), expires_at, ref, now)
