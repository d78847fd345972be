"""What notifications hold of a user: removed when the user is erased, and exported."""

import json
from collections.abc import Callable, Iterable, Iterator

from service.core.erasure import ErasureStep, ExportPart, StepOutcome
from service.notifications import keys, store
from service.notifications.entities import Endpoint
from service.storage.codec import Item
from service.storage.keys import Key, user_item, user_partition
from service.storage.table import Table
from service.storage.writes import REPLACE, Delete

PAGE = 100


class NotificationData:
    """A user's events in the outbox, their deliveries to webhooks, and notices of credits that
    expire."""

    def __init__(self, table: Table, endpoints: Callable[[], Iterable[Endpoint]]) -> None:
        """`endpoints` are all that may still have deliveries."""
        self._table = table
        self._endpoints = endpoints

    @property
    def steps(self) -> tuple[ErasureStep, ...]:
        return (ErasureStep("events", self.remove),)

    @property
    def exports(self) -> tuple[ExportPart, ...]:
        return (ExportPart("events", self.exported),)

    def remove(self, user_id: str) -> StepOutcome:
        """The deliveries of an event go before the event, which alone leads to them. Raises
        `StorageUnavailable`."""
        endpoint_ids = [endpoint.endpoint_id for endpoint in self._endpoints()]
        for item in self._items(user_id, keys.OUTBOX_PREFIX):
            event_id = str(item["SK"]).removeprefix(keys.OUTBOX_PREFIX)
            for endpoint_id in endpoint_ids:
                self._delete(keys.delivery(endpoint_id, event_id))
            self._delete(keys.message(user_id, event_id))
        for item in self._items(user_id, keys.NOTICE_PREFIX):
            self._delete(user_item(user_id, str(item["SK"])))
        return StepOutcome.DONE

    def exported(self, user_id: str) -> Iterator[object]:
        """Events of the last 30 days, as webhooks report them."""
        for item in self._items(user_id, keys.OUTBOX_PREFIX):
            message = store.message_from(item)
            yield {"eventId": message.event.event_id, **json.loads(message.event.body)}

    def _items(self, user_id: str, prefix: str) -> Iterator[Item]:
        after, more = "", True
        while more:
            page = self._table.query(user_partition(user_id), prefix, limit=PAGE, after=after)
            yield from page.items
            more = page.more
            after = str(page.items[-1]["SK"]) if page.items else ""

    def _delete(self, key: Key) -> None:
        self._table.write(Delete(key, REPLACE))
