"""What the audit proves of profiles, devices and claims: they belong to the same user."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from service.ledger.entities import Entry, Wallet
from service.storage.checks import AccountCheck, Violation, item_name
from service.users import keys


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


def _identity_faults(account: UserRecords) -> Iterator[Violation]:
    """The profile is there, the claims and the device that it names are this user's, and so is each
    device of the wallet that is not new."""
    if account.closed:
        return
    if account.digests is None and not account.is_there("PROFILE", ()):
        yield Violation(item_name(account.user_id, "PROFILE"), "is missing")
    for item, owner in account.claims.items():
        if owner != account.user_id:
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
