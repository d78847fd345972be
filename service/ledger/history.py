"""A user's history, read from the ledger newest first, page by page or as a whole.

An entry's key is its version, so a page costs the same wherever it lies. A day is found by binary
search over the versions: along a ledger, time never runs backwards.

In a file of its own because nothing that moves credits needs it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from service.ledger import keys
from service.ledger.entities import Entry
from service.ledger.history_lines import HistoryLine, TransactionType, line_of
from service.ledger.store import entry_from
from service.storage.cursor import PageTokens
from service.storage.keys import user_partition
from service.storage.table import Table

MAX_ENTRIES_A_PAGE = 1_000
READ_ENTRIES = 250
# More versions than any wallet has: 2**40 is a trillion.
MAX_SEARCH_STEPS = 40


@dataclass(frozen=True)
class HistoryFilter:
    """Which lines: of one type (None: of any), from a moment on, and before another (None:
    unbounded)."""

    type: TransactionType | None = None
    from_at: int | None = None
    before_at: int | None = None

    def matches(self, line: HistoryLine) -> bool:
        return self.type is None or line.type is self.type

    def scope(self, user_id: str) -> tuple[object, ...]:
        """What a page token is bound to."""
        return ("history", user_id, self.type, self.from_at, self.before_at)


@dataclass(frozen=True)
class HistoryPage:
    """Some lines, newest first, and the token of those that follow (None: there are none)."""

    lines: tuple[HistoryLine, ...]
    next_token: str | None


class History:
    """Reads what every entry says to its owner. Writes nothing."""

    def __init__(self, table: Table, page_tokens: PageTokens) -> None:
        self._table = table
        self._page_tokens = page_tokens

    def page(
        self, user_id: str, wanted: HistoryFilter, limit: int, token: str | None
    ) -> HistoryPage:
        """At most `limit` lines; none for an unknown user. Reads at most `MAX_ENTRIES_A_PAGE`
        entries: where a type is rare, a page may be short or empty although others follow.

        Raises `PageTokenInvalid` and `StorageUnavailable`."""
        scope = wanted.scope(user_id)
        below = int(self._page_tokens.open(scope, token)) if token else self._end(user_id, wanted)
        lines: list[HistoryLine] = []
        read = 0
        # Twice the page: a job that delivers has two entries and one line. One more than the page
        # shows whether another follows.
        first = 2 * (limit + 1)
        for entry in self._newest_first(user_id, below, first, MAX_ENTRIES_A_PAGE):
            if wanted.from_at is not None and entry.at < wanted.from_at:
                return HistoryPage(tuple(lines), None)
            line = line_of(entry)
            if line is not None and wanted.matches(line):
                if len(lines) == limit:
                    return self._cut(scope, lines, lines[-1].version)
                lines.append(line)
            below, read = entry.version, read + 1
        if below is None or below <= 1 or read < MAX_ENTRIES_A_PAGE:
            return HistoryPage(tuple(lines), None)
        return self._cut(scope, lines, below)

    def lines(self, user_id: str, wanted: HistoryFilter) -> Iterator[HistoryLine]:
        """Every line, newest first, read while it is consumed."""
        for entry in self._newest_first(user_id, self._end(user_id, wanted), READ_ENTRIES, None):
            if wanted.from_at is not None and entry.at < wanted.from_at:
                return
            line = line_of(entry)
            if line is not None and wanted.matches(line):
                yield line

    def entries(self, user_id: str, first_version: int, below: int) -> Iterator[Entry]:
        """The entries from one version on and below another, newest first."""
        for entry in self._newest_first(user_id, below, READ_ENTRIES, below - first_version):
            if entry.version < first_version:
                return
            yield entry

    def entries_at(self, user_id: str, versions: Collection[int]) -> list[Entry]:
        """The entries at exactly these versions, in order, each in a read of its own. Raises
        `LookupError` where there is none."""
        found = [self._newest_below(user_id, version + 1) for version in sorted(versions)]
        entries = [entry for entry in found if entry is not None]
        if [entry.version for entry in entries] != sorted(versions):
            raise LookupError("an entry that is named is not there")
        return entries

    def version_at(self, user_id: str, at: int) -> int:
        """The version of the first entry at that moment or later; one more than the newest if
        there is none."""
        newest = self._newest_below(user_id, None)
        if newest is None:
            return 1
        if newest.at < at:
            return newest.version + 1
        before, found = 0, newest.version
        for _ in range(MAX_SEARCH_STEPS):
            if found - before <= 1:
                break
            middle = (before + found) >> 1
            entry = self._newest_below(user_id, middle + 1)
            if entry is None or entry.at < at:
                before = middle
            else:
                found = entry.version
        return found

    def _end(self, user_id: str, wanted: HistoryFilter) -> int | None:
        """Below which version the lines begin (None: with the newest)."""
        return None if wanted.before_at is None else self.version_at(user_id, wanted.before_at)

    def _cut(self, scope: tuple[object, ...], lines: list[HistoryLine], below: int) -> HistoryPage:
        return HistoryPage(tuple(lines), self._page_tokens.seal(scope, str(below)))

    def _newest_below(self, user_id: str, version: int | None) -> Entry | None:
        return next(self._newest_first(user_id, version, 1, 1), None)

    def _newest_first(
        self, user_id: str, below: int | None, first: int, max_entries: int | None
    ) -> Iterator[Entry]:
        """Entries below a version, in batches of `first` and then `READ_ENTRIES`; at most
        `max_entries` (None: all)."""
        after = keys.ENTRY_PREFIX + "~" if below is None else keys.entry("", below).sk
        batch, left = first, max_entries
        while left is None or left > 0:
            limit = batch if left is None else min(batch, left)
            page = self._table.query(
                user_partition(user_id),
                keys.ENTRY_PREFIX,
                limit=limit,
                after=after,
                ascending=False,
            )
            yield from map(entry_from, page.items)
            if not page.more:
                return
            after, batch = str(page.items[-1]["SK"]), READ_ENTRIES
            left = None if left is None else left - len(page.items)
