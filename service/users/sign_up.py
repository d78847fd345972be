"""Whether and how someone becomes a user, and gets the welcome credits, decided from one snapshot.
Pure.

In a file of its own because the verbs of the feature only carry out what is decided here."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from service.core.amounts import Amount
from service.core.principal import Principal
from service.ledger.details import REASON
from service.ledger.entities import Movement, Wallet, WalletStatus, check_wallet
from service.ledger.movements import welcome
from service.ledger.opening import frozen_for_review, open_unwelcomed, welcome_later
from service.ledger.operations import ConditionalWrite, Proposal, Snapshot
from service.storage.data_keys import NewDataKey
from service.storage.keys import Key
from service.storage.writes import Write
from service.users import keys, later_profiles, sharing, store
from service.users.entities import (
    MAX_DEVICES_PER_USER,
    DeviceAlreadyUsed,
    DevicePolicy,
    DeviceUse,
    Digests,
    EmailAlreadyUsed,
    IdentityLinked,
    SignUpDigests,
    SystemLimitReached,
    WalletMissing,
    belongs_to_another,
    has_item,
    is_open,
    may_be_welcomed,
    provider_of,
    with_device,
    with_item,
)
from service.users.later_profiles import LateMailbox

# What else is to be written with a new user, at that time. Pure.
Also = Callable[[int], Sequence[ConditionalWrite]]

REVIEW_REASON = "The device of the sign-up belongs to another user."


def nothing_else(now: int) -> Sequence[ConditionalWrite]:
    del now
    return ()


@dataclass(frozen=True)
class SignUpRules:
    """How many users there may be, in all and on one device, what they start with, and what becomes
    of those whose device is another's."""

    max_users: int
    welcome_amount: Amount
    device_policy: DevicePolicy
    max_users_per_device: int


class Standing(Enum):
    """How someone becomes a user: WELCOMED with the device as their own; UNWELCOMED, the device
    only noted; SHARING another's device, without credits; or frozen UNDER_REVIEW as well."""

    WELCOMED = "welcomed"
    UNWELCOMED = "unwelcomed"
    SHARING = "sharing"
    UNDER_REVIEW = "under_review"

    @property
    def device_use(self) -> DeviceUse:
        match self:
            case Standing.WELCOMED:
                return DeviceUse.CLAIMED
            case Standing.UNWELCOMED:
                return DeviceUse.NOTED
            case Standing.SHARING | Standing.UNDER_REVIEW:
                return DeviceUse.SHARED


@dataclass(frozen=True)
class NewEmail:
    """The address of someone who signs up, its digests, and the key that encrypts it."""

    address: str = field(repr=False)
    digests: Digests
    data_key: NewDataKey


