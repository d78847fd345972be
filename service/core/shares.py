"""What users share in one process, with a bound for each of them."""

import threading
from collections import Counter


class NothingLeft(Exception):
    """All of it is taken."""


class ShareUsedUp(Exception):
    """That user has as much as one may have, whatever is left."""


class Shares:
    """At most `total` at once, and at most `each` of it in one name, so that no one alone keeps the
    others out. Without a name (None) only `total` counts. Remembers names only while they hold
    something."""

    def __init__(self, total: int, each: int) -> None:
        self._guard = threading.Lock()
        self._left = total
        self._each = each
        self._held: Counter[str] = Counter()

    def take(self, name: str | None, count: int = 1) -> None:
        """Takes that much, which `put_back` returns. Raises `ShareUsedUp` or `NothingLeft`; then
        nothing is taken."""
        with self._guard:
            if name is not None and self._held[name] + count > self._each:
                raise ShareUsedUp
            if count > self._left:
                raise NothingLeft
            self._add(name, count)

    def put_back(self, name: str | None, count: int = 1) -> None:
        with self._guard:
            self._add(name, -count)

    def _add(self, name: str | None, count: int) -> None:
        self._left -= count
        if name is not None:
            self._held[name] += count
            if not self._held[name]:
                del self._held[name]
