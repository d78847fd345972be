"""Profiles, devices, claims and the count of users as items."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from service.core.clock import from_iso, iso
from service.storage.codec import Item, whole_number
from service.storage.data_keys import DataUnreadable
from service.storage.keys import GSI1, Key, user_of, user_partition
from service.storage.table import Table
from service.storage.writes import Put, Update, When
from service.users import keys
from service.users.entities import DeviceUse, Digests, Profile, SignUpDigests, UserDevice
from service.users.sharing import sharing_users, text_of

MAX_INDEXED_USERS = 25
EMAIL = "email"
# How many identities are linked to the user; none without it.
LINKED = "linkedIdentities"
WELCOME_MAILBOX = "welcomeMailboxDigest"
# More than `MAX_DEVICES_PER_USER`, for each can be there under several peppers.
MAX_DEVICE_ITEMS = 100

Related = Mapping[Key, Item | None]


@dataclass(frozen=True)
class DeviceItems:
    """What the table holds about one device, as seen by one user: its owner under each pepper
    (None: unclaimed), and whether the user already has it."""

    claimed_by: tuple[str | None, ...] = ()
    listed: bool = False


@dataclass(frozen=True)
class SignUpItems:
    """A snapshot of everything in the table about someone who wants to sign up. `sharing` are the
    users under each pepper who signed up with the device without claiming it."""

    users: int
    device: DeviceItems
    sharing: tuple[tuple[str, ...], ...]
    identity_claimed_by: tuple[str | None, ...]
    mailbox_claimed_by: tuple[str | None, ...]
    has_profile: bool


@dataclass(frozen=True)
class StoredProfile:
    """A profile as stored; `sealed` is its e-mail address, unless that is None or clear text."""

    profile: Profile
    sealed: bytes | None


def device_keys(user_id: str, digests: Digests) -> tuple[Key, ...]:
    """The items that say whose a device is: its claims, and the user's own item of it."""
    return (*map(keys.fingerprint_claim, digests.all), keys.device(user_id, digests.newest))


def mailbox_keys(mailbox: Digests | None) -> tuple[Key, ...]:
    """The claims of a mailbox; none without one."""
    return tuple(map(keys.mailbox_claim, mailbox.all)) if mailbox is not None else ()


def identity_keys(identity: Digests) -> tuple[Key, ...]:
    """The claims of an identity."""
    return tuple(map(keys.identity_claim, identity.all))


def owners(related: Related, claims: Sequence[Key]) -> tuple[str | None, ...]:
    """Whose those claims are. Raises `KeyError` for one that was not read."""
    return _owners([related[key] for key in claims])


@dataclass(frozen=True)
class SignUpNames:
    """By what someone who signs up is known."""

    user_id: str
    identity: Digests
    device: Digests | None = None
    mailbox: Digests | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        return () if self.device is None else self.device.all


def sign_up_keys(names: SignUpNames) -> tuple[Key, ...]:
    """The items that decide whether and how a user may sign up."""
    of_identity = (*identity_keys(names.identity), *mailbox_keys(names.mailbox))
    of_device = device_keys(names.user_id, names.device) if names.device is not None else ()
    shares = map(keys.shares, names.devices)
    return (keys.COUNT, keys.profile(names.user_id), *of_identity, *of_device, *shares)


def device_items(related: Related, user_id: str, digests: Digests) -> DeviceItems:
    """What items read by `device_keys` say. Raises `KeyError` for one that was not read."""
    claims = [related[keys.fingerprint_claim(digest)] for digest in digests.all]
    listed = related[keys.device(user_id, digests.newest)] is not None
    return DeviceItems(_owners(claims), listed)


def sign_up_items(related: Related, names: SignUpNames) -> SignUpItems:
    """What items read by `sign_up_keys` say. Raises `KeyError` for one that was not read."""
    device = names.device
    return SignUpItems(
        users=_count(related[keys.COUNT]),
        device=DeviceItems() if device is None else device_items(related, names.user_id, device),
        sharing=tuple(users_sharing(related, digest) for digest in names.devices),
        identity_claimed_by=owners(related, identity_keys(names.identity)),
        mailbox_claimed_by=owners(related, mailbox_keys(names.mailbox)),
        has_profile=related[keys.profile(names.user_id)] is not None,
    )


def users_sharing(related: Related, digest: str) -> tuple[str, ...]:
    """The users who signed up with that device without claiming it. Raises `DataUnreadable`, and
    `KeyError` where it was not read."""
    try:
        return sharing_users(related[keys.shares(digest)])
    except TypeError:
        raise DataUnreadable from None


def read_mailbox_owners(table: Table, mailbox: Digests) -> tuple[str | None, ...]:
    """Whose the mailbox is under each digest, strongly consistent, one call each."""
    return _owners([table.get(keys.mailbox_claim(digest)) for digest in mailbox.all])


