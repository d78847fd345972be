"""What operators did to a user, exported as far as the user may read it. What operators write for
each other is sealed with the user's data key, and ends with it."""

from collections.abc import Iterator

from service.admin import keys, store
from service.admin.entities import OperatorRecord
from service.core.amounts import credits_number
from service.core.clock import iso
from service.core.erasure import ExportPart
from service.storage.table import Table

PAGE = 100


class OperatorData:
    """The operators' log of a user."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @property
    def exports(self) -> tuple[ExportPart, ...]:
        return (ExportPart("operatorActions", self.exported),)

    def exported(self, user_id: str) -> Iterator[object]:
        """Every action that concerned the user, oldest first; private reasons are left out."""
        return map(_action_body, self._records(user_id))

    def _records(self, user_id: str) -> Iterator[OperatorRecord]:
        pk, after, more = keys.partition(user_id), "", True
        while more:
            page = self._table.query(pk, keys.RECORD_PREFIX, limit=PAGE, after=after)
            yield from map(store.record_from, page.items)
            more = page.more
            after = str(page.items[-1]["SK"]) if page.items else ""


def _action_body(record: OperatorRecord) -> dict[str, object]:
    return {
        "action": record.name,
        "amount": None if record.amount is None else credits_number(record.amount),
        "reason": record.reason or None,
        "at": iso(record.at),
    }
