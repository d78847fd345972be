"""What happened in a run: counts, a digest, and lines if a trace is wanted."""

from collections import Counter
from zlib import crc32


class Journal:
    """What happened: counts always, lines only when a trace is wanted, and a running digest of all
    of it."""

    def __init__(self, tracing: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        self.lines: list[str] = []
        self.tracing = tracing
        self.digest = 0

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def note(self, at: float, who: str, what: str) -> None:
        self.digest = hash_of(self.digest, at, who, what)
        if self.tracing:
            self.lines.append(f"{at:10.3f}  {who:<28} {what}")


def hash_of(before: int, at: float, who: str, what: str) -> int:
    """The same in every process, whatever PYTHONHASHSEED says."""
    return crc32(f"{at!r}|{who}|{what}".encode(), before)
