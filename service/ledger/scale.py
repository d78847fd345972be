"""The scale in which a table's amounts are written: recorded once, compared at every start.

In a file of its own because it is about the table, not about any wallet."""

from collections.abc import Iterator

import structlog

from service.core.amounts import SCALE
from service.core.settings import SettingsError
from service.ledger import keys
from service.storage.checks import ItemCheck
from service.storage.codec import Item
from service.storage.table import ConditionFailed, StorageUnavailable, Table
from service.storage.writes import Put

log = structlog.get_logger()


def check_scale(table: Table) -> None:
    """Records the scale in a table that has none. Raises `SettingsError` for a table whose amounts
    are of another scale. A table that does not respond is left to the readiness probe."""
    try:
        found = _recorded(table)
    except StorageUnavailable as error:
        log.warning("scale_not_checked", reason=error.code)
        return
    if found != SCALE:
        raise SettingsError(
            [f"DYNAMODB_TABLE_NAME counts credits in parts of 1/{found}, this release of 1/{SCALE}"]
        )


def scale_check() -> ItemCheck:
    """What the audit proves of the record."""

    def faults(item: Item) -> Iterator[str]:
        if item.get("scale") != SCALE:
            yield f"is not {SCALE}, in which this release counts"

    return ItemCheck(keys.SCALE_ITEM, faults)


def _recorded(table: Table) -> object:
    item = table.get(keys.SCALE)
    if item is None:
        try:
            table.write(Put(keys.SCALE, {"scale": SCALE}))
            return SCALE
        except ConditionFailed as other:
            item = other.item or {}
    return item.get("scale")
