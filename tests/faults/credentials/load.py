"""Many callers while the credentials change."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.storage.dynamodb import DynamoDb
from service.storage.outcomes import Applied
from tests.doubles.pulse import Pulse

PARAMETERS: Mapping[str, object] = {"TableName": "T", "Item": {"PK": {"S": "P"}}}


@dataclass(frozen=True)
class Load:
    """What became of the calls: their outcomes other than `Applied`, how many there were, and how
    long one took at most, without the time in which this process stood still."""

    others: Counter[str]
    calls: int
    max_seconds: float


def load(client: DynamoDb, callers: int, seconds: float, during: Callable[[], None]) -> Load:
    """So many callers at once, for that time and while `during` runs."""
    others: Counter[str] = Counter()
    took: list[float] = []
    stopping = threading.Event()

    def call(pulse: Pulse) -> None:
        while not stopping.is_set():
            began_at = pulse.seconds
            outcome = client.call("PutItem", PARAMETERS)
            took.append(pulse.seconds - began_at)
            if not isinstance(outcome, Applied):
                others[str(outcome)] += 1

    with Pulse() as pulse:
        threads = [threading.Thread(target=call, args=(pulse,)) for _ in range(callers)]
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
    return Load(others, len(took), max(took))
