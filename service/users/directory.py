"""What an operator finds out about users: by which names they are known, and which devices are
theirs. Releasing a device is proposed here and committed with the operator's record of it.

No request of a user's reads any of this."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from service.core.keyring import Pepper
from service.core.mailboxes import is_disposable
from service.storage.codec import Item
from service.storage.data_keys import DataKeys, DataUnreadable
from service.storage.keys import Key
from service.storage.table import Table
from service.storage.writes import Update
from service.users import store
from service.users.entities import (
    DeviceAlreadyReleased,
    DeviceNotFound,
    Digests,
    FingerprintRequired,
    Profile,
    UserDevice,
    device_digests,
    email_digests,
    is_digest,
    is_verified,
)


@dataclass(frozen=True)
class OwnedDevice:
    """A device of a user, and whether it is claimed by them: only then, or while it is not
    released, no one else can sign up with it."""

    device: UserDevice
    claimed: bool


@dataclass(frozen=True)
class DeviceRelease:
    """The release of one device of one user. `keys` are read with whatever else decides."""

    user_id: str
    digests: Digests

    @property
    def keys(self) -> tuple[Key, ...]:
        return store.release_keys(self.user_id, self.digests)

    def writes(self, related: Mapping[Key, Item | None], now: int) -> Sequence[Update]:
        """Everything that keeps others from signing up with the device by this user. Pure. Raises
        `DeviceNotFound` or `DeviceAlreadyReleased`."""
        items, claims = store.release_writes(related, self.user_id, self.digests, now)
        if items or claims:
            return (*items, *claims)
        if any(related[key] is not None for key in self.keys[: len(self.digests.all)]):
            raise DeviceAlreadyReleased
        raise DeviceNotFound


class UserDirectory:
    """Strongly consistent but for what an index finds, which lags. Each call makes a few reads,
    however many users there are. Where addresses are read, `DataKeyUnavailable` and
    `DataUnreadable` are raised."""

    def __init__(self, table: Table, data_keys: DataKeys, peppers: Sequence[Pepper]) -> None:
        self._table = table
        self._data_keys = data_keys
        self._peppers = tuple(peppers)

    def with_email(self, email: str) -> tuple[str, ...]:
        """Ids of users who signed up with that address, at most 25 for each pepper. An address that
        has changed since is not known, nor is one of a user who signed up before addresses were
        indexed."""
        digests = email_digests(self._peppers, email)
        indexed = sorted(store.read_users_by_email(self._table, digests))
        emails = store.read_emails(self._table, indexed)
        return tuple(
            user_id
            for user_id in indexed
            if (address := self._opened(user_id, emails.get(user_id))) is not None
            and email_digests(self._peppers, address) == digests
        )

    def with_tag(self, tag: str) -> tuple[str, ...]:
        """Ids of the users whose job ids carry that tag (`user_tag`): one, hardly ever more."""
        return tuple(sorted(store.read_users_by_tag(self._table, tag)))

    def with_device(self, fingerprint: str) -> tuple[str, ...]:
        """Ids of users who have the device, its owner first."""
        digests = device_digests(self._peppers, fingerprint)
        owners = set(store.read_claims(self._table, digests.all).values())
        others = store.read_device_owners(self._table, digests) - owners
        return (*sorted(owners), *sorted(others))

    def profile(self, user_id: str) -> Profile | None:
        """None for a user who is unknown or erased."""
        try:
            stored = store.read_profile(self._table, user_id)
        except (KeyError, TypeError, ValueError) as error:
            raise DataUnreadable from error
        if stored is None or stored.sealed is None:
            return stored.profile if stored else None
        email = self._opened(user_id, stored.sealed)
        return replace(stored.profile, email=email, email_erased=email is None)

    def verified_email(self, user_id: str) -> str | None:
        """The address of a user who has proved it, and that can still be read. Makes no data
        key."""
        profile = self.profile(user_id)
        if profile is None or not is_verified(self._peppers, profile):
            return None
        return profile.email

    def owns_mailbox(self, user_id: str) -> bool:
        """Whether the user has proved an address that is not disposable."""
        email = self.verified_email(user_id)
        return email is not None and not is_disposable(email)

    def _opened(self, user_id: str, email: str | bytes | None) -> str | None:
        """An address in clear; None if it is erased."""
        if not isinstance(email, bytes):
            return email
        return self._data_keys.open(user_id, *store.email_place(user_id), email)

    def signed_up_at(self, user_id: str) -> int | None:
        """When the user signed up, in epoch milliseconds, without reading the address; None as for
        `profile`."""
        stored = store.read_profile(self._table, user_id)
        return stored.profile.created_at if stored else None

    def devices(self, user_id: str) -> list[UserDevice]:
        """The user's devices, newest first."""
        return store.read_devices(self._table, user_id)

    def owned_devices(self, user_id: str) -> list[OwnedDevice]:
        """As `devices`, with their claims: two calls."""
        devices = self.devices(user_id)
        owners = store.read_claims(self._table, [device.digest for device in devices])
        return [OwnedDevice(device, owners.get(device.digest) == user_id) for device in devices]

    def release(self, user_id: str, digest: str, fingerprint: str | None) -> DeviceRelease:
        """The release of the device with that digest. Its claims under other peppers are found by
        its fingerprint alone. Raises `FingerprintRequired`, or `DeviceNotFound` for a fingerprint
        of another device."""
        if not is_digest(digest):
            raise DeviceNotFound
        if fingerprint is None:
            if len(self._peppers) > 1:
                raise FingerprintRequired
            return DeviceRelease(user_id, Digests((digest,)))
        digests = device_digests(self._peppers, fingerprint)
        if digest not in digests.all:
            raise DeviceNotFound
        return DeviceRelease(user_id, digests)
