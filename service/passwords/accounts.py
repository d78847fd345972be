"""Reading and replacing credentials.

In a file of its own because registration, sign-in and reset all begin with it."""

import contextlib
from collections.abc import Sequence

from service.core.clock import iso
from service.core.keyring import Pepper
from service.passwords import keys, store
from service.passwords.entities import Credentials, PasswordAccount
from service.passwords.sealing import Sealing
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import ConditionFailed, Table
from service.users.entities import Digests, mailbox_digests

_NO_DIGEST = "0" * 32


class PasswordAccounts:
    """Credentials by mailbox and by user. `stand_in` is worked on where there are none, so that
    this takes as long: no password fits it. Every method raises `StorageUnavailable`."""

    def __init__(
        self, table: Table, sealing: Sealing, peppers: Sequence[Pepper], hash_of_no_one: str
    ) -> None:
        self._table = table
        self._sealing = sealing
        self._peppers = tuple(peppers)
        sealed = self.seal_hash(_NO_DIGEST, hash_of_no_one)
        self._stand_in = store.stand_in_item(_NO_DIGEST, sealed)
        self.stand_in = store.credentials_from(self._stand_in)

    def digests(self, address: str) -> Digests:
        """The mailbox of an address as the table knows it."""
        return mailbox_digests(self._peppers, address)

    def address_digest(self, address: str) -> str:
        """The very address, whatever else leads to its mailbox."""
        return self._sealing.digest("address", address.casefold())

    def find(self, address: str) -> Credentials | None:
        """The credentials of the mailbox that the address leads to, strongly consistent. The same
        work whether there are any or not: one call for each pepper, and one item to be read."""
        items = [self._table.get(keys.credentials(each)) for each in self.digests(address).all]
        found = next((item for item in items if item is not None), None)
        credentials = store.credentials_from(found or self._stand_in)
        return credentials if found else None

    def read(self, digest: str) -> Credentials | None:
        """Those under that digest."""
        item = self._table.get(keys.credentials(digest))
        return None if item is None else store.credentials_from(item)

    def of_user(self, user_id: str) -> Credentials | None:
        """Those of a user, in two calls."""
        return self._owned(user_id, self._table.get(keys.owned(user_id)))

    def _owned(self, user_id: str, owned: Item | None) -> Credentials | None:
        found = self.read(store.owned_digest(owned)) if owned else None
        return found if found is not None and found.user_id == user_id else None

    def account(self, user_id: str) -> PasswordAccount | None:
        """What a user may know of their own password; None: they have none."""
        found = self.of_user(user_id)
        if found is None:
            return None
        return PasswordAccount(found.created_at, found.changed_at, found.last_login_at)

    def key_of(self, user_id: str) -> Key:
        """What `last_login_at` must be called with, as it was read."""
        return keys.owned(user_id)

    def last_login_at(self, user_id: str, owned: Item | None) -> int | None:
        """When the user last signed in with their password; None: never, or they have none. In one
        call at most."""
        found = self._owned(user_id, owned)
        return None if found is None else found.last_login_at

    def export(self, user_id: str) -> dict[str, object] | None:
        """What is held on a user's password, but for its hash."""
        found = self.of_user(user_id)
        if found is None:
            return None
        last_login_at = found.last_login_at
        return {
            "createdAt": iso(found.created_at),
            "changedAt": iso(found.changed_at),
            "lastLoginAt": None if last_login_at is None else iso(last_login_at),
            "knownNetworks": len(found.networks),
        }

    def open_hash(self, credentials: Credentials) -> str | None:
        """The hash; None if it is damaged, or was sealed with another key."""
        return self._sealing.open(keys.credentials(credentials.digest), credentials.sealed)

    def seal_hash(self, digest: str, password_hash: str) -> bytes:
        return self._sealing.seal(keys.credentials(digest), password_hash)

    def erase(self, user_id: str) -> None:
        """Removes the user's credentials; again without effect, and after a crash in between."""
        owned = self._table.get(keys.owned(user_id))
        if owned is None:
            return
        for write in store.erasure_writes(user_id, store.owned_digest(owned)):
            with contextlib.suppress(ConditionFailed):
                self._table.write(write)
