"""The items of a user besides the ledger (profile, devices and claims), and how they are restored.
Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from service.audit.entities import Account
from service.audit.proofs import Checks
from service.billing.purchases import Purchase
from service.core.amounts import Amount
from service.core.keyring import Pepper
from service.jobs.entities import Times
from service.ledger.entities import Movement, Wallet
from service.ledger.grants import GrantRecord
from service.ledger.movements import welcome
from service.ledger.opening import open_unwelcomed
from service.storage.keys import Key
from service.storage.writes import Update, When, Write
from service.users import keys as users_keys
from service.users import store as users_store
from service.users.entities import (
    DeviceUse,
    Digests,
    SignUpDigests,
    identity_digests,
    provider_of,
    user_tag,
)


class NotRepairable(Exception):
    """An operator has to decide: a restore does not cause this damage, or the missing data cannot
    be reconstructed."""


@dataclass(frozen=True)
class DamagedAccount:
    """What is left of one user: the account, the claims that name the user, whose the claims are
    that the account needs (None: no one's), the grants and purchases whose items name the
    user, whether there is a data key, and the messages of the outbox."""

    account: Account
    claimed: tuple[Key, ...] = ()
    owners: Mapping[Key, str | None] = field(default_factory=dict)
    grants: tuple[GrantRecord, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    has_data_key: bool = False
    messages: tuple[Key, ...] = ()


@dataclass(frozen=True)
class RepairContext:
    """What a plan is made with."""

    mac_key: bytes
    checks: Checks
    peppers: tuple[Pepper, ...]
    times: Times
    welcome_amount: Amount
    only_operation: str | None = None


def digests_of(damaged: DamagedAccount, context: RepairContext) -> SignUpDigests | None:
    """What the sign-up claimed, as far as any item still names it; a profile does."""
    account, claimed = damaged.account, damaged.claimed
    if account.digests is not None:
        return account.digests
    of_claims = [
        key.pk.removeprefix(users_keys.FINGERPRINT_PREFIX) for key in claimed if _is_of_device(key)
    ]
    listed = account.wallet.devices_with_item if account.wallet else frozenset()
    devices = [
        *(digest for digest in of_claims if digest in account.devices),
        *of_claims,
        *sorted(account.devices | listed),
    ]
    identities = identity_digests(context.peppers, account.user_id).all
    identity = next(
        (digest for digest in identities if users_keys.identity_claim(digest) in claimed),
        identities[0],
    )
    if not of_claims and account.wallet is not None and not account.wallet.welcomed:
        shared = next(iter(sorted(account.devices)), None)
        use = DeviceUse.NONE if shared is None else DeviceUse.SHARED
        return SignUpDigests(shared, identity, use)
    return SignUpDigests(devices[0], identity) if devices else None


def first_entry(account: Account, context: RepairContext, now: int) -> Movement:
    """A user whose first entry is lost gets today's welcome credits: the amount in the wallet
    itself is not protected by a MAC and proves nothing. One who had not got them yet does not get
    them now."""
    if account.wallet is not None and not account.wallet.welcomed:
        return open_unwelcomed(account.user_id, now)
    return welcome(None, account.user_id, context.welcome_amount, now)


def _is_of_device(key: Key) -> bool:
    return key.pk.startswith(users_keys.FINGERPRINT_PREFIX)


def needed_claims(damaged: DamagedAccount, context: RepairContext) -> set[Key]:
    """The claims whose owners a plan has to know. While a pepper is rolled out, a device that is
    not the sign-up's own may rightly be unclaimed under the newest, for it is another's under the
    older. A released device is left to whoever signs up with it."""
    account, digests = damaged.account, digests_of(damaged, context)
    listed = account.wallet.devices_with_item if account.wallet else frozenset()
    others = account.devices | listed if len(context.peppers) == 1 else frozenset()
    needed = users_store.claims_of(digests) if digests else ()
    released = map(users_keys.fingerprint_claim, account.released)
    return {*map(users_keys.fingerprint_claim, others), *needed}.difference(released) | {
        *damaged.claimed
    }


class AccountRecords:
    """Collects the items to restore; a digest is never invented."""

    def __init__(self, damaged: DamagedAccount, context: RepairContext, now: int) -> None:
        self._remains = damaged
        self._context = context
        self._now = now
        self.says: list[str] = []
        self.writes: list[Write] = []

    def devices_of(self, wallet: Wallet) -> frozenset[str]:
        """The devices that have an item once the account is put back."""
        account = self._remains.account
        digests = digests_of(self._remains, self._context)
        if account.leaving or digests is None:
            return account.devices
        listed = digests.listed_device
        of_sign_up = frozenset() if listed is None else frozenset({listed})
        return account.devices | wallet.devices_with_item | of_sign_up

    def put_back(self, account: Account) -> Account:
        """The account with profile, devices and claims as far as any item still names them. Raises
        `NotRepairable`."""
        if account.leaving:
            return account
        digests = digests_of(self._remains, self._context)
        if digests is None or account.wallet is None:
            raise NotRepairable("no item names the device that it signed up with")
        if account.digests is None:
            who = account.user_id, provider_of(account.user_id), None
            self._put(users_store.profile_write(*who, digests, self._now))
        self._index_devices(account)
        missing = sorted(self.devices_of(account.wallet) - account.devices)
        for digest in missing:
            self._put(users_store.device_write(account.user_id, Digests((digest,)), self._now))
        claims = self._claims(digests)
        return replace(
            account, digests=digests, devices=account.devices | set(missing), claims=claims
        )

    def _index_devices(self, account: Account) -> None:
        for digest in sorted(account.devices - account.released):
            key = users_keys.device(account.user_id, digest)
            if any(fault.item == f"{key.pk}/{key.sk}" for fault in self._remains.account.faults):
                self.says.append(f"set the index attributes of {key.sk}")
                index = users_keys.device_index(account.user_id, digest)
                self.writes.append(Update(key, When(equals={"PK": key.pk}), set=index))

    def _claims(self, digests: SignUpDigests) -> dict[str, str | None]:
        """Free claims of the user's devices and identity are taken; another's stays, and only the
        sign-up's own must be mine."""
        owners, user_id = dict(self._remains.owners), self._remains.account.user_id
        for key in sorted((key for key, owner in owners.items() if owner is None), key=str):
            self._put(self._claim(key))
            owners[key] = user_id
        needed = users_store.claims_of(digests)
        return {str(key): owners[key] for key in needed if key in owners}

    def _claim(self, key: Key) -> Write:
        user_id, digests = self._remains.account.user_id, Digests((key.pk.partition("#")[2],))
        if _is_of_device(key):
            (claim,) = users_store.device_claim_writes(user_id, digests, [None], self._now)
        else:
            tag = user_tag(user_id, self._context.mac_key)
            (claim,) = users_store.identity_claim_writes(user_id, tag, digests, [None], self._now)
        return claim

    def _put(self, write: Write) -> None:
        self.says.append(f"put {write.key.pk}/{write.key.sk} again")
        self.writes.append(write)
