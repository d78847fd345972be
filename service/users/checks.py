"""What the audit proves of profiles, devices and claims: they belong to the same user."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from service.ledger.entities import Entry, Wallet
from service.storage.checks import AccountCheck, ItemCheck, Violation, item_name
from service.storage.codec import Item
from service.storage.keys import ItemKind, user_of
from service.storage.sealed import key_version
from service.users import keys
from service.users.entities import user_tag


class UserRecords(Protocol):
    """The part of an account that these checks read."""

    @property
    def user_id(self) -> str: ...

    @property
    def wallet(self) -> Wallet | None: ...

    @property
    def late(self) -> Sequence[Entry]:
        """Entries beyond the version at which the wallet was read."""
        ...

    @property
    def closed(self) -> bool: ...

    @property
    def devices(self) -> frozenset[str]: ...

    @property
    def released(self) -> frozenset[str]:
        """Those of the devices that an operator has released."""
        ...

    @property
    def digests(self) -> tuple[str, str] | None:
        """Device and identity of the sign-up, from the profile."""
        ...

    @property
    def claims(self) -> Mapping[str, str | None]:
        """Whose each claim is that those digests name."""
        ...

    @property
    def unreadable(self) -> frozenset[str]:
        """Sort keys of the items that could not be decoded."""
        ...

    def is_there(self, sk: str, present: Iterable[str]) -> bool: ...


def user_check() -> AccountCheck:
    """The claims of all users, and their count, are compared by the walk over the table."""
    kinds = ("profile", "device", "device claim", "identity claim", "count of users")
    return AccountCheck(kinds, _identity_faults)


def profile_check() -> ItemCheck:
    """A profile stands in the index as one of its user's, if at all: one that is older than the
    index, or without an e-mail address, is not there. Under which digest cannot be judged by a
    process that does not know every pepper; whoever finds a user by it compares the address."""
    return ItemCheck(_kind("profile"), _index_faults)


def identity_claim_check(mac_key: bytes) -> ItemCheck:
    """A claim stands in the index under its user's tag, if at all."""

    def faults(item: Item) -> Iterator[str]:
        user_id = item.get("userId")
        if not isinstance(user_id, str):
            return  # The walk names a claim that cannot be read.
        index = {name: str(item[name]) for name in keys.INDEX_ATTRIBUTES if name in item}
        if index and index != keys.tag_index(user_id, user_tag(user_id, mac_key)):
            yield "its index attributes are not those of its user"

    return ItemCheck(_kind("identity claim"), faults)


def _kind(name: str) -> ItemKind:
    return next(kind for kind in keys.ITEMS if kind.name == name)


def _index_faults(item: Item) -> Iterator[str]:
    if isinstance(email := item.get("email"), bytes):
        key_version(email)
    index = {name: str(item[name]) for name in keys.INDEX_ATTRIBUTES if name in item}
    digest = index.get("GSI1PK", "").removeprefix(keys.EMAIL_PREFIX)
    if index and index != keys.email_index(user_of(str(item["PK"])), digest):
        yield "its index attributes are not those of its key"
    if index and "email" not in item:
        yield "is in the index without an e-mail address"


def _identity_faults(account: UserRecords) -> Iterator[Violation]:
    """The profile is there, the claims and the device that it names are this user's, and so is each
    device of the wallet that is not new. Of a released device the claim is anybody's."""
    if account.closed:
        return
    if account.digests is None and not account.is_there("PROFILE", ()):
        yield Violation(item_name(account.user_id, "PROFILE"), "is missing")
    released = {str(keys.fingerprint_claim(digest)) for digest in account.released}
    for item, owner in account.claims.items():
        if owner != account.user_id and item not in released:
            yield Violation(
                item, f"a claim of this user is missing or another's ({account.user_id})"
            )
    missing = list(_missing_devices(account))
    yield from missing or _count_faults(account)


def _missing_devices(account: UserRecords) -> Iterator[Violation]:
    listed = account.wallet.devices_with_item if account.wallet else frozenset()
    for digest in sorted(listed | ({account.digests[0]} if account.digests else set())):
        sk = keys.device(account.user_id, digest).sk
        if not account.is_there(sk, (keys.DEVICE_PREFIX + each for each in account.devices)):
            yield Violation(item_name(account.user_id, sk), "is missing")


def _count_faults(account: UserRecords) -> Iterator[Violation]:
    """Exact only where nothing moved while the account was read: a device item comes together with
    an entry, and none ever goes."""
    wallet, found = account.wallet, len(account.devices)
    if wallet is None or any(sk.startswith(keys.DEVICE_PREFIX) for sk in account.unreadable):
        return
    if found < wallet.device_count or (found > wallet.device_count and not account.late):
        yield Violation(
            item_name(account.user_id, "METADATA"),
            f"deviceCount is {wallet.device_count}, there are {found} device items",
        )
