"""What users share in one process, with a bound for each of them."""

import threading
from collections import Counter


class NothingLeft(Exception):
    """All of it is taken."""


class ShareUsedUp(Exception):
    """That user has as much as one may have, whatever is left."""


class Shares:
    """At most `total` at once, and at most `each` of it in one name, so that nobody alone keeps the
    others out. Counts names only while they hold something."""

    def __init__(self, total: int, each: int) -> None:
        self._guard = threading.Lock()
        self._left = total
        self._each = each
        self._held: Counter[str] = Counter()

    def take(self, name: str, count: int = 1) -> None:
        """Takes that much, which `put_back` returns. Raises `ShareUsedUp` or `NothingLeft`; then
        nothing is taken."""
        with self._guard:
            if self._held[name] + count > self._each:
                self._drop_if_empty(name)
                raise ShareUsedUp
            if count > self._left:
                self._drop_if_empty(name)
                raise NothingLeft
            self._left -= count
            self._held[name] += count

    def put_back(self, name: str, count: int = 1) -> None:
        with self._guard:
            self._left += count
            self._held[name] -= count
            self._drop_if_empty(name)

    def _drop_if_empty(self, name: str) -> None:
        if not self._held[name]:
            del self._held[name]
