"""Process groups: a process and its descendants."""

import os
import signal

from service.core.clock import Clock

_POLL_SECONDS = 0.05


def end_group(group: int, clock: Clock, seconds: float) -> bool:
    """Sends SIGTERM to the group, and SIGKILL to what still runs after `seconds`. Returns False if
    any process had to be killed."""
    if not signal_group(group, signal.SIGTERM):
        return True
    deadline = clock.monotonic() + seconds
    while signal_group(group, 0):
        if clock.monotonic() >= deadline:
            return not signal_group(group, signal.SIGKILL)
        clock.sleep(_POLL_SECONDS)
    return True


def signal_group(group: int, number: int) -> bool:
    """Sends the signal (0: none). Returns whether the group has any process."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
