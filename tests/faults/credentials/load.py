"""Many callers while the credentials change."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.storage.dynamodb import DynamoDb
from service.storage.outcomes import Applied

TICK_SECONDS = 0.05
PARAMETERS: Mapping[str, object] = {"TableName": "T", "Item": {"PK": {"S": "P"}}}


@dataclass(frozen=True)
class Load:
    """What became of the calls: their outcomes other than `Applied`, how many there were, and how
    long one took at most, less what the process stood still meanwhile."""

    others: Counter[str]
    calls: int
    max_seconds: float


def load(client: DynamoDb, callers: int, seconds: float, during: Callable[[], None]) -> Load:
    """So many callers at once, for that time and while `during` runs."""
    others: Counter[str] = Counter()
    took: list[float] = []
    stopping = threading.Event()

    def call() -> None:
        while not stopping.is_set():
            began_at = time.monotonic()
            outcome = client.call("PutItem", PARAMETERS)
            took.append(time.monotonic() - began_at)
            if not isinstance(outcome, Applied):
                others[str(outcome)] += 1

    late_seconds = 0.0

    def measure() -> None:
        """How long this process got no processor: a busy machine is no wait for an endpoint."""
        nonlocal late_seconds
        while not stopping.is_set():
            began_at = time.monotonic()
            stopping.wait(TICK_SECONDS)
            late_seconds += max(0.0, time.monotonic() - began_at - 2 * TICK_SECONDS)

    threads = [threading.Thread(target=act) for act in (measure, *[call] * callers)]
    for thread in threads:
        thread.start()
    ends_at = time.monotonic() + seconds
    try:
        during()
        stopping.wait(max(0.0, ends_at - time.monotonic()))
    finally:
        stopping.set()
    for thread in threads:
        thread.join()
    return Load(others, len(took), max(took) - late_seconds)
