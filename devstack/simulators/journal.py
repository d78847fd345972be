"""What was asked of the simulators, and how they answered."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from service.core.clock import Clock

MAX_ENTRIES = 5_000
MAX_BODY_CHARACTERS = 8_000
MAX_VALUE_CHARACTERS = 3_000


@dataclass
class Entry:
    """One request. `status` is the HTTP status the caller was sent, None where it was sent none
    (yet).

    `body` is the parsed JSON, or the text where it is none; long ones are cut and say so.
    """

    at: int
    service: str
    operation: str
    method: str
    path: str
    headers: dict[str, str]
    body: object
    status: int | None = None
    fault: str | None = None


class Journal:
    """The last 5,000 requests, oldest first, secrets included. Safe from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)

    def open(
        self,
        service: str,
        operation: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Entry:
        """Writes the request down as it arrives, so that it shows before it is answered."""
        entry = Entry(
            self._clock.now(), service, operation, method, path, dict(headers), shown(body)
        )
        with self._lock:
            self._entries.append(entry)
        return entry

    def close(self, entry: Entry, status: int | None, fault: str | None) -> None:
        """Adds how the request ended."""
        with self._lock:
            entry.status, entry.fault = status, fault

    def listed(
        self, service: str | None = None, operation: str | None = None
    ) -> list[dict[str, object]]:
        """The entries, of one service and operation where given."""
        with self._lock:
            return [
                asdict(entry)
                for entry in self._entries
                if service in (None, entry.service) and operation in (None, entry.operation)
            ]

    def reset(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._entries.clear()


def shown(body: bytes) -> object:
    """A request body as the journal shows it: JSON parsed with long strings cut, anything else as
    cut text."""
    text = body.decode("utf-8", "replace")
    try:
        value = _shortened(json.loads(text))
    except (ValueError, RecursionError):
        return cut(text, MAX_BODY_CHARACTERS)
    return (
        value if len(json.dumps(value)) <= MAX_BODY_CHARACTERS else cut(text, MAX_BODY_CHARACTERS)
    )


def cut(text: str, most: int) -> str:
    """The text, or its first `most` characters and how many were left out."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most} more characters)"


def _shortened(value: object) -> object:
    if isinstance(value, str):
        return cut(value, MAX_VALUE_CHARACTERS)
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    return value
