"""Ledgers of random jobs, and a sum over them that shares no code with the service."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from service.core.amounts import SCALE
from service.core.days import DAY
from service.ledger.claw_backs import claw_back
from service.ledger.entities import Entry, Movement, Wallet
from service.ledger.lots import LotKind
from service.ledger.movements import adjust, capture, expire, grant, hold, release

OPERATIONS = ("kling:image2video", "openai:text", "openai:image", "assemblyai:batch")
Step = Callable[[Wallet], Movement]
Sums = dict[tuple[str, str], list[Any]]
HOUR = DAY // 24


class RandomJobs:
    """Jobs of any operation, some of which overlap or last past midnight; some fail, some cost less
    than was held. Between them credits come, expire and are taken."""

    def __init__(self, seed: int, start_at: int, name: str = "job") -> None:
        self._chance = random.Random(f"{seed} {name}")
        self._name = name
        self._open: list[Entry] = []
        self.at = start_at

    def steps(self, count: int, days: int) -> Iterator[Step]:
        """That many jobs over about so many days."""
        pause = days * DAY // max(1, count)
        for number in range(count):
            self.at += self._chance.randrange(2 * pause + 1)
            yield self._begins(f"{self._name}_{number}")
            while self._open and self._chance.random() < 0.6:
                self.at += self._chance.randrange(pause + 1)
                yield self._ends
            if self._chance.random() < 0.2:
                yield self._other

    def _begins(self, ref: str) -> Step:
        operation = self._chance.choice(OPERATIONS)
        details = {"operation": operation, "requestId": f"req_{ref}"}

        def step(wallet: Wallet) -> Movement:
            amount = self._chance.randint(1, max(1, min(3 * SCALE, wallet.spendable(self.at))))
            if wallet.spendable(self.at) < amount:
                return grant(wallet, LotKind.PAID, 10 * SCALE, None, ref, self.at)
            movement = hold(wallet, amount, ref, self.at, details=details)
            self._open.append(movement.entries[-1])
            return movement

        return step

    def _ends(self, wallet: Wallet) -> Movement:
        if not self._open:
            return expire(wallet, self.at)
        held = self._open.pop(0)
        facts = (held.allocation, held.ref, held.at, self.at)
        if self._chance.random() < 0.25:
            return release(wallet, *facts, details=held.details)
        amount = self._chance.choice([held.amount, self._chance.randint(0, held.amount)])
        allocation, *rest = facts
        return capture(wallet, allocation, amount, *rest, details=held.details)

    def _other(self, wallet: Wallet) -> Movement:
        kind = self._chance.choice(list(LotKind))
        life = self._chance.choice([None, 5 * HOUR, 40 * HOUR])
        amount = self._chance.randint(1, 8 * SCALE)
        match self._chance.randrange(5):
            case 0:
                return expire(wallet, self.at)
            case 1:
                return claw_back(
                    wallet,
                    self._chance.randint(1, 4 * SCALE),
                    LotKind.PAID,
                    None,
                    "refund",
                    self.at,
                )
            case 2:
                return adjust(wallet, amount, "up", self.at, kind=kind)
            case 3 if wallet.spendable(self.at) > amount:
                return adjust(wallet, -amount, "down", self.at)
        ends_at = None if life is None else max(self.at, wallet.updated_at) + life
        return grant(wallet, kind, amount, ends_at, "gift", self.at)


def sums_of(items: list[dict[str, Any]]) -> Sums:
    """By day and operation: jobs, failures, credits, milliseconds from hold to capture. Read from
    the table's items as they are on the wire."""
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal()] * 4)
    entries = [item for item in items if item["SK"]["S"].startswith("ENTRY#")]
    held = {
        (item["PK"]["S"], item["ref"]["S"]): item["at"]["S"]
        for item in entries
        if item["kind"]["S"] == "HOLD"
    }
    for item in entries:
        kind, at = item["kind"]["S"], item["at"]["S"]
        if kind not in ("CAPTURE", "RELEASE"):
            continue
        key = at[:10], item["details"]["M"]["operation"]["S"]
        count, failures, charged, took = sums[key]
        if kind == "CAPTURE":
            charged += Decimal(item["amount"]["N"])
            took += _milliseconds(at) - _milliseconds(held[item["PK"]["S"], item["ref"]["S"]])
        sums[key] = [count + 1, failures + (kind == "RELEASE"), charged, took]
    return dict(sums)


def unspent_of(items: list[dict[str, Any]]) -> dict[str, Decimal]:
    """What is unspent by kind of lot, from the wallets' lots and the open holds."""
    names = {"f": "free", "o": "promo", "s": "subscription", "p": "paid"}
    unspent: dict[str, Decimal] = defaultdict(Decimal)
    ended = {
        (item["PK"]["S"], item["ref"]["S"])
        for item in items
        if item.get("kind", {}).get("S") in ("CAPTURE", "RELEASE")
    }
    for item in items:
        is_open = (item["PK"]["S"], item.get("ref", {}).get("S")) not in ended
        rows = item["lots"]["L"] if "lots" in item else []
        if item.get("kind", {}).get("S") == "HOLD" and is_open:
            rows = item["allocation"]["L"]
        for row in rows:
            _, kind, amount, *_ = row["L"]
            unspent[names[kind["S"][0]]] += Decimal(amount["N"])
    return {kind: amount for kind, amount in unspent.items() if amount}


def _milliseconds(at: str) -> Decimal:
    """Of a time in ISO 8601, since midnight of the epoch's first day, by the calendar alone."""
    year, month, day = (int(part) for part in at[:10].split("-"))
    shifted = year - (month <= 2)
    days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400
    days += (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day
    hours, minutes, seconds = at[11:13], at[14:16], at[17:23]
    return (days * 86_400 + int(hours) * 3_600 + int(minutes) * 60 + Decimal(seconds)) * 1_000
