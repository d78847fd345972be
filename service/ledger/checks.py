"""What the audit proves of wallets and entries: an unbroken chain that ends in the wallet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from service.core.amounts import credits_text
from service.ledger import keys
from service.ledger.entities import Entry, Wallet, WalletStatus, applied, deltas
from service.ledger.grant_proofs import named_grant, proved_faults
from service.ledger.grants import is_sealed, record_from
from service.ledger.movements import WELCOME
from service.ledger.replay import disabled_after, replayed, returns_frozen_after, status_after
from service.ledger.store import entry_from, mac
from service.storage.checks import (
    AccountCheck,
    ItemCheck,
    PartitionReader,
    PrefixCheck,
    Violation,
    item_name,
)
from service.storage.codec import Item
from service.storage.keys import DUE_INDEX_ATTRIBUTES, Key

_BALANCES = (
    *("credits", "held", "granted", "captured"),
    *("expired", "clawed_back", "debt", "removed"),
)


class LedgerRecords(Protocol):
    """The part of an account that these checks read."""

    @property
    def user_id(self) -> str: ...

    @property
    def wallet(self) -> Wallet | None: ...

    @property
    def entries(self) -> Sequence[Entry]: ...

    @property
    def late(self) -> Sequence[Entry]:
        """Entries beyond the version at which the wallet was read."""
        ...

    @property
    def reached(self) -> int:
        """The wallet's version after that."""
        ...

    @property
    def unreadable(self) -> frozenset[str]:
        """Sort keys of the items that could not be decoded."""
        ...

    @property
    def linked(self) -> Mapping[Key, Item | None]:
        """The items that the checks have named outside of the user's partition."""
        ...

    @property
    def loose_macs(self) -> Mapping[str, str]:
        """The MACs of such entries."""
        ...


def ledger_check(mac_key: bytes) -> AccountCheck:
    def faults(account: LedgerRecords) -> Iterator[Violation]:
        if account.wallet is not None:
            where = item_name(account.user_id, keys.wallet("").sk)
            yield from (Violation(where, fault) for fault in account.wallet.faults())
        broken = list(_chain_faults(account, mac_key))
        yield from broken
        if not broken and not account.unreadable and account.wallet is not None:
            yield from _lot_faults(account.wallet, account.entries)

    return AccountCheck(("wallet", "entry"), faults)


def grants_of_account_check() -> AccountCheck:
    """Each entry that made a grant under a name has the grant's item, which says the same."""
    return AccountCheck(("grant",), _grant_faults, links=_grants_named)


def _grants_named(account: LedgerRecords) -> Iterator[Key]:
    named = map(named_grant, (*account.entries, *account.late))
    return (key for key in named if key is not None)


def _grant_faults(account: LedgerRecords) -> Iterator[Violation]:
    for entry in account.entries:
        key = named_grant(entry)
        if key is None:
            continue
        item = account.linked.get(key)
        if item is None:
            yield Violation(str(key), f"is missing, and entry {entry.version} made it")
            continue
        yield from (Violation(str(key), fault) for fault in _own_faults(item, entry, account))


def _own_faults(item: Item, entry: Entry, account: LedgerRecords) -> Iterator[str]:
    try:
        record = record_from(item)
    except (KeyError, TypeError, ValueError) as error:
        yield f"cannot be read ({type(error).__name__}: {error})"
        return
    yield from proved_faults(record, entry, account.user_id)


def grant_entry_check() -> PrefixCheck:
    """Each grant that was made has its entry in its user's ledger."""

    def faults(pk: str, reader: PartitionReader) -> Iterator[Violation]:
        item = reader.one(keys.grant_in(pk))
        record = record_from(item) if item else None
        if record is None or record.entry_version is None:
            return
        user_id = record.grant.user_id
        stored = reader.one(keys.entry(user_id, record.entry_version))
        entry = entry_from(stored) if stored else None
        for fault in proved_faults(record, entry, user_id):
            yield Violation(str(keys.grant_in(pk)), fault)

    return PrefixCheck(keys.GRANT_PREFIX, keys.grant_in, faults)


