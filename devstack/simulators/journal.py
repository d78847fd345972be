"""The journal: the requests that the simulators received, and their responses."""

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
    """One request. `status` is the HTTP status of the response, None if there was none (yet).

    `body` is the parsed JSON, or the text if it is not JSON; long ones are truncated and say so.
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
    """The last 5,000 requests, oldest first, secrets included. Thread-safe."""

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
        """Adds the request on arrival, so that it shows before its response."""
        entry = Entry(
            self._clock.now(), service, operation, method, path, dict(headers), shown_body(body)
        )
        with self._lock:
            self._entries.append(entry)
        return entry

    def close(self, entry: Entry, status: int | None, fault: str | None) -> None:
        """Adds the response to its entry."""
        with self._lock:
            entry.status, entry.fault = status, fault

    def listed(
        self, service: str | None = None, operation: str | None = None
    ) -> list[dict[str, object]]:
        """The entries; filtered by service and operation if given."""
        with self._lock:
            return [
                asdict(entry)
                for entry in self._entries
                if service in (None, entry.service) and operation in (None, entry.operation)
            ]

    def reset(self) -> None:
        """Deletes all entries."""
        with self._lock:
            self._entries.clear()


def shown_body(body: bytes) -> object:
    """A request body as the journal shows it: parsed JSON with long strings truncated, or
    truncated text."""
    text = body.decode("utf-8", "replace")
    try:
        value = _shortened(json.loads(text))
    except (ValueError, RecursionError):
        return truncated(text, MAX_BODY_CHARACTERS)
    return (
        value
        if len(json.dumps(value)) <= MAX_BODY_CHARACTERS
        else truncated(text, MAX_BODY_CHARACTERS)
    )


def truncated(text: str, maximum: int) -> str:
    """The text, or its first `maximum` characters and how many were removed."""
    return (
        text
        if len(text) <= maximum
        else f"{text[:maximum]}… ({len(text) - maximum} more characters)"
    )


def _shortened(value: object) -> object:
    if isinstance(value, str):
        return truncated(value, MAX_VALUE_CHARACTERS)
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    return value
