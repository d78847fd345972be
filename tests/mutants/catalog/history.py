"""Mutants of what users and operators read of credits: history, receipts, analytics."""

from tests.mutants.mutant import Mutant, mutant

LINES = "tests/ledger/test_history_lines.py"
PAGES = "tests/ledger/test_history.py"
TOKENS = "tests/storage/test_cursor.py"
FILES = "tests/web/test_csv_responses.py"
USAGE = "tests/analytics/test_usage.py"
CLOSED = "tests/analytics/test_closed_days.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "whole-capture-has-a-line",
        LINES,
        "ledger.history_lines:line_of",
        "not change.credits and not change.debt",
        "False",
    ),
    mutant(
        "line-of-debt-left-out",
        LINES,
        "ledger.history_lines:line_of",
        "not change.credits and not change.debt",
        "not change.credits",
    ),
    mutant(
        "source-of-a-grant-ignored",
        LINES,
        "ledger.history_lines:_is_bought",
        "source is not None",
        "False",
    ),
    mutant(
        "last-line-of-a-page-twice",
        PAGES,
        "ledger.history:History.page",
        "self._cut(S, L, lines[-1].version)",
        "self._cut(S, L, lines[-1].version + 1)",
    ),
    mutant(
        "token-of-any-filter",
        PAGES,
        "ledger.history:HistoryFilter.scope",
        "(H, U, self.type, F, B)",
        "(H, U)",
    ),
    mutant(
        "search-one-version-off",
        PAGES,
        "ledger.history:History.version_at",
        "entry.at < at",
        "entry.at <= at",
    ),
    mutant(
        "token-of-any-list",
        TOKENS,
        "storage.cursor:_facts",
        "['page', *S, P]",
        "['page', P]",
    ),
    mutant(
        "formula-left-as-it-is",
        FILES,
        "web.csv_responses:_safe",
        "isinstance(C, str) and X",
        "False",
    ),
    mutant(
        "failure-has-a-charge",
        USAGE,
        "analytics.entities:_ending",
        "end.kind is EntryKind.CAPTURE",
        "True",
    ),
    mutant(
        "early-hold-not-known",
        USAGE,
        "analytics.entities:_ending",
        "begun.held_at if begun else None",
        "None",
    ),
    mutant(
        "paid-debt-still-unspent",
        CLOSED,
        "analytics.account_figures:unspent_after",
        "A.amount - A.debt_paid",
        "A.amount",
    ),
    mutant(
        "day-closed-before-its-end",
        CLOSED,
        "analytics.closed_days:ClosedDays.begin",
        "self._clock.now() - GRACE_MILLISECONDS",
        "self._clock.now()",
    ),
    mutant(
        "other-figures-are-no-violation",
        CLOSED,
        "analytics.closed_days:ClosedDays._closed",
        "before.figures.of_ledger != now.of_ledger",
        "False",
    ),
)
