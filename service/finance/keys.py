"""The keys of stored reports."""

from service.storage.keys import ItemKind, Key

_PARTITION = "FINANCE"
MONTH_PREFIX = "MONTH#"

REPORT = ItemKind(
    "finance report",
    "finance",
    _PARTITION,
    "MONTH#<month>",
    "the last report of a month: its sums, and what does not match",
)
ITEMS = (REPORT,)


def report(month: str) -> Key:
    """The report of a month as in `2026-11`."""
    return Key(_PARTITION, f"{MONTH_PREFIX}{month}")