def grant_check(mac_key: bytes) -> ItemCheck:
    """What is true of a grant's item by itself."""

    def faults(item: Item) -> Iterator[str]:
        record = record_from(item)
        states = (record.due_at, record.entry_version, record.refused)
        scheduled = record.due_at is not None
        if sum(state is not None for state in states) != 1:
            yield "is neither made nor scheduled nor refused, or more than one of these"
        if [name in item for name in DUE_INDEX_ATTRIBUTES] != [scheduled, scheduled]:
            yield "its index attributes do not fit its state"
        if scheduled and not is_sealed(record, mac_key):
            yield "is not as this service wrote it (its MAC does not hold)"

    return ItemCheck(keys.GRANT_ITEM, faults)


class _Chain:
    """Walks entries in order: gapless, each balance the one before plus its amount, each MAC over
    the one before, nothing negative. Behind a gap it goes on from what the next entry says."""

    def __init__(self, account: LedgerRecords, mac_key: bytes) -> None:
        self._account = account
        self._key = mac_key
        self.running = Wallet(user_id=account.user_id)
        self.head: str | None = ""
        self.whole = True
        self.version = 0

    def walk(self, entries: Iterable[Entry]) -> Iterator[Violation]:
        for entry in entries:
            where = item_name(
                self._account.user_id, keys.entry(self._account.user_id, entry.version).sk
            )
            yield from self._gap(entry)
            yield from (Violation(where, fault) for fault in self._step(entry))

    def _gap(self, entry: Entry) -> Iterator[Violation]:
        if entry.version == self.version + 1:
            return
        self.whole = False
        self.head = self._account.loose_macs.get(
            keys.entry(self._account.user_id, entry.version - 1).sk
        )
        change = deltas(entry)
        before = entry.credits - change.credits, entry.held - change.held
        self.running = replace(self.running, credits=before[0], held=before[1])
        for version in range(self.version + 1, entry.version):
            sk = keys.entry(self._account.user_id, version).sk
            if sk not in self._account.unreadable:
                yield Violation(item_name(self._account.user_id, sk), "is missing")
                return

    def _step(self, entry: Entry) -> Iterator[str]:
        before, self.running = self.running, applied(self.running, deltas(entry))
        if (
            self.head is not None
            and mac(before.user_id, replace(entry, mac=""), self.head, self._key) != entry.mac
        ):
            yield "its MAC does not hold"
        if (entry.credits, entry.held) != (self.running.credits, self.running.held):
            yield "its balances are not those before it plus its amount"
        if self.whole and min(getattr(self.running, name) for name in _BALANCES) < 0:
            yield "a balance is negative behind it"
        self.head, self.version = entry.mac, entry.version


def _chain_faults(account: LedgerRecords, mac_key: bytes) -> Iterator[Violation]:
    """The entries up to the wallet's version end in the wallet; those beyond go on from there, and
    the wallet with them."""
    chain = _Chain(account, mac_key)
    yield from chain.walk(account.entries)
    if account.wallet is not None:
        yield from (
            Violation(item_name(account.user_id, "METADATA"), fault)
            for fault in _end_faults(account.wallet, chain, account)
        )
    yield from chain.walk(account.late)
    beyond = [entry.version for entry in account.late if entry.version > account.reached]
    if account.wallet is not None and beyond:
        yield Violation(
            item_name(account.user_id, keys.entry(account.user_id, beyond[0]).sk),
            "stands beyond the wallet's version",
        )


