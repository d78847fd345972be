"""Faults drawn at random for each call, with a chance for each; used by the simulation."""

import random
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate

TABLE_FAULTS = (
    "lost request",
    "lost answer",
    "late write",
    "slow request",
    "slow answer",
    "throttle",
    "conflict",
    "internal error",
    "internal error, applied",
    "unreachable",
    "torn view",
    "death before call",
    "death in flight",
    "pause before call",
    "pause in flight",
)
VENDOR_FAULTS = (
    "create: image refused",
    "create: content refused",
    "create: busy",
    "create: unavailable",
    "create: indeterminate, lost",
    "create: indeterminate, acted",
    "create: indeterminate, acts late",
    "create: indeterminate, slow",
    "create: breaks",
    "create: death before",
    "create: death in flight",
    "create: pause before",
    "create: pause in flight",
)
QUERY_FAULTS = (
    "query: indeterminate",
    "query: stale",
    "query: not found",
    "query: death",
    "query: pause",
    "query: no link",
)


@dataclass(frozen=True)
class Faults:
    """The chance of each fault per call, by name; a muted one is drawn as before, and then does not
    happen."""

    chances: Mapping[str, float] = field(default_factory=dict)
    muted: frozenset[str] = frozenset()

    def without(self, names: Iterable[str]) -> "Faults":
        return replace(self, muted=self.muted | set(names))


class FaultPicker:
    """Draws at most one fault of a family for a call."""

    def __init__(self, faults: Faults, family: Iterable[str]) -> None:
        likely = [name for name in family if faults.chances.get(name)]
        self._names = ["" if name in faults.muted else name for name in likely]
        self._bounds = list(accumulate(faults.chances[name] for name in likely))

    def draw(self, rng: random.Random) -> str:
        """Uses one random number whatever comes out, so that muting a fault shifts nothing else."""
        place = bisect_right(self._bounds, rng.random())
        return self._names[place] if place < len(self._names) else ""
