"""Process groups: a process with all its descendants that did not leave it."""

import os
import signal

from service.core.clock import Clock

_POLL_SECONDS = 0.05


def end_group(group: int, clock: Clock, seconds: float) -> bool:
    """SIGTERM to every process of the group, SIGKILL to those that live on after `seconds`. False
    if any had to be killed."""
    if not signal_group(group, signal.SIGTERM):
        return True
    deadline = clock.monotonic() + seconds
    while signal_group(group, 0):
        if clock.monotonic() >= deadline:
            return not signal_group(group, signal.SIGKILL)
        clock.sleep(_POLL_SECONDS)
    return True


def signal_group(group: int, number: int) -> bool:
    """Whether there was any process in the group to signal (0: just look)."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
