"""Profiles, devices, claims and the count of users as items."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.core.clock import iso
from service.storage.codec import Item
from service.storage.keys import GSI1, Key, user_of
from service.storage.table import Table
from service.storage.writes import Put, Update, When
from service.users import keys
from service.users.entities import Digests

MAX_DEVICE_OWNERS = 25

Related = Mapping[Key, Item | None]


@dataclass(frozen=True)
class DeviceItems:
    """What the table holds about one device, as seen by one user: its owner under each pepper
    (None: unclaimed), and whether the user already has it."""

    claimed_by: tuple[str | None, ...]
    listed: bool


@dataclass(frozen=True)
class SignUpItems:
    """A snapshot of everything in the table about someone who wants to sign up."""

    users: int
    device: DeviceItems
    identity_claimed_by: tuple[str | None, ...]
    has_profile: bool


def device_keys(user_id: str, digests: Digests) -> tuple[Key, ...]:
    """The items that say whose a device is: its claims, and the user's own item of it."""
    return (*map(keys.fingerprint_claim, digests.all), keys.device(user_id, digests.newest))


def sign_up_keys(user_id: str, device: Digests, identity: Digests) -> tuple[Key, ...]:
    """The items that decide whether and how a user may sign up."""
    identity_claims = map(keys.identity_claim, identity.all)
    return (keys.COUNT, keys.profile(user_id), *device_keys(user_id, device), *identity_claims)


def device_items(related: Related, user_id: str, digests: Digests) -> DeviceItems:
    """What items read by `device_keys` say. Raises `KeyError` for one that was not read."""
    claims = [related[keys.fingerprint_claim(digest)] for digest in digests.all]
    listed = related[keys.device(user_id, digests.newest)] is not None
    return DeviceItems(_owners(claims), listed)


def sign_up_items(
    related: Related, user_id: str, device: Digests, identity: Digests
) -> SignUpItems:
    """What items read by `sign_up_keys` say. Raises `KeyError` for one that was not read."""
    claims = [related[keys.identity_claim(digest)] for digest in identity.all]
    return SignUpItems(
        users=_count(related[keys.COUNT]),
        device=device_items(related, user_id, device),
        identity_claimed_by=_owners(claims),
        has_profile=related[keys.profile(user_id)] is not None,
    )


def read_device_owners(table: Table, digests: Digests) -> set[str]:
    """Users that the index knows to have used the device: a first, cheap check that may lag. One
    call for each pepper."""
    found = (
        table.query_index(GSI1, f"{keys.FINGERPRINT_PREFIX}{digest}", limit=MAX_DEVICE_OWNERS)
        for digest in digests.all
    )
    return {user_of(hit.key.pk) for page in found for hit in page}


def device_write(user_id: str, digests: Digests, now: int) -> Put:
    item = {**keys.device_index(user_id, digests.newest), "createdAt": iso(now)}
    return Put(keys.device(user_id, digests.newest), item)


def device_claim_writes(
    user_id: str, digests: Digests, claimed_by: Sequence[str | None], now: int
) -> list[Put]:
    """A claim under every digest that has none: a process that knows fewer peppers must meet one it
    knows."""
    return _claim_writes(map(keys.fingerprint_claim, digests.all), claimed_by, user_id, now)


def identity_claim_writes(
    user_id: str, digests: Digests, claimed_by: Sequence[str | None], now: int
) -> list[Put]:
    """As `device_claim_writes`, of an identity."""
    return _claim_writes(map(keys.identity_claim, digests.all), claimed_by, user_id, now)


def profile_write(
    user_id: str, issuer: str, email: str | None, device: Digests, identity: Digests, now: int
) -> Put:
    """The digests are kept so that the audit can find the claims of a user."""
    item = {
        "issuer": issuer,
        "email": email,
        "deviceDigest": device.newest,
        "identityDigest": identity.newest,
        "createdAt": iso(now),
    }
    return Put(keys.profile(user_id), item)


def count_write(max_users: int) -> Update:
    """One more user, if there is room: the cap is exact because this stands in the sign-up's own
    transaction."""
    return Update(keys.COUNT, When(below={"count": max_users}), increment={"count": 1})


def recount_write(before: int, after: int) -> Update:
    """For an operator's repair alone: the count as the open wallets have it."""
    guard = When(equals={"count": before}) if before else When(below={"count": 1})
    return Update(keys.COUNT, guard, set={"count": after})


def _claim_writes(
    claims: Iterable[Key], claimed_by: Sequence[str | None], user_id: str, now: int
) -> list[Put]:
    free = [key for key, owner in zip(claims, claimed_by, strict=True) if owner is None]
    return [Put(key, {"userId": user_id, "at": iso(now)}) for key in free]


def _owners(claims: Sequence[Item | None]) -> tuple[str | None, ...]:
    """A damaged claim without an owner counts as another user's, and stops no capture."""
    return tuple(str(claim.get("userId", "")) if claim else None for claim in claims)


def _count(item: Item | None) -> int:
    value = item["count"] if item else 0
    return value if isinstance(value, int) else 0
