"""Any order of movements at any times, with every promise of the ledger checked after each.

In a file of its own because the suite runs a small part of it and a proof a large one."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.catalog.entities import IMAGE_TO_VIDEO
from service.ledger.checks import ledger_check
from service.ledger.claw_backs import claw_back, restore, standing_after
from service.ledger.entities import (
    Entry,
    EntryKind,
    ExpiryInvalid,
    InsufficientCredits,
    LotNotFound,
    Movement,
    Wallet,
    WalletFrozen,
    WalletStatus,
)
from service.ledger.holdings import Holding, holding_of
from service.ledger.lots import LotKind, total_taken
from service.ledger.movements import (
    adjust,
    begin_closing,
    capture,
    close,
    edit_lot,
    expire,
    freeze,
    grant,
    hold,
    hold_from,
    release,
    thaw,
    void,
    welcome,
)
from service.ledger.replay import Moment, replayed
from service.ledger.store import entry_from, entry_writes, sealed, wallet_from, wallet_write
from service.storage.codec import Item, decode_item, encode_item
from service.storage.keys import Key

NOW = 1_790_000_000_000
MINUTE = 60_000
MAC_KEY = b"k" * 32
RESTRICTIONS = ("", "video", "x", "y", "z")
OPERATIONS = (IMAGE_TO_VIDEO, "toy:words")
AMOUNTS = st.integers(min_value=1, max_value=30_000)
LIVES = st.none() | st.integers(min_value=1, max_value=180)
PAYMENTS = ("purchase:pi_1", "purchase:pi_2", "invoice:in_1")
PLACES = st.integers(min_value=0, max_value=7)


@dataclass
class Records:
    """What the audit reads of one user."""

    user_id: str
    wallet: Wallet | None
    entries: Sequence[Entry]
    late: Sequence[Entry] = ()
    reached: int = 0
    unreadable: frozenset[str] = frozenset()
    loose_macs: dict[str, str] = field(default_factory=dict)
    linked: dict[Key, Item | None] = field(default_factory=dict)


class LedgerLife(RuleBasedStateMachine):
    """One wallet, its entries and its open jobs. Wallet and entries go through their items at every
    step."""

    steps = 0
    movements: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.item: Item = {}
        self.wallet = Wallet("u")
        self.entries: list[Entry] = []
        self.open_jobs: list[tuple[str, Holding]] = []
        self._fresh: deque[Entry] = deque()
        self._replay: Iterator[Moment] = replayed("u", self._feed(), MAC_KEY)
        self._audit = ledger_check(MAC_KEY)

    def _feed(self) -> Iterator[Entry]:
        while True:
            yield self._fresh.popleft()

    def end(self, minutes: int | None) -> int | None:
        return None if minutes is None else self.now + minutes * MINUTE

    def moved(self, movement: Movement) -> None:
        """Writes it as items, reads it back, and replays what is new."""
        before = self.wallet if self.item else None
        movement = sealed(movement, MAC_KEY)
        write = wallet_write(before, movement.wallet)
        kept = {name: value for name, value in self.item.items() if name not in write.remove}
        self.item = _stored({**kept, **write.key.attributes(), **write.set})
        self.wallet = wallet_from(self.item)
        assert self.wallet == movement.wallet
        for put in entry_writes(movement):
            entry = entry_from(_stored({**put.key.attributes(), **put.item}))
            self.entries.append(entry)
            LedgerLife.movements[entry.kind] += 1
            self._fresh.append(entry)
            moment = next(self._replay)
            assert moment.entry == entry
        assert _provable(moment.wallet) == _provable(movement.wallet)

    @initialize(welcome_credits=st.integers(min_value=0, max_value=20_000))
    def open_wallet(self, welcome_credits: int) -> None:
        self.moved(welcome(None, "u", welcome_credits, NOW))

    @rule(minutes=st.integers(min_value=-5, max_value=90))
    def time_passes(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @rule(
        kind=st.sampled_from(LotKind),
        amount=AMOUNTS,
        life=LIVES,
        restriction=st.sampled_from(RESTRICTIONS),
    )
    def grants(self, kind: LotKind, amount: int, life: int | None, restriction: str) -> None:
        before = self.wallet
        expires_at = self.end(life)
        granted = grant(before, kind, amount, expires_at, "g", self.now, restriction=restriction)
        self.moved(granted)
        assert self.wallet.granted == before.granted + amount
        assert self.wallet.debt == max(0, before.debt - amount)

    @rule(
        amount=st.integers(min_value=0, max_value=25_000),
        restrictions=st.frozensets(st.sampled_from(RESTRICTIONS[1:])),
    )
    def holds(self, amount: int, restrictions: frozenset[str]) -> None:
        before, ref = self.wallet, f"job_{len(self.entries)}"
        if before.status is not WalletStatus.OPEN:
            self._is_refused_while_frozen(amount, ref)
            return
        allowed = {"", *restrictions}
        try:
            movement = hold_from(before, amount, ref, self.now, allowed, {"requestId": ref})
        except InsufficientCredits:
            usable = [lot for lot in before.lots if lot.restriction in allowed]
            at = max(self.now, before.updated_at)
            assert sum(lot.remaining for lot in usable if lot.spendable(at)) < amount
            return
        self.moved(movement)
        entry = movement.entries[-1]
        assert {portion.restriction for portion in entry.allocation} <= allowed
        self.open_jobs.append((entry.ref, self._holding(entry.ref)))

    def _holding(self, ref: str) -> Holding:
        holding = holding_of(entry for entry in self.entries if entry.ref == ref)
        assert holding is not None
        return holding

    @precondition(lambda self: self.open_jobs and self.wallet.status is WalletStatus.OPEN)
    @rule(which=PLACES, percent=st.integers(min_value=1, max_value=60))
    def extends(self, which: int, percent: int) -> None:
        """What a job holds grows by exactly what leaves the lots, however often."""
        place = which % len(self.open_jobs)
        ref, before = self.open_jobs[place]
        at = max(self.now, self.wallet.updated_at)
        amount = self.wallet.spendable(at, "") * percent // 100
        self.moved(hold(self.wallet, amount, ref, self.now, kind=EntryKind.EXTEND))
        after = self._holding(ref)
        assert total_taken(after.allocation) == total_taken(before.allocation) + amount
        assert after.began_at == before.began_at
        self.open_jobs[place] = (ref, after)

    def _is_refused_while_frozen(self, amount: int, ref: str) -> None:
        try:
            hold(self.wallet, amount, ref, self.now)
        except WalletFrozen:
            return
        raise AssertionError("a frozen wallet holds nothing")

    @precondition(lambda self: self.wallet.status is WalletStatus.OPEN)
    @rule(percent=st.integers(min_value=1, max_value=100), operation=st.sampled_from(OPERATIONS))
    def holds_a_part(self, percent: int, operation: str) -> None:
        before = self.wallet
        at = max(self.now, before.updated_at)
        spendable = before.spendable(at, operation)
        ref, details = f"job_{len(self.entries)}", {"operation": operation}
        self.moved(hold(before, spendable * percent // 100, ref, self.now, details=details))
        entry = self.entries[-1]
        assert self.wallet.spendable(at, operation) == spendable - entry.amount
        self.open_jobs.append((ref, self._holding(ref)))

    @precondition(lambda self: self.open_jobs)
    @rule(which=PLACES, part=st.integers(min_value=0))
    def captures(self, which: int, part: int) -> None:
        ref, held = self.open_jobs.pop(which % len(self.open_jobs))
        amount = part % (1 + total_taken(held.allocation))
        before = self.wallet
        self.moved(_captured(before, held, amount, ref, self.now))
        assert self.wallet.captured == before.captured + amount

    @precondition(lambda self: self.open_jobs)
    @rule(which=PLACES)
    def captures_whole(self, which: int) -> None:
        ref, held = self.open_jobs.pop(which % len(self.open_jobs))
        amount = total_taken(held.allocation)
        self.moved(_captured(self.wallet, held, amount, ref, self.now))

    @precondition(lambda self: self.open_jobs)
    @rule(which=PLACES)
    def releases(self, which: int) -> None:
        """A release never burns credits: all of it is spendable at once, but for debt (and lots
        that ended at the hold itself)."""
        ref, held = self.open_jobs.pop(which % len(self.open_jobs))
        allocation, held_at, began_at = held.allocation, held.held_at, held.began_at
        at = max(self.now, self.wallet.updated_at)
        before, debt = self.wallet.spendable(at), self.wallet.debt
        self.moved(release(self.wallet, allocation, ref, held_at, self.now, began_at=began_at))
        alive = sum(p.taken for p in allocation if p.expires_at is None or p.expires_at > held_at)
        back = min(alive, total_taken(allocation) - debt) - debt
        assert self.wallet.spendable(at) >= before + back

    @rule(
        amount=st.integers(min_value=1, max_value=40_000),
        kind=st.sampled_from(LotKind),
        life=LIVES,
        payment=st.sampled_from(PAYMENTS),
    )
    def claws_back(self, amount: int, kind: LotKind, life: int | None, payment: str) -> None:
        before = self.wallet
        self.moved(claw_back(before, amount, kind, self.end(life), payment, self.now))
        assert self.wallet.debt == before.debt + max(0, amount - before.credits)
        taken = self.entries[-1].allocation
        own = sum(lot.remaining for lot in before.lots if lot.kind is kind)
        assert sum(p.taken for p in taken if p.kind is kind) == min(own, amount)

    @precondition(lambda self: self.wallet.clawed_back or self.wallet.debt)
    @rule(payment=st.sampled_from(PAYMENTS), percent=st.integers(min_value=1, max_value=100))
    def restores(self, payment: str, percent: int) -> None:
        """Nothing is made and nothing is lost: debt is paid, and the rest can be spent at once (but
        for lots that had ended when they were clawed back)."""
        standing = standing_after(each for each in self.entries if each.ref == payment)
        amount = -(-sum(each.amount for each in standing) * percent // 100)
        if not amount:
            return
        before = self.wallet
        at = max(self.now, before.updated_at)
        self.moved(restore(before, standing, amount, payment, self.now))
        assert self.wallet.debt == max(0, before.debt - amount)
        assert self.wallet.credits == before.credits + max(0, amount - before.debt)
        ended = (
            portion.taken
            for each in standing
            for portion in each.portions
            if portion.expires_at is not None and portion.expires_at <= each.at
        )
        spendable = before.spendable(at) + max(0, amount - before.debt) - sum(ended)
        assert self.wallet.spendable(at) >= spendable
        left = standing_after(each for each in self.entries if each.ref == payment)
        assert sum(each.amount for each in standing) - amount == sum(each.amount for each in left)

    @rule()
    def expires(self) -> None:
        movement = expire(self.wallet, self.now)
        if movement.entries:
            self.moved(movement)
        assert not any(lot.lapsed(self.now) for lot in self.wallet.lots)

    @rule(
        amount=AMOUNTS,
        kind=st.sampled_from(LotKind),
        life=LIVES,
        restriction=st.sampled_from(RESTRICTIONS),
    )
    def is_adjusted_up(
        self, amount: int, kind: LotKind, life: int | None, restriction: str
    ) -> None:
        before = self.wallet
        up = adjust(
            before,
            amount,
            "up",
            self.now,
            kind=kind,
            expires_at=self.end(life),
            restriction=restriction,
            details={"operatorId": "op", "reason": "sorry"},
        )
        self.moved(up)
        assert self.wallet.granted == before.granted + amount

    @rule(amount=AMOUNTS, place=st.none() | PLACES)
    def is_adjusted_down(self, amount: int, place: int | None) -> None:
        before, lot_id = self.wallet, None if place is None else self._lot_id(place)
        try:
            movement = adjust(before, -amount, "down", self.now, lot_id=lot_id)
        except (InsufficientCredits, LotNotFound):
            return
        self.moved(movement)
        assert self.wallet.removed == before.removed + amount
        assert self.wallet.credits == before.credits - amount

    @rule(place=PLACES)
    def has_a_lot_voided(self, place: int) -> None:
        before, lot_id = self.wallet, self._lot_id(place)
        try:
            movement = void(before, lot_id, "void", self.now)
        except LotNotFound:
            return
        self.moved(movement)
        assert lot_id not in [lot.lot_id for lot in self.wallet.lots]

    @rule(place=PLACES, life=st.none() | st.integers(min_value=-5, max_value=180))
    def has_a_lot_edited(self, place: int, life: int | None) -> None:
        before = self.wallet
        try:
            movement = edit_lot(before, self._lot_id(place), self.end(life), "edit", self.now)
        except (LotNotFound, ExpiryInvalid):
            return
        self.moved(movement)
        assert self.wallet.credits == before.credits

    def _lot_id(self, place: int) -> str:
        lots = self.wallet.lots
        return lots[place].lot_id if place < len(lots) else "lot_00000000000007"

    @precondition(lambda self: len(self.entries) % 7 == 6)
    @rule()
    def is_frozen(self) -> None:
        self.moved(freeze(self.wallet, "freeze", self.now))
        assert self.wallet.status is WalletStatus.FROZEN

    @precondition(lambda self: self.wallet.status is WalletStatus.FROZEN)
    @rule()
    def is_thawed(self) -> None:
        self.moved(thaw(self.wallet, "thaw", self.now))
        assert self.wallet.status is WalletStatus.OPEN

    @precondition(lambda self: not self.open_jobs and len(self.entries) % 9 == 8)
    @rule()
    def is_erased_and_returns(self) -> None:
        """The credits are given up; what is owed stays."""
        debt, is_frozen = self.wallet.debt, self.wallet.status is WalletStatus.FROZEN
        self.moved(begin_closing(self.wallet, "erasure", self.now))
        self.moved(close(self.wallet, "erasure", self.now))
        assert (self.wallet.credits, self.wallet.debt) == (0, debt)
        self.moved(welcome(self.wallet, "u", 20_000, self.now))
        assert (self.wallet.credits, self.wallet.debt) == (0, debt)
        assert (self.wallet.status is WalletStatus.FROZEN) is is_frozen

    @invariant()
    def every_promise_holds(self) -> None:
        if not self.item:
            return
        LedgerLife.steps += 1
        wallet = self.wallet
        assert wallet.faults() == []
        assert wallet.version == len(self.entries)
        assert wallet.held == sum(total_taken(held.allocation) for _, held in self.open_jobs)
        assert len({lot.terms for lot in wallet.lots}) == len(wallet.lots)
        assert len({lot.number for lot in wallet.lots}) == len(wallet.lots)
        assert list(self._audit.faults(Records("u", wallet, self.entries))) == []

    @invariant()
    def operators_are_named(self) -> None:
        for entry in self.entries[-1:]:
            if entry.kind is EntryKind.ADJUST and entry.amount > 0:
                assert entry.details == {"operatorId": "op", "reason": "sorry"}


def _captured(wallet: Wallet, held: Holding, amount: int, ref: str, now: int) -> Movement:
    return capture(wallet, held.allocation, amount, ref, held.held_at, now, began_at=held.began_at)


def _stored(item: Item) -> Item:
    return decode_item(encode_item(item))


def _provable(wallet: Wallet) -> Wallet:
    """What one moment of a replay says: status and its marks follow from all entries, and from when
    on tokens are accepted from none."""
    return replace(wallet, status=WalletStatus.OPEN, returns_frozen=False, sessions_valid_from=0)
