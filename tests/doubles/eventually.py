"""Waits for what another thread or process does in its own time."""

import time
from collections.abc import Callable

# Ends what hangs, and nothing on a machine that pauses.
WAIT_SECONDS = 60.0


def eventually(is_so: Callable[[], object]) -> None:
    """Returns as soon as it is so."""
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.002)
