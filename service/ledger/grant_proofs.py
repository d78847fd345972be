"""What the entry of a grant and the grant's item say of each other. Pure.

In a file of its own because only the audit and a repair need it."""

from collections.abc import Iterator

from service.ledger import keys
from service.ledger.details import GRANT_ID, GRANT_SOURCE
from service.ledger.entities import Entry
from service.ledger.grants import Grant, GrantRecord, GrantSource, grant_key
from service.ledger.lots import LotKind, LotPortion
from service.storage.keys import Key


def named_grant(entry: Entry) -> Key | None:
    """The item of the grant that the entry made; None for an entry of no such grant."""
    names = entry.details.get(GRANT_SOURCE), entry.details.get(GRANT_ID)
    return None if None in names else keys.grant(str(names[0]), str(names[1]))


def made_by(entry: Entry, user_id: str) -> GrantRecord:
    """The grant as its entry says. Raises `KeyError` or `ValueError` for an entry of no grant."""
    lot = entry.allocation[0] if entry.allocation else LotPortion(0, LotKind.PROMO, 0)
    grant = Grant(
        source=GrantSource(entry.details[GRANT_SOURCE]),
        grant_id=entry.details[GRANT_ID],
        user_id=user_id,
        amount=entry.amount,
        kind=lot.kind,
        expires_at=lot.expires_at,
        restriction=lot.restriction,
        details={
            name: text
            for name, text in entry.details.items()
            if name not in (GRANT_SOURCE, GRANT_ID)
        },
    )
    return GrantRecord(grant, entry.at, entry.version)


def proved_faults(record: GrantRecord, entry: Entry | None, user_id: str) -> Iterator[str]:
    """What contradicts that a made grant's item and that entry of the user are of one grant. A lot
    of which debt was paid whole has left no terms."""
    grant = record.grant
    if entry is None or named_grant(entry) != grant_key(grant):
        yield f"names entry {record.entry_version} of {grant.user_id}, which did not make it"
        return
    if (grant.user_id, grant.amount, record.entry_version) != (
        user_id,
        entry.amount,
        entry.version,
    ):
        yield "is not as its entry says"
    terms = grant.kind, grant.expires_at, grant.restriction
    made = [(lot.kind, lot.expires_at, lot.restriction) for lot in entry.allocation]
    if made not in ([], [terms]):
        yield "has another lot than its entry"
