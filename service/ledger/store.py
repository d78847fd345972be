"""Wallets and entries as items. Builds writes, sends none."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from service.core.amounts import Amount, Credits, amount_of, credits_of
from service.core.clock import from_iso, iso
from service.core.seals import seal
from service.ledger import keys
from service.ledger.entities import (
    Entry,
    EntryKind,
    Movement,
    Wallet,
    WalletStatus,
)
from service.ledger.lots import pack_allocation, pack_lots, unpack_allocation, unpack_lots
from service.storage.codec import Item, Value, whole_number
from service.storage.keys import user_of, user_partition
from service.storage.table import Table
from service.storage.writes import ABSENT, Delete, Put, Update, When, Write

# Precedes a new device in the wallet's set: one byte each, and no digest begins with it.
NEW_DEVICE = "+"


def sealed(movement: Movement, key: bytes) -> Movement:
    """The movement with each entry's MAC chained to the one before, and the wallet's `head` at the
    last."""
    head = movement.wallet.head
    entries = []
    for entry in movement.entries:
        head = mac(movement.wallet.user_id, entry, head, key)
        entries.append(replace(entry, mac=head))
    return Movement(replace(movement.wallet, head=head), tuple(entries))


def mac(user_id: str, entry: Entry, previous: str, key: bytes) -> str:
    """HMAC-SHA-256 over the whole entry, its owner and the entry before it, cut to 128 bits (22
    characters)."""
    facts = [
        user_id,
        entry.version,
        entry.kind,
        _sealed(credits_of(entry.amount)),
        entry.ref,
        [
            (number, letter, _sealed(taken), end)
            for number, letter, taken, end in pack_allocation(entry.allocation)
        ],
        _sealed(credits_of(entry.credits)),
        _sealed(credits_of(entry.held)),
        entry.at,
        _sealed(credits_of(entry.returned)),
        _sealed(credits_of(entry.debt_paid)),
        # Only where there are any: the MACs of entries without details must hold for ever.
        *([dict(entry.details)] if entry.details else []),
        previous,
    ]
    return seal(facts, key)


def _sealed(given: Credits) -> int | str:
    """Whole credits as the number that every release has sealed, others as text: JSON knows no
    decimals."""
    return given if isinstance(given, int) else f"{given:f}"


def wallet_from(item: Item) -> Wallet:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    devices: frozenset[str] = fields.get("fingerprints", frozenset())
    return Wallet(
        user_id=user_of(fields["PK"]),
        version=whole_number(fields["version"]),
        head=fields["head"],
        status=WalletStatus(fields["status"]),
        credits=amount_of(fields["credits"]),
        held=amount_of(fields["held"]),
        granted=amount_of(fields["granted"]),
        captured=amount_of(fields["captured"]),
        expired=amount_of(fields["expired"]),
        clawed_back=amount_of(fields["clawedBack"]),
        debt=amount_of(fields["debt"]),
        removed=amount_of(fields.get("removed", 0)),
        lots=unpack_lots(fields["lots"]),
        open_jobs={
            kind: tuple(whole_number(end) for end in ends)
            for kind, ends in fields.get("openJobs", {}).items()
        },
        day=whole_number(fields.get("day", 0)),
        spent_today=amount_of(fields.get("spentToday", 0)),
        loss_day=whole_number(fields.get("lossDay", 0)),
        loss_today=amount_of(fields.get("lossToday", 0)),
        fingerprints=frozenset(each.removeprefix(NEW_DEVICE) for each in devices),
        new_devices=frozenset(each[1:] for each in devices if each.startswith(NEW_DEVICE)),
        device_count=whole_number(fields["deviceCount"]),
        low_balance=amount_of(fields.get("lowBalance", 0)),
        sessions_valid_from=whole_number(fields.get("sessionsValidFrom", 0)),
        welcomed=_flag(fields.get("welcomed", True)),
        disabled=_flag(fields.get("disabled", False)),
        returns_frozen=_flag(fields.get("returnsFrozen", False)),
        created_at=from_iso(fields["createdAt"]),
        updated_at=from_iso(fields["updatedAt"]),
    )


def wallet_write(before: Wallet | None, after: Wallet) -> Update:
    """Moves the wallet from exactly the version that was read, naming only the attributes that
    change."""
    old = _wallet_item(before) if before else {}
    new = _wallet_item(after)
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    guard = When(equals={"version": before.version if before else None})
    gone = tuple(name for name in changed if changed[name] is None)
    kept = {name: changed[name] for name in changed if name not in gone}
    return Update(keys.wallet(after.user_id), guard, set=kept, remove=gone)


def entry_writes(movement: Movement) -> list[Put]:
    """The entries, each only if there is none at its version."""
    user_id = movement.wallet.user_id
    return [
        Put(keys.entry(user_id, entry.version), _entry_item(entry)) for entry in movement.entries
    ]


def freeze_write(wallet: Wallet) -> Update:
    """Stops further spending; the version stays, for no credit moves."""
    guard = When(equals={"version": wallet.version, "status": WalletStatus.OPEN})
    return Update(keys.wallet(wallet.user_id), guard, set={"status": WalletStatus.FROZEN})


def low_balance_write(user_id: str, threshold: Amount, status: WalletStatus) -> Update:
    """Sets the threshold of a wallet of that status; the version stays, for no credit moves."""
    guard = When(equals={"status": status})
    if not threshold:
        return Update(keys.wallet(user_id), guard, remove=("lowBalance",))
    return Update(keys.wallet(user_id), guard, set={"lowBalance": credits_of(threshold)})


def sessions_write(user_id: str, valid_from: int) -> Update:
    """Refuses older access tokens of the user's sessions, if it does not refuse still later ones
    already; the version stays, for no credit moves."""
    key, changed = keys.wallet(user_id), {"sessionsValidFrom": valid_from}
    return Update(key, When(equals={"PK": key.pk}, below=changed), set=changed)


def rebuilt_writes(
    before: Wallet | None, after: Wallet | None, gone: Sequence[Entry], added: Sequence[Entry]
) -> list[Write]:
    """For an operator's repair alone: a wallet as its entries say (None: no wallet), without the
    entries of transactions that a restore has torn, and with those that take their place. Guarded
    by the version and the MACs that were read."""
    owner = after or before
    user_id = owner.user_id if owner else ""
    at = {entry.version: entry for entry in gone}
    writes: list[Write] = []
    for entry in added:
        old = at.pop(entry.version, None)
        guard = When(equals={"mac": old.mac}) if old else ABSENT
        writes.append(Put(keys.entry(user_id, entry.version), _entry_item(entry), guard))
    writes += [
        Delete(keys.entry(user_id, entry.version), When(equals={"mac": entry.mac}))
        for entry in at.values()
    ]
    if after is None and before is not None:
        writes.append(
            Delete(
                keys.wallet(user_id), When(equals={"version": before.version, "head": before.head})
            )
        )
    elif after is not None and after != before:
        writes.append(wallet_write(before, after))
    return writes


def entry_from(item: Item) -> Entry:
    fields: Any = item
    return Entry(
        version=int(fields["SK"].removeprefix(keys.ENTRY_PREFIX)),
        kind=EntryKind(fields["kind"]),
        amount=amount_of(fields["amount"]),
        ref=fields["ref"],
        allocation=unpack_allocation(fields["allocation"]),
        credits=amount_of(fields["credits"]),
        held=amount_of(fields["held"]),
        at=from_iso(fields["at"]),
        returned=amount_of(fields.get("returned", 0)),
        debt_paid=amount_of(fields.get("debtPaid", 0)),
        details=fields.get("details", {}),
        mac=fields["mac"],
    )


def newest_entries(table: Table, user_id: str, limit: int, below: int | None) -> list[Entry]:
    """The newest entries, newest first, in one call; with `below`, those before that version."""
    after = keys.ENTRY_PREFIX + "~" if below is None else keys.entry(user_id, below).sk
    page = table.query(
        user_partition(user_id), keys.ENTRY_PREFIX, limit=limit, after=after, ascending=False
    )
    return [entry_from(item) for item in page.items]


def entries(
    table: Table, user_id: str, *, after_version: int = 0, page: int = 500
) -> Iterator[Entry]:
    """Every entry of a wallet beyond a version, in order, read page by page."""
    after = keys.entry(user_id, after_version).sk
    while True:
        found = table.query(user_partition(user_id), keys.ENTRY_PREFIX, limit=page, after=after)
        yield from map(entry_from, found.items)
        if not found.more:
            return
        after = str(found.items[-1]["SK"])


def _wallet_item(wallet: Wallet) -> dict[str, Value]:
    return {
        "version": wallet.version,
        "head": wallet.head,
        "status": wallet.status,
        "credits": credits_of(wallet.credits),
        "held": credits_of(wallet.held),
        "granted": credits_of(wallet.granted),
        "captured": credits_of(wallet.captured),
        "expired": credits_of(wallet.expired),
        "clawedBack": credits_of(wallet.clawed_back),
        "debt": credits_of(wallet.debt),
        "removed": credits_of(wallet.removed) or None,
        "lots": pack_lots(wallet.lots),
        "openJobs": dict(wallet.open_jobs) or None,
        "day": wallet.day or None,
        "spentToday": credits_of(wallet.spent_today) or None,
        "lossDay": wallet.loss_day or None,
        "lossToday": credits_of(wallet.loss_today) or None,
        "fingerprints": _device_set(wallet) or None,
        "deviceCount": wallet.device_count,
        "lowBalance": credits_of(wallet.low_balance) or None,
        "sessionsValidFrom": wallet.sessions_valid_from or None,
        "welcomed": None if wallet.welcomed else False,
        "disabled": wallet.disabled or None,
        "returnsFrozen": wallet.returns_frozen or None,
        "createdAt": iso(wallet.created_at),
        "updatedAt": iso(wallet.updated_at),
    }


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _device_set(wallet: Wallet) -> frozenset[str]:
    marked = (NEW_DEVICE + digest for digest in wallet.new_devices)
    return frozenset({*wallet.devices_with_item, *marked})


def _entry_item(entry: Entry) -> dict[str, Value]:
    return {
        "kind": entry.kind,
        "amount": credits_of(entry.amount),
        "ref": entry.ref,
        "allocation": pack_allocation(entry.allocation),
        "credits": credits_of(entry.credits),
        "held": credits_of(entry.held),
        "at": iso(entry.at),
        "returned": credits_of(entry.returned) or None,
        "debtPaid": credits_of(entry.debt_paid) or None,
        "details": entry.details or None,
        "mac": entry.mac,
    }
