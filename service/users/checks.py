"""What the audit proves of profiles, devices and claims: they belong to the same user."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from service.ledger.details import OPERATOR_ID
from service.ledger.entities import Entry, Wallet
from service.ledger.movements import RETURN, WELCOME
from service.ledger.opening import REVIEW
from service.storage.checks import AccountCheck, ItemCheck, Violation, item_name
from service.storage.codec import Item
from service.storage.keys import DUE_INDEX_ATTRIBUTES, ItemKind, Key, user_of
from service.storage.sealed import key_version
from service.users import keys
from service.users.entities import MAX_SHARING_USERS, SignUpDigests, user_tag
from service.users.identities import StoredIdentity, stored_from
from service.users.sharing import review_from, sharing_users


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
    def leaving(self) -> bool:
        """Whether the user is being erased, or has been: then some of it is gone."""
        ...

    @property
    def devices(self) -> frozenset[str]: ...

    @property
    def released(self) -> frozenset[str]:
        """Those of the devices that an operator has released."""
        ...

    @property
    def entries(self) -> Sequence[Entry]: ...

    @property
    def items(self) -> Mapping[str, Sequence[Item]]:
        """Those whose sort keys begin with a prefix that a check names."""
        ...

    @property
    def linked(self) -> Mapping[Key, Item | None]:
        """The items that the checks have named outside of the user's partition."""
        ...

    @property
    def digests(self) -> SignUpDigests | None:
        """What the sign-up claimed, from the profile."""
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
    if account.leaving:
        return
    if account.digests is None and not account.is_there("PROFILE", ()):
        yield Violation(item_name(account.user_id, "PROFILE"), "is missing")
    released = {str(keys.fingerprint_claim(digest)) for digest in account.released}
    for item, owner in account.claims.items():
        if owner != account.user_id and item not in released:
            yield Violation(
                item, f"a claim of this user is missing or another's ({account.user_id})"
            )
    yield from _welcome_faults(account)
    missing = list(_missing_devices(account))
    yield from missing or _count_faults(account)


def _welcome_faults(account: UserRecords) -> Iterator[Violation]:
    """Only the welcomed claim a device, and all of them do, but for those whom an operator has
    welcomed, those who have returned after an erasure, and those whom another system had welcomed,
    with an entry of 0 credits."""
    wallet, digests = account.wallet, account.digests
    if wallet is None or digests is None or account.late:
        return
    excused = any(
        entry.ref == RETURN
        or (entry.ref == WELCOME and (OPERATOR_ID in entry.details or not entry.amount))
        for entry in account.entries
    )
    has_claim = digests.claimed_device is not None
    profile = item_name(account.user_id, "PROFILE")
    if wallet.welcomed and not has_claim and not excused:
        yield Violation(profile, "names no device that the welcome credits were granted for")
    if not wallet.welcomed and has_claim:
        yield Violation(profile, "claims a device without the welcome credits")


def sharing_check() -> AccountCheck:
    """Who signed up with another's device, or without welcome credits, is noted with that device,
    and a sign-up that was frozen for a review has one."""
    return AccountCheck(("device shares", "review"), _sharing_faults, links=_sharing_links)


def _shares_named(account: UserRecords) -> Iterator[Key]:
    digests = account.digests
    if digests and digests.shared_device:
        yield keys.shares(digests.shared_device)


def _sharing_links(account: UserRecords) -> Iterator[Key]:
    yield from _shares_named(account)
    yield from _review_named(account)


def _review_named(account: UserRecords) -> Iterator[Key]:
    if any(entry.ref == REVIEW for entry in account.entries):
        yield keys.review(account.user_id)


def _sharing_faults(account: UserRecords) -> Iterator[Violation]:
    for key in _shares_named(account):
        if account.user_id not in sharing_users(account.linked[key]):
            yield Violation(str(key), f"does not name {account.user_id}, who shares the device")
    for key in _review_named(account):
        if account.linked[key] is None and not account.leaving:
            yield Violation(str(key), "is missing")


def linked_check() -> AccountCheck:
    """The claims that came with a linked identity are the user's, and as many are linked as the
    profile says."""
    return AccountCheck(
        ("linked identity", "mailbox claim"),
        _linked_faults,
        (keys.IDENTITY_PREFIX,),
        links=_linked_claims,
    )


def linked_identity_check() -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        stored = stored_from(item)
        if stored.identity_id not in stored.identity_digests:
            yield "is not named by a digest of its identity"
        if stored.unlinked and (stored.email is not None or stored.subject is not None):
            yield "is unlinked, and its address or subject is still there"

    return ItemCheck(keys.LINKED_IDENTITY, faults)


def _linked(account: UserRecords) -> list[StoredIdentity]:
    """Those that can be read; the check of the item names the others."""
    found = []
    for item in account.items[keys.IDENTITY_PREFIX]:
        with suppress(KeyError, TypeError, ValueError):
            found.append(stored_from(item))
    return [each for each in found if not each.unlinked]


def _linked_claims(account: UserRecords) -> Iterator[Key]:
    return (claim for each in _linked(account) for claim in each.claims)


def _linked_faults(account: UserRecords) -> Iterator[Violation]:
    if account.leaving:
        return
    for claim in _linked_claims(account):
        item = account.linked[claim]
        if item is None or item.get("userId") != account.user_id:
            yield Violation(str(claim), f"a claim of this user is missing ({account.user_id})")
    count, found = account.digests.linked if account.digests else 0, len(_linked(account))
    if account.digests and count != found:
        where = item_name(account.user_id, "PROFILE")
        yield Violation(where, f"{count} identities are linked, and there are {found}")


def shares_check() -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        users = sharing_users(item)
        if len(set(users)) < len(users) or not 0 < len(users) < MAX_SHARING_USERS:
            yield "names a user twice, none, or too many"

    return ItemCheck(keys.SHARES, faults)


def review_check() -> ItemCheck:
    """A review is in the index until it is decided."""

    def faults(item: Item) -> Iterator[str]:
        review = review_from(item)
        waits = keys.REVIEWS.index(review.user_id, review.created_at)
        index = {name: item[name] for name in DUE_INDEX_ATTRIBUTES if name in item}
        if index != (waits if review.decision is None else {}):
            yield "its index attributes do not fit its state"

    return ItemCheck(keys.REVIEW, faults)


def _missing_devices(account: UserRecords) -> Iterator[Violation]:
    listed = account.wallet.devices_with_item if account.wallet else frozenset()
    of_sign_up = account.digests.listed_device if account.digests else None
    for digest in sorted(listed | ({of_sign_up} if of_sign_up else set())):
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
