"""Reports as items: the document as text, and its seal."""

import json
from collections.abc import Mapping
from typing import Any

from service.core.seals import holds, seal
from service.finance import keys
from service.finance.entities import Month
from service.storage.codec import Item
from service.storage.table import Table
from service.storage.writes import ABSENT, Put, When


def report_write(
    before: Item | None, month: Month, document: Mapping[str, Any], mac_key: bytes
) -> Put:
    """In the place of what was read."""
    text = json.dumps(document, separators=(",", ":"))
    mac = seal(_facts(str(month), text), mac_key)
    guard = ABSENT if before is None else When({"mac": before["mac"]})
    return Put(keys.report(str(month)), {"report": text, "mac": mac}, guard)


def read(table: Table, month: Month) -> Item | None:
    return table.get(keys.report(str(month)))


def is_sealed(item: Item, mac_key: bytes) -> bool:
    """Whether this service wrote it. Raises `KeyError` for an item that has no report."""
    month = str(item["SK"]).removeprefix(keys.MONTH_PREFIX)
    return holds(str(item["mac"]), _facts(month, str(item["report"])), mac_key)


def document_in(item: Item) -> dict[str, Any]:
    """Raises `ValueError` for an item that no version of this code wrote."""
    document: dict[str, Any] = json.loads(str(item["report"]))
    return document


def _facts(month: str, text: str) -> list[object]:
    return ["finance", month, text]
