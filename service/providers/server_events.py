"""Server-Sent Events, as they come in
(https://html.spec.whatwg.org/multipage/server-sent-events.html, 9.2.5 and 9.2.6)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# The last events of a stream repeat the whole text.
MAX_EVENT_BYTES = 8 * 1024 * 1024

_LINE_ENDS = re.compile(rb"\r\n|\n|\r")


class EventTooLong(Exception):
    """An event is longer than any of a vendor's."""


@dataclass(frozen=True)
class ServerEvent:
    """One event. `name` is empty where the stream names none."""

    name: str
    data: str


class EventReader:
    """Reads the events of one stream. Comments, ids and retry times are skipped."""

    def __init__(self) -> None:
        self._unread: list[bytes] = []
        self._bytes = 0
        self._after_return = False
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[ServerEvent]:
        """The events that this piece completes. Raises `EventTooLong`."""
        if self._after_return and piece.startswith(b"\n"):
            # The end of a line may come in two pieces.
            piece = piece[1:]
        if piece:
            self._after_return = piece.endswith(b"\r")
        *lines, rest = _LINE_ENDS.split(piece)
        for line in lines:
            whole = b"".join([*self._unread, line])
            self._unread.clear()
            self._count(len(line))
            if event := self._line(whole):
                yield event
        if rest:
            self._unread.append(rest)
            self._count(len(rest))

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.removeprefix(b"\xef\xbb\xbf").partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        return None

    def _dispatch(self) -> ServerEvent | None:
        name, data = self._name, b"\n".join(self._data).decode("utf-8", "replace")
        has_data = bool(self._data)
        self._name, self._data, self._bytes = "", [], 0
        return ServerEvent(name, data) if has_data else None

    def _count(self, received: int) -> None:
        self._bytes += received
        if self._bytes > MAX_EVENT_BYTES:
            raise EventTooLong