def _lot_faults(wallet: Wallet, entries: Sequence[Entry]) -> Iterator[Violation]:
    """The wallet's lots are those that its entries made, each with its kind, end and rest. Only
    for entries whose chain holds: they are ours, whatever the wallet says."""
    made, version = Wallet(wallet.user_id), 0
    for moment in replayed(wallet.user_id, entries, None):
        made, version = moment.wallet, moment.entry.version
    where = item_name(wallet.user_id, keys.wallet("").sk)
    if version != wallet.version:
        entry = item_name(wallet.user_id, keys.entry("", version + 1).sk)
        yield Violation(entry, "is not what the entries before it lead to")
    elif sum(entry.ref == WELCOME for entry in entries) > 1:
        yield Violation(where, "was welcomed more than once")
    elif wallet.welcomed is not made.welcomed:
        yield Violation(where, f"welcomed is {wallet.welcomed}, its entries say {made.welcomed}")
    elif fault := _status_fault(wallet, entries):
        yield Violation(where, fault)
    elif wallet.lots != made.lots:
        yield Violation(where, f"lots are {_lots(wallet)}, its entries say {_lots(made)}")
    elif wallet.updated_at != made.updated_at:
        yield Violation(where, "updatedAt is not the time of its last entry")
    elif fault := _day_fault(wallet, made):
        yield Violation(where, fault)


def _day_fault(wallet: Wallet, made: Wallet) -> str | None:
    """Whether the sums of a day are those of the entries. No day: no hold has been counted."""
    if (wallet.day, wallet.spent_today) not in ((made.day, made.spent_today), (0, 0)):
        spent = credits_text(wallet.spent_today), credits_text(made.spent_today)
        return (
            f"spentToday is {spent[0]} on day {wallet.day}, "
            f"its entries say {spent[1]} on day {made.day}"
        )
    if (wallet.loss_day, wallet.loss_today) != (made.loss_day, made.loss_today):
        loss = credits_text(wallet.loss_today), credits_text(made.loss_today)
        return (
            f"lossToday is {loss[0]} on day {wallet.loss_day}, "
            f"its entries say {loss[1]} on day {made.loss_day}"
        )
    return None


def _status_fault(wallet: Wallet, entries: Sequence[Entry]) -> str | None:
    """Whether the wallet has the status that its entries lead to, its user is disabled exactly if
    they say so, and no freeze was lost. Damage freezes an open wallet without an entry."""
    status, proved = wallet.status, status_after(entries)
    if wallet.disabled is not disabled_after(entries):
        return f"disabled is {wallet.disabled}, its entries say {disabled_after(entries)}"
    if returns_frozen_after(entries) and not wallet.returns_frozen:
        return "returnsFrozen is not set, although the wallet was frozen before it was closed"
    if status is proved or (status is WalletStatus.FROZEN and proved is WalletStatus.OPEN):
        return None
    if proved is WalletStatus.FROZEN and status is WalletStatus.OPEN:
        return "is open, although an operator froze it"
    return f"is {status}, its entries say {proved}"


def _lots(wallet: Wallet) -> str:
    lots = (
        f"{credits_text(lot.remaining)} {lot.kind} of {lot.lot_id}"
        + (f" for {lot.restriction}" if lot.restriction else "")
        + (f" until {lot.expires_at}" if lot.expires_at else "")
        for lot in wallet.lots
    )
    return ", ".join(lots) or "none"


def _end_faults(wallet: Wallet, chain: _Chain, account: LedgerRecords) -> Iterator[str]:
    if chain.version != wallet.version:
        if keys.entry(wallet.user_id, wallet.version).sk not in account.unreadable:
            yield f"the wallet is at version {wallet.version}, its entries at {chain.version}"
        return
    if chain.head is not None and chain.head != wallet.head:
        yield "head is not the MAC of the last entry"
    for name in _BALANCES if chain.whole else ("credits", "held"):
        stored, proved = getattr(wallet, name), getattr(chain.running, name)
        if stored != proved:
            said = credits_text(stored), credits_text(proved)
            yield f"{name} is {said[0]}, its entries say {said[1]}"
