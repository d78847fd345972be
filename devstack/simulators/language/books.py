"""The vendor's own books: each call that a model worked for, and what it is billed."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from devstack.simulators.language.model import Plan

MAX_CALLS = 20_000


@dataclass
class Entry:
    """One call. The tokens are what it is billed, whatever was reported or arrived.

    `state`: `running`, `completed`, `incomplete`, `failed`, `cut` (the vendor dropped the
    connection), `left` (the client did)."""

    id: str
    at: int
    operation: str
    model: str
    job_id: str | None
    state: str = "running"
    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    reported_usage: Mapping[str, object] | None = None


class Books:
    """The last 20,000 calls, oldest first. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def open(self, entry: Entry) -> None:
        with self._lock:
            self._entries[entry.id] = entry
            if len(self._entries) > MAX_CALLS:
                self._entries.popitem(last=False)

    def begin(self, entry: Entry, plan: Plan) -> None:
        """The model has read the input, and thought about it."""
        with self._lock:
            entry.input_tokens = plan.input_tokens
            entry.cached_tokens = plan.cached_tokens
            entry.cache_write_tokens = plan.cache_write_tokens
            entry.reasoning_tokens = entry.output_tokens = plan.reasoning_tokens

    def wrote(self, entry: Entry, tokens: int = 1) -> None:
        with self._lock:
            entry.output_tokens += tokens

    def close(self, entry: Entry, state: str, reported: Mapping[str, object] | None = None) -> None:
        with self._lock:
            if entry.state == "running":
                entry.state, entry.reported_usage = state, reported

    def listed(self) -> list[dict[str, object]]:
        with self._lock:
            return [asdict(entry) for entry in self._entries.values()]

    def reset(self) -> None:
        with self._lock:
            self._entries.clear()
