"""Lots of credits, and the pure rules of which lot is spent, returned or merged.

In a file of its own because these rules know neither wallet nor entry. Credits are counted in
thousandths (`core.amounts`), times are epoch milliseconds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from service.core.amounts import Amount, Credits, amount_of, credits_of
from service.ledger.restrictions import packed, unpacked
from service.storage.codec import whole_number

# As many as there are kinds, spendable or ended: above it two of the same group can always merge.
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
"""Number, kind, credits and expiry (0: none): the compact form in which items keep it. The kind is
its letter, with that of the restriction behind it: `o`, `ov`."""


@dataclass(frozen=True)
class Lot:
    """A batch of granted credits: a kind, an expiry (None: never) and a restriction ("": none, see
    `ledger.restrictions`). `number` sorts by time and names it within its wallet."""

    number: int
    kind: LotKind
    remaining: Amount
    expires_at: int | None = None
    restriction: str = ""

    @property
    def lot_id(self) -> str:
        return lot_id_of(self.number)

    @property
    def burn_order(self) -> tuple[int, int, bool, int]:
        """Of two lots that end together, the one that buys less is spent first."""
        return _PRIORITY[self.kind], _end(self.expires_at), not self.restriction, self.number

    @property
    def terms(self) -> tuple[LotKind, str, int | None]:
        """What makes two lots the same: where their credits came from does not."""
        return self.kind, self.restriction, self.expires_at

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
    restriction: str = ""

    @property
    def lot_id(self) -> str:
        return lot_id_of(self.number)


Allocation = tuple[LotPortion, ...]
"""How much a movement took from which lots, in the order in which it took them."""


def lot_id_of(number: int) -> str:
    return f"lot_{number:014d}"


def remaining(lots: Iterable[Lot]) -> int:
    return sum(lot.remaining for lot in lots)


def total_taken(allocation: Iterable[LotPortion]) -> Amount:
    return sum(portion.taken for portion in allocation)


def whole(lots: Iterable[Lot]) -> Allocation:
    """The allocation that takes all of these lots."""
    return tuple(
        LotPortion(lot.number, lot.kind, lot.remaining, lot.expires_at, lot.restriction)
        for lot in lots
    )


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


def joined(allocation: Allocation, more: Allocation) -> Allocation:
    """One allocation with another behind it. What both took of one lot on the same terms is one
    portion, in its first place."""
    taken: dict[LotPortion, Amount] = {}
    for portion in (*allocation, *more):
        terms = replace(portion, taken=0)
        taken[terms] = taken.get(terms, 0) + portion.taken
    return tuple(replace(terms, taken=amount) for terms, amount in taken.items())


def put_back(
    lots: Sequence[Lot], allocation: Allocation, held_at: int, now: int, first_number: int
) -> tuple[Lot, ...]:
    """The lots with an allocation returned: to its own lot, as that stands now, while it is
    unexpired, else as a lot numbered from `first_number` on, with the life it had left at the hold
    (so that a slow failure loses nothing and gains nothing)."""
    by_number = {lot.number: lot for lot in lots}
    for place, portion in enumerate(allocation):
        old = by_number.get(portion.number)
        if old is not None and old.spendable(now):
            by_number[old.number] = replace(old, remaining=old.remaining + portion.taken)
            continue
        number, expires_at = portion.number, portion.expires_at
        if expires_at is not None and now >= expires_at:
            number, expires_at = first_number + place, now + max(0, expires_at - held_at)
        elif old is not None:
            number = first_number + place
        by_number[number] = Lot(
            number, portion.kind, portion.taken, expires_at, portion.restriction
        )
    return tuple(by_number.values())


def tidy(lots: Iterable[Lot], at: int) -> tuple[Lot, ...]:
    """Lots in burn order without the empty ones, equal ones in one. Above the limit, the two of one
    kind and restriction that differ least in life become one that ends with the later; where there
    are no such two, two of one kind do, and what they make is not restricted. A lot that has ended
    at that moment never becomes part of one that has not: its credits stay expired."""
    kept = _joined(lots)
    while len(kept) > MAX_LOTS:
        pairs = _neighbours(kept, lambda lot: (lot.kind, lot.restriction, lot.spendable(at)))
        pairs = pairs or _neighbours(kept, lambda lot: (lot.kind, lot.spendable(at)))
        earlier, later = min(pairs, key=lambda pair: _gap(*pair))
        merged = replace(
            later,
            remaining=later.remaining + earlier.remaining,
            restriction=later.restriction if later.restriction == earlier.restriction else "",
        )
        kept = _joined((*(lot for lot in kept if lot not in (earlier, later)), merged))
    return kept


def _joined(lots: Iterable[Lot]) -> tuple[Lot, ...]:
    """Equal lots in one, which keeps the oldest's number."""
    joined: dict[tuple[LotKind, str, int | None], Lot] = {}
    for lot in sorted((lot for lot in lots if lot.remaining > 0), key=lambda lot: lot.burn_order):
        first = joined.get(lot.terms)
        total = lot.remaining + (first.remaining if first else 0)
        joined[lot.terms] = replace(first or lot, remaining=total)
    return tuple(joined.values())


def _neighbours(lots: Iterable[Lot], group: Callable[[Lot], object]) -> list[tuple[Lot, Lot]]:
    """Each lot and the next of its group, of lots in burn order."""
    last: dict[object, Lot] = {}
    pairs: list[tuple[Lot, Lot]] = []
    for lot in lots:
        earlier = last.get(group(lot))
        pairs += [(earlier, lot)] if earlier else []
        last[group(lot)] = lot
    return pairs


def pack_lots(lots: Iterable[Lot]) -> tuple[PackedLot, ...]:
    return tuple(
        (lot.number, _packed_kind(lot), credits_of(lot.remaining), lot.expires_at or 0)
        for lot in lots
    )


def unpack_lots(rows: Iterable[PackedLot]) -> tuple[Lot, ...]:
    """Raises `KeyError`, `TypeError` or `ValueError` for what `pack_lots` never returned."""
    return tuple(
        Lot(
            whole_number(number),
            _KINDS[kind[:1]],
            amount_of(left),
            whole_number(end) or None,
            unpacked(kind[1:]),
        )
        for number, kind, left, end in rows
    )


def pack_allocation(allocation: Allocation) -> tuple[PackedLot, ...]:
    return tuple(
        (part.number, _packed_kind(part), credits_of(part.taken), part.expires_at or 0)
        for part in allocation
    )


def unpack_allocation(rows: Iterable[PackedLot]) -> Allocation:
    """Raises `KeyError`, `TypeError` or `ValueError` for what `pack_allocation` never returned."""
    return tuple(
        LotPortion(
            whole_number(number),
            _KINDS[kind[:1]],
            amount_of(taken),
            whole_number(end) or None,
            unpacked(kind[1:]),
        )
        for number, kind, taken, end in rows
    )


def _packed_kind(lot: Lot | LotPortion) -> str:
    return _LETTERS[lot.kind] + packed(lot.restriction)


def _gap(earlier: Lot, later: Lot) -> int:
    return _end(later.expires_at) - _end(earlier.expires_at)


def _end(expires_at: int | None) -> int:
    return _NEVER if expires_at is None else expires_at