def read_device_owners(table: Table, digests: Digests) -> set[str]:
    """Users that the index knows to have used the device: a first, cheap check that may lag. One
    call for each pepper."""
    return _indexed_users(table, keys.FINGERPRINT_PREFIX, digests)


def read_users_by_email(table: Table, digests: Digests) -> set[str]:
    """Users who signed up with the address, as `read_device_owners`."""
    return _indexed_users(table, keys.EMAIL_PREFIX, digests)


def read_emails(table: Table, user_ids: Iterable[str]) -> dict[str, str | bytes]:
    """The addresses of up to 100 users as stored, in one call. One without an address, or that
    could not be read now, is left out."""
    profiles = [keys.profile(user_id) for user_id in user_ids]
    found = table.get_many(profiles, (EMAIL,)) if profiles else {}
    emails = {user_of(key.pk): _email_from(item) for key, item in found.items()}
    return {user_id: email for user_id, email in emails.items() if email is not None}


def read_users_by_tag(table: Table, tag: str) -> set[str]:
    """Users with that tag, as `read_device_owners`."""
    hits = table.query_index(GSI1, f"{keys.TAG_PREFIX}{tag}", limit=MAX_INDEXED_USERS)
    return {user_of(hit.sort) for hit in hits}


def _indexed_users(table: Table, prefix: str, digests: Digests) -> set[str]:
    found = (
        table.query_index(GSI1, f"{prefix}{digest}", limit=MAX_INDEXED_USERS)
        for digest in digests.all
    )
    return {user_of(hit.key.pk) for page in found for hit in page}


def read_profile(table: Table, user_id: str) -> StoredProfile | None:
    """Strongly consistent, one call. Raises `KeyError`, `TypeError` or `ValueError` for an item
    that no version of this code wrote."""
    item = table.get(keys.profile(user_id))
    return profile_from(user_id, item) if item else None


def email_place(user_id: str) -> tuple[Key, str]:
    """The item and the attribute for which an address is sealed."""
    return keys.profile(user_id), EMAIL


def read_devices(table: Table, user_id: str) -> list[UserDevice]:
    """The user's devices that have an item, newest first, in one call."""
    page = table.query(user_partition(user_id), keys.DEVICE_PREFIX, limit=MAX_DEVICE_ITEMS)
    devices = [_device_from(item) for item in page.items]
    return sorted(devices, key=lambda device: (device.created_at, device.digest), reverse=True)


def read_claims(table: Table, digests: Iterable[str]) -> dict[str, str]:
    """Whose the devices with these digests are, at most 100 of them, in one call. One that is
    unclaimed, or could not be read now, is left out."""
    claims = {keys.fingerprint_claim(digest): digest for digest in digests}
    found = table.get_many(tuple(claims), ("userId",)) if claims else {}
    return {claims[key]: str(item["userId"]) for key, item in found.items() if "userId" in item}


def device_write(user_id: str, digests: Digests, now: int) -> Put:
    item = {**keys.device_index(user_id, digests.newest), "createdAt": iso(now)}
    return Put(keys.device(user_id, digests.newest), item)


def release_keys(user_id: str, digests: Digests) -> tuple[Key, ...]:
    """The items that say whether the user has the device, and whether it is theirs."""
    devices = (keys.device(user_id, digest) for digest in digests.all)
    return (*devices, *map(keys.fingerprint_claim, digests.all))


def release_writes(
    related: Related, user_id: str, digests: Digests, now: int
) -> tuple[list[Update], list[Update]]:
    """Takes the user's device items out of the index, and the owner off the claims that are this
    user's; both kinds stay, as a trace. Returns them apart. Raises `KeyError` for an item that was
    not read by `release_keys`."""
    trace = {"releasedAt": iso(now)}
    items = [
        Update(key, When(equals={"PK": key.pk, "releasedAt": None}), trace, keys.INDEX_ATTRIBUTES)
        for key in (keys.device(user_id, digest) for digest in digests.all)
        if (item := related[key]) is not None and "releasedAt" not in item
    ]
    claims = [
        Update(
            key,
            When(equals={"userId": user_id}),
            {**trace, "releasedFrom": user_id},
            ("userId",),
        )
        for key in map(keys.fingerprint_claim, digests.all)
        if (item := related[key]) is not None and item.get("userId") == user_id
    ]
    return items, claims


def device_claim_writes(
    user_id: str, digests: Digests, claimed_by: Sequence[str | None], now: int
) -> list[Put]:
    """A claim under every digest that has none: a process that knows fewer peppers must meet one it
    knows."""
    return _claim_writes(map(keys.fingerprint_claim, digests.all), claimed_by, user_id, now)


def mailbox_claim_writes(
    user_id: str, mailbox: Digests | None, claimed_by: Sequence[str | None], now: int
) -> list[Put]:
    """As `device_claim_writes`, of a mailbox; nothing without one."""
    return _claim_writes(mailbox_keys(mailbox), claimed_by, user_id, now)


