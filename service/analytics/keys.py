"""The keys of the figures of closed days."""

from service.core.days import Day
from service.storage.keys import ItemKind, Key

_PARTITION = "ANALYTICS"
DAY_PREFIX = "DAY#"
_OWNER = "analytics"

CLOSED_DAY = ItemKind(
    "closed day",
    _OWNER,
    _PARTITION,
    "DAY#<day>",
    "what happened to everybody's credits on a day that is over, as an audit's walk found it",
)
ITEMS = (CLOSED_DAY,)


def closed_day(day: Day) -> Key:
    return Key(_PARTITION, f"{DAY_PREFIX}{day.isoformat()}")
