"""One wallet write at a time per user in this process, first in, first out.

Safety never rests on this (the wallet's version does). It spares a contended wallet the retries,
and starves no one."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from service.core.fifo_gate import FifoGate, QueueFull, WaitedTooLong
from service.ledger.entities import TooManyWaiting, WalletBusy

STRIPES = 256
WAIT_LIMIT_SECONDS = 30.0


class WalletLocks:
    """At most `max_waiting` threads wait for one stripe, each at most `wait_limit_seconds`."""

    def __init__(self, max_waiting: int, wait_limit_seconds: float = WAIT_LIMIT_SECONDS) -> None:
        self._wait_limit_seconds = wait_limit_seconds
        self._gates = [FifoGate(1, max_waiting) for _ in range(STRIPES)]

    @contextmanager
    def locked(self, user_id: str, wait_limit_seconds: float | None = None) -> Iterator[bool]:
        """Holds the user's lock; yields whether it had to be waited for, at most so long or the
        usual time. Raises `TooManyWaiting` or `WalletBusy`."""
        gate = self._gates[zlib.crc32(user_id.encode()) % STRIPES]
        waited = self._enter(gate, wait_limit_seconds or self._wait_limit_seconds)
        try:
            yield waited
        finally:
            gate.leave()

    def _enter(self, gate: FifoGate, wait_limit_seconds: float) -> bool:
        try:
            return gate.enter(wait_limit_seconds)
        except QueueFull:
            raise TooManyWaiting from None
        except WaitedTooLong:
            raise WalletBusy from None
