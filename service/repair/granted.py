"""The items of a user's grants, and how they are restored from the entries that made them. Pure."""

from collections.abc import Mapping, Sequence

from service.ledger.entities import Entry
from service.ledger.grant_proofs import made_by, named_grant
from service.ledger.grants import GrantRecord, grant_key, repaired_write
from service.storage.codec import Item, decode_item, encode_item
from service.storage.keys import Key
from service.storage.writes import Delete, When, Write


def is_stray(record: GrantRecord, entries: Sequence[Entry]) -> bool:
    """Whether a grant's item names an entry that did not make it."""
    if record.entry_version is None:
        return False
    key = grant_key(record.grant)
    return not any(
        entry.version == record.entry_version and named_grant(entry) == key for entry in entries
    )


class Granted:
    """Collects what has to be written so that each entry of a grant has its item, and no item names
    an entry that is lost: such a grant can be made again."""

    def __init__(self, user_id: str, linked: Mapping[Key, Item | None]) -> None:
        self._user_id = user_id
        self.linked = dict(linked)
        self.says: list[str] = []
        self.writes: list[Write] = []

    def put_right(self, entries: Sequence[Entry], records: Sequence[GrantRecord]) -> None:
        for record in records:
            if is_stray(record, entries):
                self._take_back(record)
        for entry in entries:
            key = named_grant(entry)
            if key is not None and self.linked.get(key) is None:
                self._put(key, entry)

    def _take_back(self, record: GrantRecord) -> None:
        key = grant_key(record.grant)
        self.says.append(f"delete {key}: its entry {record.entry_version} is lost")
        self.writes.append(Delete(key, When(equals={"entry": record.entry_version})))
        self.linked[key] = None

    def _put(self, key: Key, entry: Entry) -> None:
        write = repaired_write(made_by(entry, self._user_id))
        self.says.append(f"put {key} again, which entry {entry.version} made")
        self.writes.append(write)
        self.linked[key] = decode_item(encode_item({**key.attributes(), **write.item}))
