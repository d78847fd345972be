"""Linked identities as items.

In a file of its own because a user who links nothing has none of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.core.clock import from_iso, iso
from service.storage.codec import Item, whole_number
from service.storage.keys import Key, user_partition
from service.storage.table import Table
from service.storage.writes import Put, Update, When, Write
from service.users import keys
from service.users.entities import Digests
from service.users.sharing import text_of

EMAIL = "email"
SUBJECT = "subject"
_COUNT = "linkedIdentities"
# More than `MAX_LINKED_IDENTITIES`: those that were unlinked stay as a trace.
MAX_ITEMS = 100


@dataclass(frozen=True)
class NewIdentity:
    """An identity to link, the mailbox that it claims for the user (None: no further one), and its
    address, sealed for `email_place`. `subject` is that of a Cognito identity, sealed for
    `subject_place`: an erasure deletes it from the user pool."""

    digests: Digests
    mailbox: Digests | None
    provider: str
    email: bytes | None = field(repr=False)
    subject: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class StoredIdentity:
    """As stored. `claims` are the keys of the claims that came with it."""

    identity_id: str
    provider: str
    email: bytes | None = field(repr=False)
    identity_digests: tuple[str, ...]
    mailbox_digests: tuple[str, ...]
    linked_at: int
    unlinked: bool
    subject: bytes | None = field(default=None, repr=False)

    @property
    def claims(self) -> tuple[Key, ...]:
        return self.claims_without(None)

    def claims_without(self, mailbox: str | None) -> tuple[Key, ...]:
        """The claims, but for those of a mailbox that is known by that digest."""
        of_identity = map(keys.identity_claim, self.identity_digests)
        released = () if mailbox in self.mailbox_digests else self.mailbox_digests
        return (*of_identity, *map(keys.mailbox_claim, released))


def email_place(user_id: str, identity_id: str) -> tuple[Key, str]:
    """The item and the attribute for which an address is sealed."""
    return keys.linked_identity(user_id, identity_id), EMAIL


def subject_place(user_id: str, identity_id: str) -> tuple[Key, str]:
    """The item and the attribute for which a subject is sealed."""
    return keys.linked_identity(user_id, identity_id), SUBJECT


def read_linked(table: Table, user_id: str) -> list[StoredIdentity]:
    """Those that are linked now, oldest first, in one call."""
    page = table.query(user_partition(user_id), keys.IDENTITY_PREFIX, limit=MAX_ITEMS)
    stored = (stored_from(item) for item in page.items)
    return sorted(
        (each for each in stored if not each.unlinked),
        key=lambda each: (each.linked_at, each.identity_id),
    )


def stored_from(item: Item) -> StoredIdentity:
    """Raises `KeyError`, `TypeError` or `ValueError` for one that no version of this code wrote."""
    email, subject = item.get(EMAIL), item.get(SUBJECT)
    if not isinstance(email, bytes | None) or not isinstance(subject, bytes | None):
        raise TypeError("an e-mail address and a subject are sealed bytes")
    return StoredIdentity(
        identity_id=text_of(item["SK"]).removeprefix(keys.IDENTITY_PREFIX),
        provider=text_of(item["provider"]),
        email=email,
        identity_digests=_texts(item["identityDigests"]),
        mailbox_digests=_texts(item.get("mailboxDigests", ())),
        linked_at=from_iso(text_of(item["linkedAt"])),
        unlinked="unlinkedAt" in item,
        subject=subject,
    )


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, tuple):
        raise TypeError("digests are a list")
    return tuple(map(text_of, value))


def count_of(profile: Item | None) -> int:
    """How many identities are linked to the user of that profile."""
    return whole_number(profile.get(_COUNT, 0)) if profile else 0


def count_write(user_id: str, before: int, after: int) -> Update:
    """Whoever links or unlinks at the same time decides again; after an erasure there is no
    profile."""
    key = keys.profile(user_id)
    guard = When(equals={"PK": key.pk, _COUNT: before or None})
    if not after:
        return Update(key, guard, remove=(_COUNT,))
    return Update(key, guard, set={_COUNT: after})


def link_writes(user_id: str, new: NewIdentity, before: Item | None, now: int) -> list[Write]:
    """The user's own item of the identity, over nothing or over that of one that was unlinked."""
    unlinked_at = before.get("unlinkedAt") if before else None
    guard = {"PK": None} if before is None else {"unlinkedAt": unlinked_at}
    item = {
        "provider": new.provider,
        EMAIL: new.email,
        SUBJECT: new.subject,
        "identityDigests": new.digests.all,
        "mailboxDigests": new.mailbox.all if new.mailbox else None,
        "linkedAt": iso(now),
    }
    return [Put(keys.linked_identity(user_id, new.digests.newest), item, When(equals=guard))]


def claim_writes(
    user_id: str, identity: Digests, claimed_by: Sequence[str | None], now: int
) -> list[Put]:
    """Claims of the identity, which lead no operator from a job's id to the user: the user's own
    identity does."""
    free = [
        keys.identity_claim(digest)
        for digest, owner in zip(identity.all, claimed_by, strict=True)
        if owner is None
    ]
    unowned = When(equals={"userId": None})
    return [Put(key, {"userId": user_id, "at": iso(now)}, unowned) for key in free]


def forget_write(user_id: str, stored: StoredIdentity, now: int) -> Update:
    """The item stays as a trace without the address and the subject."""
    key = keys.linked_identity(user_id, stored.identity_id)
    guard = When(equals={"PK": key.pk, "linkedAt": iso(stored.linked_at), "unlinkedAt": None})
    return Update(key, guard, set={"unlinkedAt": iso(now)}, remove=(EMAIL, SUBJECT))


def unlink_writes(
    user_id: str, stored: StoredIdentity, welcome_mailbox: str | None, now: int
) -> list[Write]:
    """As `forget_write`, and the claims are released, but for the mailbox that the welcome credits
    rested on: it would bring others once more."""
    released = {"releasedAt": iso(now), "releasedFrom": user_id}
    mine = When(equals={"userId": user_id})
    return [
        forget_write(user_id, stored, now),
        *(
            Update(claim, mine, set=released, remove=("userId",))
            for claim in stored.claims_without(welcome_mailbox)
        ),
    ]