def identity_claim_writes(
    user_id: str, tag: str, digests: Digests, claimed_by: Sequence[str | None], now: int
) -> list[Put]:
    """As `device_claim_writes`, of an identity. The newest is in the index under the user's
    tag."""
    newest = keys.identity_claim(digests.newest)
    return [
        replace(put, item={**put.item, **keys.tag_index(user_id, tag)})
        if put.key == newest
        else put
        for put in _claim_writes(map(keys.identity_claim, digests.all), claimed_by, user_id, now)
    ]


def profile_write(
    user_id: str,
    issuer: str,
    email: tuple[bytes, Digests | None] | None,
    digests: SignUpDigests,
    now: int,
) -> Put:
    """The e-mail address is sealed for this item. The digests are kept so that the audit can find
    the claims of a user; those of the address (None: it is not verified) are in the index, so that
    an operator finds the user by it."""
    address, of_email = email or (None, None)
    item = {
        "issuer": issuer,
        EMAIL: address,
        "deviceDigest": digests.device,
        "deviceUse": None if digests.use is DeviceUse.CLAIMED else digests.use.value,
        "identityDigest": digests.identity,
        "mailboxDigest": digests.mailbox,
        LINKED: digests.linked or None,
        WELCOME_MAILBOX: digests.welcome_mailbox,
        "createdAt": iso(now),
        **(keys.email_index(user_id, of_email.newest) if of_email else {}),
    }
    return Put(keys.profile(user_id), item)


def claims_of(digests: SignUpDigests) -> tuple[Key, ...]:
    """The claims that must be the user's own."""
    device = digests.claimed_device
    of_device = () if device is None else (keys.fingerprint_claim(device),)
    mailboxes = {digests.mailbox, digests.welcome_mailbox} - {None}
    of_mailboxes = map(keys.mailbox_claim, sorted(map(str, mailboxes)))
    return (*of_device, keys.identity_claim(digests.identity), *of_mailboxes)


def sign_up_digests(item: Item) -> SignUpDigests:
    """What a profile says. Raises `KeyError`, `TypeError` or `ValueError` for one that no version
    of this code wrote."""
    use = DeviceUse(str(item.get("deviceUse", DeviceUse.CLAIMED)))
    device = None if use is DeviceUse.NONE else text_of(item["deviceDigest"])
    return SignUpDigests(
        device,
        text_of(item["identityDigest"]),
        use,
        _text(item.get("mailboxDigest")),
        whole_number(item.get(LINKED, 0)),
        _text(item.get(WELCOME_MAILBOX)),
    )


def _text(value: object) -> str | None:
    return None if value is None else text_of(value)


def count_write(max_users: int) -> Update:
    """One more user, if there is room: the cap is exact because this stands in the sign-up's own
    transaction."""
    return Update(keys.COUNT, When(below={"count": max_users}), increment={"count": 1})


def count_less_write() -> Update:
    """One user less, for the transaction that closes the wallet."""
    is_there = When(equals={"PK": keys.COUNT.pk})
    return Update(keys.COUNT, is_there, increment={"count": -1})


def recount_write(before: int, after: int) -> Update:
    """For an operator's repair alone: the count as the open wallets have it."""
    guard = When(equals={"count": before}) if before else When(below={"count": 1})
    return Update(keys.COUNT, guard, set={"count": after})


def _claim_writes(
    claims: Iterable[Key], claimed_by: Sequence[str | None], user_id: str, now: int
) -> list[Put]:
    """Over nothing, or over a claim that was released."""
    free = [key for key, owner in zip(claims, claimed_by, strict=True) if owner is None]
    unowned = When(equals={"userId": None})
    return [Put(key, {"userId": user_id, "at": iso(now)}, unowned) for key in free]


def _owners(claims: Sequence[Item | None]) -> tuple[str | None, ...]:
    """A damaged claim without an owner counts as another's, and stops no capture."""
    return tuple(
        None if claim is None or "releasedAt" in claim else str(claim.get("userId", ""))
        for claim in claims
    )


def profile_from(user_id: str, item: Item) -> StoredProfile:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    email = _email_from(item)
    profile = Profile(
        user_id=user_id,
        issuer=str(item["issuer"]),
        email=email if isinstance(email, str) else None,
        digests=sign_up_digests(item),
        created_at=from_iso(str(item["createdAt"])),
    )
    return StoredProfile(profile, email if isinstance(email, bytes) else None)


def _email_from(item: Item) -> str | bytes | None:
    """Clear text in profiles that are older than the data keys."""
    email = item.get(EMAIL)
    if not isinstance(email, str | bytes | None):
        raise TypeError("an e-mail address is sealed bytes, or text")
    return email


def _device_from(item: Item) -> UserDevice:
    released = item.get("releasedAt")
    return UserDevice(
        digest=str(item["SK"]).removeprefix(keys.DEVICE_PREFIX),
        created_at=from_iso(str(item["createdAt"])),
        released_at=None if released is None else from_iso(str(released)),
    )


def _count(item: Item | None) -> int:
    value = item["count"] if item else 0
    return value if isinstance(value, int) else 0
