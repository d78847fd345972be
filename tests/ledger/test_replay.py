"""Replaying the entries of a ledger."""

import random
from dataclasses import replace

import pytest

from service.ledger.claw_backs import claw_back
from service.ledger.entities import Entry, EntryKind, Movement, Wallet
from service.ledger.lots import LotKind, LotPortion
from service.ledger.movements import (
    adjust,
    capture,
    edit_lot,
    expire,
    grant,
    hold,
    release,
    void,
    welcome,
)
from service.ledger.replay import replayed
from service.ledger.store import sealed

KEY = b"k" * 32


def test_a_ledger_played_again_ends_in_the_wallet_with_its_lots() -> None:
    """Also where the clocks of the processes that wrote it differ by minutes."""
    rng = random.Random(7)
    for _ in range(200):
        wallet, entries, held = Wallet("ann", welcomed=False), list[Entry](), list[Entry]()
        now = 1_000_000
        for step in range(40):
            now += rng.choice((0, 1, 1000, 400_000, -300_000))
            movement = _some_movement(rng, wallet, held, f"ref-{step}", now)
            sealed_movement = sealed(movement, b"k" * 32)
            wallet = sealed_movement.wallet
            entries += sealed_movement.entries
            held += [entry for entry in sealed_movement.entries if entry.kind is EntryKind.HOLD]
        moments = list(replayed("ann", entries, b"k" * 32))
        assert [moment.entry for moment in moments] == entries
        assert replace(moments[-1].wallet, created_at=0) == wallet
        assert len(list(replayed("ann", entries, b"x" * 32))) == 0


def _some_movement(
    rng: random.Random, wallet: Wallet, held: list[Entry], ref: str, now: int
) -> Movement:
    kind = rng.choice(("grant", "hold", "hold", "capture", "release", "expire", "claw back"))
    if kind in ("capture", "release") and held:
        entry = held.pop(rng.randrange(len(held)))
        if kind == "capture":
            return capture(
                wallet, entry.allocation, rng.randint(1, entry.amount), entry.ref, entry.at, now
            )
        return release(wallet, entry.allocation, entry.ref, entry.at, now)
    spendable = wallet.spendable(max(now, wallet.updated_at))
    if kind == "hold" and spendable:
        return hold(wallet, rng.randint(1, spendable), ref, now)
    if kind == "expire":
        return expire(wallet, now)
    if kind == "claw back":
        return claw_back(wallet, rng.randint(1, 5), LotKind.PAID, None, ref, now)
    expires_at = rng.choice((None, now + 500_000, now + 5_000_000))
    return grant(wallet, rng.choice(list(LotKind)), rng.randint(1, 9), expires_at, ref, now)


@pytest.mark.protocol("corrections-replayed")
def test_what_operators_did_to_lots_is_replayed_and_nothing_else_passes_for_it() -> None:
    movements = (
        lambda wallet: grant(wallet, LotKind.PAID, 9, None, "g", 2),
        lambda wallet: adjust(wallet, -2, "down", 3, lot_id=wallet.lots[1].lot_id),
        lambda wallet: adjust(wallet, -4, "down", 4),
        lambda wallet: adjust(wallet, 5, "up", 5, kind=LotKind.PROMO, expires_at=900_000),
        lambda wallet: edit_lot(wallet, wallet.lots[0].lot_id, 950_000, "edit", 6),
        lambda wallet: void(wallet, wallet.lots[0].lot_id, "void", 7),
    )
    movement = sealed(welcome(None, "ann", 3, 1), KEY)
    wallet, entries = movement.wallet, list(movement.entries)
    for rule in movements:
        movement = sealed(rule(wallet), KEY)
        wallet, entries = movement.wallet, [*entries, *movement.entries]
    moments = list(replayed("ann", entries, KEY))
    assert [moment.entry for moment in moments] == entries
    assert replace(moments[-1].wallet, created_at=1) == wallet
    for place in range(2, len(entries)):
        other = LotPortion(100, LotKind.FREE, entries[place].amount)
        forged = replace(entries[place], allocation=(other,), mac="")
        assert len(list(replayed("ann", [*entries[:place], forged], None))) == place
