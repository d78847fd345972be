"""Wallets and entries as items, and the chain of MACs."""

from dataclasses import replace
from typing import Any

import pytest

from service.ledger.entities import Entry, EntryKind, Wallet, hold, welcome
from service.ledger.lots import LotKind, LotPortion
from service.ledger.store import entry_from, entry_writes, mac, sealed, wallet_from, wallet_write
from service.storage.codec import decode_item, encode_item

KEY = b"k" * 32
NOW = 1_790_000_000_000
ENTRY = Entry(2, EntryKind.HOLD, 1, "job_1", (LotPortion(100, LotKind.FREE, 1),), 2, 1, NOW)


def stored(write: Any) -> Any:
    item = write.item if hasattr(write, "item") else write.set
    return decode_item(encode_item({**write.key.attributes(), **item}))


def test_a_wallet_comes_back_as_it_was_written() -> None:
    wallet = replace(
        sealed(welcome(None, "u", 3, NOW), KEY).wallet,
        fingerprints=frozenset({"a", "b"}),
        new_devices=frozenset({"b"}),
        device_count=1,
    )
    assert wallet_from(stored(wallet_write(None, wallet))) == wallet


def test_an_entry_comes_back_as_it_was_written() -> None:
    movement = sealed(hold(welcome(None, "u", 3, NOW).wallet, 1, "job_1", NOW), KEY)
    assert [entry_from(stored(write)) for write in entry_writes(movement)] == list(movement.entries)


@pytest.mark.protocol("named-fields")
def test_a_wallet_write_names_only_what_changes() -> None:
    before = sealed(welcome(None, "u", 3, NOW), KEY).wallet
    after = sealed(hold(before, 1, "job_1", NOW), KEY).wallet
    assert set(wallet_write(before, after).set) == {"version", "head", "credits", "held", "lots"}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 3},
        {"kind": EntryKind.RELEASE},
        {"amount": 2},
        {"ref": "job_2"},
        {"allocation": ()},
        {"credits": 3},
        {"held": 0},
        {"at": NOW + 1},
        {"returned": 1},
        {"debt_paid": 1},
    ],
)
@pytest.mark.protocol("chained-mac")
def test_a_mac_covers_every_part_of_its_entry(change: dict[str, Any]) -> None:
    assert mac("u", replace(ENTRY, **change), "before", KEY) != mac("u", ENTRY, "before", KEY)


@pytest.mark.protocol("chained-mac")
def test_a_mac_covers_owner_key_and_the_entry_before() -> None:
    right = mac("u", ENTRY, "before", KEY)
    assert len(right) == 22
    assert right not in (
        mac("v", ENTRY, "before", KEY),
        mac("u", ENTRY, "other", KEY),
        mac("u", ENTRY, "before", b"x"),
    )


def test_a_movement_is_sealed_from_the_wallets_head_on() -> None:
    first = sealed(welcome(None, "u", 3, NOW), KEY)
    second = sealed(hold(first.wallet, 1, "job_1", NOW), KEY)
    assert second.entries[0].mac == mac(
        "u", replace(second.entries[0], mac=""), first.wallet.head, KEY
    )
    assert second.wallet.head == second.entries[-1].mac


def test_an_item_of_no_version_of_ours_is_not_read() -> None:
    with pytest.raises((KeyError, ValueError)):
        wallet_from({"PK": "USER#u", "SK": "METADATA"})
    assert Wallet(user_id="u").faults() == []
