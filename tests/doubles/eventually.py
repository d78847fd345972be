"""Waits for what another thread or process does in its own time."""

import time
from collections.abc import Callable

# Ends what hangs, and nothing on a machine that pauses.
WAIT_SECONDS = 60.0


def eventually(is_so: Callable[[], object], wait_limit_seconds: float = WAIT_SECONDS) -> None:
    """Returns as soon as it is so. Raises `AssertionError` when the time is up."""
    until = time.monotonic() + wait_limit_seconds
    while not is_so():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.002)