@dataclass(frozen=True)
class SignUp:
    """Someone who may become a user, and everything that decides it. Without a `device` nothing is
    known of one yet; `device_owners` is what the index says of it. `mailbox` is that of a verified
    e-mail address. Whoever `had_welcome` already counts as welcomed, without credits."""

    principal: Principal
    device: Digests | None
    identity: Digests
    mailbox: Digests | None
    device_owners: frozenset[str]
    rules: SignUpRules
    email: NewEmail | None
    tag: str
    also: Also
    had_welcome: bool = False

    @property
    def user_id(self) -> str:
        return self.principal.subject

    @property
    def keys(self) -> tuple[Key, ...]:
        data_key = (self.email.data_key.key,) if self.email else ()
        return (*store.sign_up_keys(self._names), *data_key)

    @property
    def _names(self) -> store.SignUpNames:
        return store.SignUpNames(self.user_id, self.identity, self.device, self.mailbox)

    def items(self, snapshot: Snapshot) -> store.SignUpItems:
        return store.sign_up_items(snapshot.related, self._names)

    def propose(self, snapshot: Snapshot, now: int) -> Proposal | None:
        """An open wallet overrides every refusal: a concurrent request of the same user was
        faster."""
        if is_open(snapshot.wallet):
            return None
        check_wallet(snapshot.wallet, self.principal)
        found = self.items(snapshot)
        standing = self.standing(found, snapshot.wallet)
        opened = self._opened(snapshot.wallet, standing, now)
        wallet = self._with_device(opened.wallet, found, standing)
        writes = self._writes(found, standing, wallet.updated_at)
        if not found.has_profile:
            writes += self._profile_writes(snapshot, standing, wallet.updated_at)
        conditional = [*map(ConditionalWrite, writes), *self.also(wallet.updated_at)]
        return Proposal(Movement(wallet, opened.entries), conditional)

    def was_committed(self, snapshot: Snapshot) -> bool:
        return is_open(snapshot.wallet)

    def standing(self, found: store.SignUpItems, closed: Wallet | None) -> Standing:
        """Raises the reason why this person cannot sign up. The cap is checked before the device.
        `closed` is the wallet of one who returns after an erasure: whether they were welcomed
        stays as it was."""
        if belongs_to_another(found.identity_claimed_by, self.user_id):
            raise IdentityLinked
        if found.users >= self.rules.max_users:
            raise SystemLimitReached
        if belongs_to_another(found.mailbox_claimed_by, self.user_id):
            raise EmailAlreadyUsed
        claimed_by = (*found.device.claimed_by, *self.device_owners)
        taken = belongs_to_another(claimed_by, self.user_id)
        if taken and self.rules.device_policy is DevicePolicy.REFUSE:
            raise DeviceAlreadyUsed
        claims = (*found.device.claimed_by, *found.identity_claimed_by)
        if self.user_id in claims and closed is None:
            raise WalletMissing
        if not taken and self._is_welcome(closed):
            return Standing.WELCOMED
        _check_places(self.user_id, found.sharing, self.rules)
        return _POLICIES[self.rules.device_policy] if taken else Standing.UNWELCOMED

    def _is_welcome(self, closed: Wallet | None) -> bool:
        if closed is not None:
            return closed.welcomed
        is_welcome = self.device is not None and may_be_welcomed(self.principal)
        return is_welcome or self.had_welcome

    def _opened(self, closed: Wallet | None, standing: Standing, now: int) -> Movement:
        if closed is not None or standing is Standing.WELCOMED:
            amount = 0 if self.had_welcome else self.rules.welcome_amount
            opened = welcome(closed, self.user_id, amount, now)
        else:
            opened = open_unwelcomed(self.user_id, now)
        if standing is Standing.UNDER_REVIEW:
            return frozen_for_review(opened, now, {REASON: REVIEW_REASON})
        return opened

    def _with_device(self, wallet: Wallet, found: store.SignUpItems, standing: Standing) -> Wallet:
        if self.device is None:
            return wallet
        known = with_device(wallet, self.device)
        if standing is Standing.UNWELCOMED and not found.device.listed:
            return known
        return with_item(known, self.device, added=not found.device.listed)

    def _writes(self, found: store.SignUpItems, standing: Standing, now: int) -> list[Write]:
        """The count, and whatever of device and claims is not there yet; a returning user has some
        of it."""
        claimed_by = found.identity_claimed_by
        writes: list[Write] = [
            store.count_write(self.rules.max_users),
            *store.identity_claim_writes(self.user_id, self.tag, self.identity, claimed_by, now),
            *store.mailbox_claim_writes(self.user_id, self.mailbox, found.mailbox_claimed_by, now),
        ]
        if self.device is not None:
            writes += self._device_writes(self.device, found, standing, now)
        return writes

    def _device_writes(
        self, device: Digests, found: store.SignUpItems, standing: Standing, now: int
    ) -> list[Write]:
        writes: list[Write] = []
        if standing is Standing.WELCOMED:
            claimed_by = found.device.claimed_by
            writes += store.device_claim_writes(self.user_id, device, claimed_by, now)
        else:
            writes += sharing.share_writes(self.user_id, device, found.sharing, now)
        if standing is Standing.UNWELCOMED:
            # Without an item of it: the index must not keep its owner from signing up.
            return writes
        if standing is Standing.UNDER_REVIEW:
            is_welcome = may_be_welcomed(self.principal)
            writes.append(
                sharing.review_write(self.user_id, device, now, may_be_welcomed=is_welcome)
            )
        if not found.device.listed:
            writes.append(store.device_write(self.user_id, device, now))
        return writes

    def _profile_writes(self, snapshot: Snapshot, standing: Standing, now: int) -> list[Write]:
        """The profile, and the data key that encrypts the address in it: a further one where the
        user, who returns, has had one."""
        writes, sealed = list[Write](), None
        if email := self.email:
            write, version = email.data_key.addition(snapshot.related[email.data_key.key], now)
            writes.append(write)
            place = store.email_place(self.user_id)
            # No operator is to take a stranger for the owner of an address.
            indexed = email.digests if self.mailbox is not None else None
            sealed = email.data_key.seal(version, *place, email.address), indexed
        digests = self._digests(standing)
        provider = provider_of(self.user_id)
        profile = store.profile_write(self.user_id, provider, sealed, digests, now)
        return [*writes, profile]

    def _digests(self, standing: Standing) -> SignUpDigests:
        identity, mailbox = self.identity.newest, self.mailbox.newest if self.mailbox else None
        if self.device is None:
            return SignUpDigests(None, identity, DeviceUse.NONE, mailbox)
        return SignUpDigests(self.device.newest, identity, standing.device_use, mailbox)


def _check_places(user_id: str, sharing: Sequence[tuple[str, ...]], rules: SignUpRules) -> None:
    """Raises `DeviceAlreadyUsed` where the device may have no further user without a claim of it.
    One place is kept for the user who claims it: strangers cannot take it."""
    for users in sharing:
        if user_id not in users and len(users) >= rules.max_users_per_device - 1:
            raise DeviceAlreadyUsed


_POLICIES = {
    DevicePolicy.NO_WELCOME: Standing.SHARING,
    DevicePolicy.REVIEW: Standing.UNDER_REVIEW,
}


