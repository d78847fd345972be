"""A lock between processes. The system releases it when its holder dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from devstack.errors import LocalSetupError
from service.core.clock import Clock, SystemClock

_POLL_SECONDS = 0.2


@contextmanager
def locked_file(
    path: Path, busy: str, wait_seconds: float = 0.0, clock: Clock | None = None
) -> Iterator[None]:
    """Holds the lock on the file (created if absent, never removed) during the block.

    Raises `LocalSetupError(busy)` if another process holds it for longer than `wait_seconds`, and
    `LocalSetupError` with the reason if the file cannot be opened."""
    clock = clock or SystemClock()
    deadline = clock.monotonic() + wait_seconds
    with _opened(path) as file:
        while not _taken(file.fileno()):
            if clock.monotonic() >= deadline:
                raise LocalSetupError(busy)
            clock.sleep(_POLL_SECONDS)
        yield


def is_locked(path: Path) -> bool:
    """Whether any process holds the lock."""
    if not path.exists():
        return False
    with path.open("r+") as file:
        return not _taken(file.fileno())


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w")
    except OSError as error:
        raise LocalSetupError(f"{path} cannot be used: {error}.") from error


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
