"""Output for people: whole lines, flushed at once, from any thread."""

import io
import sys
from collections.abc import Callable
from threading import Lock
from typing import Protocol

Say = Callable[[str], None]
"""Writes one line."""

_COLOURS = (36, 33, 35, 32, 34)
_NAME_WIDTH = 10
# Of each line, before what the process wrote.
NAME_COLUMNS = _NAME_WIDTH + 2


class Stream(Protocol):
    """What a terminal needs of a stream."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...

    def isatty(self) -> bool: ...


class Terminal:
    """Writes lines to a stream, with colours if it is a terminal."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.coloured = stream.isatty()
        self._lock = Lock()
        self._colour_of: dict[str, int] = {}

    def say(self, line: str = "") -> None:
        """Writes one line. A closed stream is not an error."""
        with self._lock:
            try:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                return

    def bold(self, text: str) -> str:
        """The text, bold in a terminal."""
        return self._paint(1, text)

    def dim(self, text: str) -> str:
        """The text, grey in a terminal."""
        return self._paint(90, text)

    def green(self, text: str) -> str:
        """The text, green in a terminal."""
        return self._paint(32, text)

    def yellow(self, text: str) -> str:
        """The text, yellow in a terminal."""
        return self._paint(33, text)

    def cyan(self, text: str) -> str:
        """The text, cyan in a terminal."""
        return self._paint(36, text)

    def relay(self, name: str) -> Say:
        """Returns a `Say` that prefixes each line with the name, in its own colour on a
        terminal."""
        colour = self._colour_of.setdefault(name, _COLOURS[len(self._colour_of) % len(_COLOURS)])
        prefix = self._paint(colour, f"{name:<{_NAME_WIDTH}}|")
        return lambda line: self.say(f"{prefix} {line}")

    def _paint(self, colour: int, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self.coloured else text


class DeferredOutput:
    """A stream that keeps what is written, for a report of a failure, until it is shown on another
    stream. Coloured if that one will be."""

    def __init__(self, later: Stream) -> None:
        self._later = later
        self._kept: io.StringIO | None = io.StringIO()

    def write(self, text: str, /) -> None:
        (self._kept or self._later).write(text)

    def flush(self) -> None:
        (self._kept or self._later).flush()

    def isatty(self) -> bool:
        return self._later.isatty()

    def kept_lines(self) -> list[str]:
        """What was written so far; empty once it is shown."""
        return self._kept.getvalue().splitlines() if self._kept else []

    def show(self) -> None:
        """From now on, everything is written to the other stream. What was kept is dropped."""
        self._kept = None


def output() -> Terminal:
    """The terminal on standard output."""
    return Terminal(sys.stdout)


def complain(sentence: object) -> None:
    """One line on standard error."""
    Terminal(sys.stderr).say(str(sentence))
