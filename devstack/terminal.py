"""Output for people: whole lines, flushed at once, from any thread."""

import sys
from collections.abc import Callable
from threading import Lock
from typing import TextIO

Say = Callable[[str], None]
"""Writes one line."""

_COLOURS = (36, 33, 35, 32, 34)
_NAME_WIDTH = 10


class Terminal:
    """Writes lines to a stream, with colours if it is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._coloured = stream.isatty()
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

    def relay(self, name: str) -> Say:
        """Returns a `Say` that prefixes each line with the name, in its own colour on a
        terminal."""
        colour = self._colour_of.setdefault(name, _COLOURS[len(self._colour_of) % len(_COLOURS)])
        prefix = self._paint(colour, f"{name:<{_NAME_WIDTH}}|")
        return lambda line: self.say(f"{prefix} {line}")

    def _paint(self, colour: int, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._coloured else text


def output() -> Terminal:
    """The terminal on standard output."""
    return Terminal(sys.stdout)


def complain(sentence: object) -> None:
    """One line on standard error."""
    Terminal(sys.stderr).say(str(sentence))