@dataclass(frozen=True)
class LateWelcome:
    """A user who was made without welcome credits, on a device that they have not used before.
    `mailbox` and `email` are those of a verified address."""

    user_id: str
    device: Digests
    mailbox: Digests | None
    email: Digests | None
    device_owners: Collection[str]
    rules: SignUpRules

    @property
    def keys(self) -> tuple[Key, ...]:
        of_device = (
            *store.device_keys(self.user_id, self.device),
            *map(keys.shares, self.device.all),
        )
        of_user = keys.profile(self.user_id), keys.review(self.user_id)
        return (*of_device, *store.mailbox_keys(self.mailbox), *of_user)

    def propose(self, snapshot: Snapshot, now: int) -> Proposal | None:
        """Nothing is proposed for a user who has had other credits and works on another's device:
        known users may share one; nor for one whose sign-up an operator has rejected. Raises
        `DeviceAlreadyUsed` and `EmailAlreadyUsed`."""
        wallet = snapshot.wallet
        if wallet is None or not is_due(wallet, self.device):
            return None
        if sharing.is_rejected(snapshot.related[keys.review(self.user_id)]):
            return None
        if wallet.device_count >= MAX_DEVICES_PER_USER or not self._has_profile(snapshot):
            return None
        found = store.device_items(snapshot.related, self.user_id, self.device)
        if belongs_to_another(self._mailbox_owners(snapshot), self.user_id):
            if wallet.granted:
                return None
            raise EmailAlreadyUsed
        if not belongs_to_another((*found.claimed_by, *self.device_owners), self.user_id):
            return self._welcomed(wallet, found, snapshot, now)
        if wallet.granted or self.rules.device_policy is DevicePolicy.NO_WELCOME:
            return None
        if self.rules.device_policy is DevicePolicy.REFUSE:
            raise DeviceAlreadyUsed
        return self._under_review(wallet, found, snapshot, now)

    def was_committed(self, snapshot: Snapshot) -> bool:
        return snapshot.wallet is not None and not is_due(snapshot.wallet, self.device)

    def _has_profile(self, snapshot: Snapshot) -> bool:
        return snapshot.related[keys.profile(self.user_id)] is not None

    def _mailbox_owners(self, snapshot: Snapshot) -> tuple[str | None, ...]:
        return store.owners(snapshot.related, store.mailbox_keys(self.mailbox))

    def _noted(self, snapshot: Snapshot, owners: Sequence[str | None]) -> LateMailbox:
        profile = snapshot.related[keys.profile(self.user_id)] or {}
        index = later_profiles.email_index(profile, self.user_id, self.email)
        return LateMailbox(self.mailbox, self.user_id not in owners, index)

    def _welcomed(
        self, wallet: Wallet, found: store.DeviceItems, snapshot: Snapshot, now: int
    ) -> Proposal:
        movement = welcome_later(wallet, self.rules.welcome_amount, now)
        at, owners = movement.wallet.updated_at, self._mailbox_owners(snapshot)
        noted = self._noted(snapshot, owners)
        writes: list[Write] = [
            later_profiles.welcomed_write(self.user_id, self.device, noted),
            *store.device_claim_writes(self.user_id, self.device, found.claimed_by, at),
            *store.mailbox_claim_writes(self.user_id, self.mailbox, owners, at),
        ]
        return self._proposal(movement, found, writes, at)

    def _under_review(
        self, wallet: Wallet, found: store.DeviceItems, snapshot: Snapshot, now: int
    ) -> Proposal:
        shared = [store.users_sharing(snapshot.related, digest) for digest in self.device.all]
        _check_places(self.user_id, shared, self.rules)
        movement = frozen_for_review(Movement(wallet), now, {REASON: REVIEW_REASON})
        at, owners = movement.wallet.updated_at, self._mailbox_owners(snapshot)
        noted = self._noted(snapshot, owners)
        writes: list[Write] = [
            later_profiles.shared_write(self.user_id, self.device, noted),
            *store.mailbox_claim_writes(self.user_id, self.mailbox, owners, at),
            *sharing.share_writes(self.user_id, self.device, shared, at),
            # A late welcome is due only where the principal may be welcomed.
            sharing.review_write(self.user_id, self.device, at, may_be_welcomed=True),
        ]
        return self._proposal(movement, found, writes, at)

    def _proposal(
        self, movement: Movement, found: store.DeviceItems, writes: Sequence[Write], at: int
    ) -> Proposal:
        known = with_device(movement.wallet, self.device)
        wallet = with_item(known, self.device, added=not found.listed)
        listing = () if found.listed else (store.device_write(self.user_id, self.device, at),)
        conditional = [ConditionalWrite(write) for write in (*writes, *listing)]
        return Proposal(replace(movement, wallet=wallet), conditional)


def is_due(wallet: Wallet, device: Digests) -> bool:
    """Whether a user may get the welcome credits with that device: it has none, and the device has
    no item of theirs, as one has that was found to be another's."""
    return (
        wallet.status is WalletStatus.OPEN and not wallet.welcomed and not has_item(wallet, device)
    )
