"""Wallets and entries as items, and the chain of MACs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from service.ledger.entities import Entry, EntryKind, Wallet
from service.ledger.lots import LotKind, LotPortion
from service.ledger.movements import hold, welcome
from service.ledger.store import entry_from, entry_writes, mac, sealed, wallet_from, wallet_write
from service.storage.codec import decode_item, encode_item

KEY = b"k" * 32
NOW = 1_790_000_000_000
ENTRY = Entry(2, EntryKind.HOLD, 1, "job_1", (LotPortion(100, LotKind.FREE, 1),), 2, 1, NOW)


# As releases wrote them that counted whole credits alone.
EARLIER: Sequence[Mapping[str, Any]] = (
    {
        "kind": "INITIAL",
        "amount": 3,
        "ref": "welcome",
        "allocation": ((100, "f", 3, 0),),
        "credits": 3,
        "held": 0,
        "at": "2026-09-21T14:13:20.000Z",
        "mac": "LQxUGlBwHI0Y1MjsTiSfJw",
    },
    {
        "kind": "HOLD",
        "amount": 2,
        "ref": "job_01",
        "allocation": ((100, "f", 2, 0),),
        "credits": 1,
        "held": 2,
        "at": "2026-09-21T14:13:21.000Z",
        "mac": "oWe1sW2BN_40GoDASHBizg",
    },
    {
        "kind": "CAPTURE",
        "amount": 1,
        "ref": "job_01",
        "allocation": ((100, "f", 1, 0),),
        "credits": 2,
        "held": 0,
        "at": "2026-09-21T14:13:22.000Z",
        "returned": 1,
        "mac": "XS67lrRnWhedDmw974ZKug",
    },
)


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
    details = {"operation": "toy:words", "requestId": "req_1"}
    opened = welcome(None, "u", 3, NOW).wallet
    movement = sealed(hold(opened, 1, "job_1", NOW, details=details), KEY)
    assert movement.entries[0].details == details
    assert [entry_from(stored(write)) for write in entry_writes(movement)] == list(movement.entries)


def test_an_entry_without_details_has_no_attribute_for_them() -> None:
    (write,) = entry_writes(sealed(welcome(None, "u", 3, NOW), KEY))
    assert "details" not in stored(write)


def test_the_entries_of_an_earlier_release_are_still_sealed() -> None:
    """Whoever changes what a MAC covers must do it in two releases (runbook, Deploy), not here."""
    previous = ""
    for version, item in enumerate(EARLIER, 1):
        entry = entry_from({"SK": f"ENTRY#{version:012}", **item})
        assert mac("ann", replace(entry, mac=""), previous, KEY) == entry.mac
        previous = entry.mac


def test_items_keep_decimal_credits() -> None:
    opened = sealed(welcome(None, "u", 3000, NOW), KEY)
    movement = sealed(hold(opened.wallet, 12, "job_1", NOW), KEY)
    wallet, entry = stored(wallet_write(None, movement.wallet)), stored(entry_writes(movement)[0])
    amounts = [wallet[name] for name in ("credits", "held", "granted")]
    assert amounts == [Decimal("2.988"), Decimal("0.012"), 3]
    assert wallet["lots"] == ((100, "f", Decimal("2.988"), 0),)
    amounts = [entry[name] for name in ("amount", "credits", "held")]
    assert amounts == [Decimal("0.012"), Decimal("2.988"), Decimal("0.012")]
    assert entry["allocation"] == ((100, "f", Decimal("0.012"), 0),)


@pytest.mark.protocol("named-fields")
def test_a_wallet_write_names_only_what_changes() -> None:
    before = sealed(welcome(None, "u", 3, NOW), KEY).wallet
    after = sealed(hold(before, 1, "job_1", NOW), KEY).wallet
    moved = {"version", "head", "credits", "held", "lots"}
    assert set(wallet_write(before, after).set) == moved | {"day", "spentToday"}


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
        {"details": {"requestId": "req_1"}},
        {"details": {"operation": "toy:words", "requestId": "req_2"}},
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
