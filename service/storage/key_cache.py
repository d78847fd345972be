"""Plain data keys that were unwrapped lately, so that KMS is called once for many uses."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from service.core.clock import Clock

MAX_KEYS = 1000
KEEP_SECONDS = 300.0


class KeyCache:
    """At most `MAX_KEYS`, each for `KEEP_SECONDS` after it was unwrapped, the oldest going first.
    Safe from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[float, bytes]] = OrderedDict()

    def __repr__(self) -> str:
        return f"KeyCache({len(self._kept)} keys)"

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, name: Hashable, unwrap: Callable[[], bytes]) -> bytes:
        """The key of that name, unwrapped unless it is kept. Raises what `unwrap` raises."""
        with self._guard:
            self._drop_old(MAX_KEYS)
            if name in self._kept:
                return self._kept[name][1]
        key = unwrap()
        with self._guard:
            self._kept.pop(name, None)
            self._drop_old(MAX_KEYS - 1)
            self._kept[name] = self._clock.monotonic() + KEEP_SECONDS, key
        return key

    def _drop_old(self, max_keys: int) -> None:
        now = self._clock.monotonic()
        while self._kept:
            until, _ = next(iter(self._kept.values()))
            if now < until and len(self._kept) <= max_keys:
                return
            self._kept.popitem(last=False)
