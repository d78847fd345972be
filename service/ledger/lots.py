"""Lots of credits, and the pure rules of which lot is spent, returned or merged.

In a file of its own because these rules know neither wallet nor entry. Credits are counted in
thousandths (`core.amounts`), times are epoch milliseconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from service.core.amounts import Amount, Credits, amount_of, credits_of
from service.storage.codec import whole_number

MAX_LOTS = 8
EXPIRY_GRACE = 300_000
_NEVER = 10**16


class LotKind(StrEnum):
    """What a lot came from. Declared in burn order: what costs the user least to lose is spent
    first."""

    FREE = "free"
    PROMO = "promo"
    SUBSCRIPTION = "subscription"
    PAID = "paid"


_PRIORITY = {kind: place for place, kind in enumerate(LotKind)}
_LETTERS = {LotKind.FREE: "f", LotKind.PROMO: "o", LotKind.SUBSCRIPTION: "s", LotKind.PAID: "p"}
_KINDS = {letter: kind for kind, letter in _LETTERS.items()}

PackedLot = tuple[int, str, Credits, int]
"""Number, kind, credits and expiry (0: none): the compact form in which items keep it."""


@dataclass(frozen=True)
class Lot:
    """A batch of granted credits. `number` sorts by time and names it within its wallet; None never
    expires."""

    number: int
    kind: LotKind
    remaining: Amount
    expires_at: int | None = None

    @property
    def lot_id(self) -> str:
        return f"lot_{self.number:014d}"

    @property
    def burn_order(self) -> tuple[int, int, int]:
        return _PRIORITY[self.kind], _end(self.expires_at), self.number

    def spendable(self, now: int) -> bool:
        return self.expires_at is None or now < self.expires_at

    def lapsed(self, now: int) -> bool:
        """Long enough past its end that even a slow clock agrees."""
        return self.expires_at is not None and now >= self.expires_at + EXPIRY_GRACE


@dataclass(frozen=True)
class LotPortion:
    """The part of one lot that a movement is about: `taken` credits of the lot `number`."""

    number: int
    kind: LotKind
    taken: Amount
    expires_at: int | None = None


Allocation = tuple[LotPortion, ...]
"""How much a movement took from which lots, in the order in which it took them."""


def remaining(lots: Iterable[Lot]) -> int:
    return sum(lot.remaining for lot in lots)


def total_taken(allocation: Iterable[LotPortion]) -> Amount:
    return sum(portion.taken for portion in allocation)


def whole(lots: Iterable[Lot]) -> Allocation:
    """The allocation that takes all of these lots."""
    return tuple(LotPortion(lot.number, lot.kind, lot.remaining, lot.expires_at) for lot in lots)


def divide(lots: Sequence[Lot], amount: Amount) -> tuple[tuple[Lot, ...], tuple[Lot, ...]]:
    """The first `amount` credits of the lots in the order given, and the others."""
    first: list[Lot] = []
    rest: list[Lot] = []
    for lot in lots:
        part = min(lot.remaining, amount)
        amount -= part
        first += [replace(lot, remaining=part)] if part else []
        rest += [replace(lot, remaining=lot.remaining - part)] if lot.remaining > part else []
    return tuple(first), tuple(rest)


def burn(lots: Sequence[Lot], amount: Amount, now: int) -> tuple[Allocation, tuple[Lot, ...]]:
    """Takes an amount from what is spendable at that moment, in burn order. Returns what was taken
    and the lots that remain, spendable or not."""
    usable = sorted((lot for lot in lots if lot.spendable(now)), key=lambda lot: lot.burn_order)
    taken, rest = divide(usable, amount)
    return whole(taken), rest + tuple(lot for lot in lots if not lot.spendable(now))


def split(allocation: Allocation, amount: Amount) -> tuple[Allocation, Allocation]:
    """The first `amount` credits of an allocation, and the others."""
    first: list[LotPortion] = []
    rest: list[LotPortion] = []
    for portion in allocation:
        part = min(portion.taken, amount)
        amount -= part
        first += [replace(portion, taken=part)] if part else []
        rest += [replace(portion, taken=portion.taken - part)] if portion.taken > part else []
    return tuple(first), tuple(rest)


def put_back(
    lots: Sequence[Lot], allocation: Allocation, held_at: int, now: int, first_number: int
) -> tuple[Lot, ...]:
    """The lots with an allocation returned: to its own lot while that is unexpired, else as a lot
    numbered from `first_number` on, with the life it had left at the hold (so that a slow failure
    loses nothing and gains nothing)."""
    by_number = {lot.number: lot for lot in lots}
    for place, portion in enumerate(allocation):
        number, expires_at = portion.number, portion.expires_at
        if expires_at is not None and now >= expires_at:
            number, expires_at = first_number + place, now + max(0, expires_at - held_at)
        old = by_number.get(number)
        total = portion.taken + (old.remaining if old else 0)
        by_number[number] = Lot(number, portion.kind, total, expires_at)
    return tuple(by_number.values())


def tidy(lots: Sequence[Lot]) -> tuple[Lot, ...]:
    """Lots in burn order without the empty ones. Above the limit, the two neighbours of one kind
    that differ least in life become one that ends with the later."""
    kept = sorted((lot for lot in lots if lot.remaining > 0), key=lambda lot: lot.burn_order)
    while len(kept) > MAX_LOTS:
        place = min(
            (place for place in range(len(kept) - 1) if kept[place].kind is kept[place + 1].kind),
            key=lambda place: (_gap(kept[place], kept[place + 1]), place),
        )
        earlier, later = kept[place], kept[place + 1]
        kept[place : place + 2] = [replace(later, remaining=later.remaining + earlier.remaining)]
    return tuple(kept)


def pack_lots(lots: Iterable[Lot]) -> tuple[PackedLot, ...]:
    return tuple(
        (lot.number, _LETTERS[lot.kind], credits_of(lot.remaining), lot.expires_at or 0)
        for lot in lots
    )


def unpack_lots(rows: Iterable[PackedLot]) -> tuple[Lot, ...]:
    """Raises `KeyError`, `TypeError` or `ValueError` for what `pack_lots` never returned."""
    return tuple(
        Lot(whole_number(number), _KINDS[letter], amount_of(left), whole_number(end) or None)
        for number, letter, left, end in rows
    )


def pack_allocation(allocation: Allocation) -> tuple[PackedLot, ...]:
    return tuple(
        (part.number, _LETTERS[part.kind], credits_of(part.taken), part.expires_at or 0)
        for part in allocation
    )


def unpack_allocation(rows: Iterable[PackedLot]) -> Allocation:
    """Raises `KeyError`, `TypeError` or `ValueError` for what `pack_allocation` never returned."""
    return tuple(
        LotPortion(
            whole_number(number), _KINDS[letter], amount_of(taken), whole_number(end) or None
        )
        for number, letter, taken, end in rows
    )


def _gap(earlier: Lot, later: Lot) -> int:
    return _end(later.expires_at) - _end(earlier.expires_at)


def _end(expires_at: int | None) -> int:
    return _NEVER if expires_at is None else expires_at
