"""Whose wallets there are: a walk over all users, segment by segment.

In a file of its own because it reads the whole table, which nothing on the path of a request may
do."""

from dataclasses import dataclass

from service.ledger import keys
from service.storage.keys import Key, user_of
from service.storage.table import Table


@dataclass(frozen=True)
class OwnersPage:
    """Some owners of wallets, open or not, each with where the walk continues behind them; and
    where it continues behind the whole page (None: the segment ends here)."""

    owners: tuple[tuple[str, Key], ...]
    after: Key | None


def read_owners(
    table: Table, segment: int, segments: int, after: Key | None, limit: int
) -> OwnersPage:
    """One page of one segment, from at most `limit` items of the table. Raises
    `StorageUnavailable`."""
    page = table.scan(segment=segment, segments=segments, limit=limit, after=after)
    places = (Key.of_raw_item(raw) for raw in page.items)
    found = ((user_of(place.pk), place) for place in places)
    owners = tuple((owner, place) for owner, place in found if place == keys.wallet(owner))
    return OwnersPage(owners, page.after)
