"""Signing users up, and the devices of known users."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from service.core.amounts import Amount
from service.core.keyring import Pepper
from service.core.metrics import Metric, Metrics
from service.core.principal import Principal
from service.ledger.entities import Movement, Wallet, check_wallet
from service.ledger.movements import welcome
from service.ledger.operations import ConditionalWrite, Ledger, Proposal, Snapshot
from service.storage.codec import Item
from service.storage.data_keys import DataKeys, NewDataKey
from service.storage.keys import Key
from service.storage.table import Table
from service.storage.writes import Write
from service.users import store
from service.users.entities import (
    MAX_DEVICES_PER_USER,
    DeviceAlreadyUsed,
    Digests,
    SystemLimitReached,
    WalletMissing,
    belongs_to_another,
    device_digests,
    email_digests,
    has_item,
    identity_digests,
    is_open,
    user_tag,
    with_device,
    with_item,
)

log = structlog.get_logger()


class Users:
    """Sign-up within the cap, one welcome per identity and device; new devices of known users."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        data_keys: DataKeys,
        metrics: Metrics,
        peppers: Sequence[Pepper],
        max_users: int,
        welcome_amount: Amount,
        mac_key: bytes,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._data_keys = data_keys
        self._metrics = metrics
        self._peppers = tuple(peppers)
        self._max_users = max_users
        self._welcome_amount = welcome_amount
        self._mac_key = mac_key

    def digests(self, fingerprint: str) -> Digests:
        """The device behind a fingerprint as the table knows it."""
        return device_digests(self._peppers, fingerprint)

    def sign_up(
        self, principal: Principal, device: Digests, related: Sequence[Key] = ()
    ) -> Snapshot:
        """Makes the principal a user unless they are one. Returns their open wallet, and the
        `related` items as they were at that same moment.

        Raises `SystemLimitReached` or `DeviceAlreadyUsed` (nothing is written then, and neither is
        raised for someone whose wallet is open), `WalletMissing` for someone whose claims stand
        without a wallet, `DataKeyUnavailable`, `DataUnreadable`, and what `Ledger.move` raises."""
        identity = identity_digests(self._peppers, principal.issuer, principal.subject)
        owners = frozenset(store.read_device_owners(self._table, device))
        sign_up = _SignUp(
            principal,
            device,
            identity,
            owners,
            self._max_users,
            self._welcome_amount,
            self._email(principal, owners),
            user_tag(principal.subject, self._mac_key),
        )
        try:
            moved = self._ledger.move(
                principal.subject,
                sign_up.propose,
                sign_up.was_committed,
                related=(*sign_up.keys, *related),
            )
        except SystemLimitReached:
            self._metrics.gauge(Metric.USER_CAP_USED, 100.0)
            self._metrics.count(Metric.USER_CAP_REFUSALS)
            raise
        except WalletMissing:
            log.error("wallet_missing", user_id=principal.subject)
            self._metrics.count(Metric.LEDGER_DAMAGED)
            raise
        if moved.movement is not None:
            users = sign_up.items(moved.snapshot).users + 1
            self._metrics.gauge(Metric.USER_CAP_USED, round(100 * users / self._max_users, 1))
            self._metrics.count(Metric.SIGN_UPS)
        # Related items change only together with the wallet, so they are still as they were read.
        return Snapshot(moved.wallet, moved.snapshot.related)

    def _email(self, principal: Principal, device_owners: Collection[str]) -> "_Email | None":
        """What stores the address of a new user. None where there is none, and where the index
        already says that the device is another's: refusals cost no call to KMS."""
        if not principal.email or belongs_to_another(device_owners, principal.subject):
            return None
        digests = email_digests(self._peppers, principal.email)
        return _Email(principal.email, digests, self._data_keys.new_key(principal.subject))

    def device_keys(self, user_id: str, device: Digests) -> tuple[Key, ...]:
        """The keys that `after_capture` needs to read."""
        return store.device_keys(user_id, device)

    def after_capture(
        self, wallet: Wallet, device: Digests, related: Mapping[Key, Item | None], now: int
    ) -> tuple[Wallet, list[ConditionalWrite]]:
        """What the capture of a job made on that device adds to its transaction: the wallet that
        knows of the device's item, and the writes of the item and, if the device has no owner, of
        its claims. Nothing is added for a device that has its item, or beyond
        `MAX_DEVICES_PER_USER` of them. A claim that another user takes meanwhile makes the ledger
        propose again, then without it. Pure."""
        if has_item(wallet, device):
            return wallet, []
        found = store.device_items(related, wallet.user_id, device)
        if found.listed:
            return with_item(wallet, device, added=False), []
        if wallet.device_count >= MAX_DEVICES_PER_USER:
            return wallet, []
        writes: list[Write] = [store.device_write(wallet.user_id, device, now)]
        if not belongs_to_another(found.claimed_by, wallet.user_id):
            writes += store.device_claim_writes(wallet.user_id, device, found.claimed_by, now)
        return with_item(wallet, device, added=True), [ConditionalWrite(write) for write in writes]


@dataclass(frozen=True)
class _SignUp:
    """Someone who may become a user, and everything that decides it. `device_owners` is what the
    index says of the device."""

    principal: Principal
    device: Digests
    identity: Digests
    device_owners: frozenset[str]
    max_users: int
    welcome_amount: Amount
    email: "_Email | None"
    tag: str

    @property
    def keys(self) -> tuple[Key, ...]:
        data_key = (self.email.data_key.key,) if self.email else ()
        sign_up = store.sign_up_keys(self.principal.subject, self.device, self.identity)
        return (*sign_up, *data_key)

    def items(self, snapshot: Snapshot) -> store.SignUpItems:
        return store.sign_up_items(
            snapshot.related, self.principal.subject, self.device, self.identity
        )

    def propose(self, snapshot: Snapshot, now: int) -> Proposal | None:
        """An open wallet overrides every refusal: a concurrent request of the same user was faster.
        Otherwise the cap is checked before the device."""
        if is_open(snapshot.wallet):
            return None
        check_wallet(snapshot.wallet, self.principal)
        found = self.items(snapshot)
        self._check(found, has_wallet=snapshot.wallet is not None)
        movement = welcome(snapshot.wallet, self.principal.subject, self.welcome_amount, now)
        wallet = with_item(
            with_device(movement.wallet, self.device), self.device, added=not found.device.listed
        )
        writes = self._writes(found, wallet.updated_at)
        if not found.has_profile:
            writes += self._profile_writes(snapshot, wallet.updated_at)
        return Proposal(
            Movement(wallet, movement.entries), [ConditionalWrite(write) for write in writes]
        )

    def was_committed(self, snapshot: Snapshot) -> bool:
        return is_open(snapshot.wallet)

    def _check(self, found: store.SignUpItems, *, has_wallet: bool) -> None:
        """Raises the reason why this person cannot sign up."""
        user_id = self.principal.subject
        claimed_by = (*found.device.claimed_by, *found.identity_claimed_by)
        if found.users >= self.max_users:
            raise SystemLimitReached
        if belongs_to_another((*claimed_by, *self.device_owners), user_id):
            raise DeviceAlreadyUsed
        if user_id in claimed_by and not has_wallet:
            raise WalletMissing

    def _writes(self, found: store.SignUpItems, now: int) -> list[Write]:
        """The count, and whatever of device and claims is not there yet; a returning user has some
        of it."""
        user_id = self.principal.subject
        writes: list[Write] = [
            store.count_write(self.max_users),
            *store.device_claim_writes(user_id, self.device, found.device.claimed_by, now),
            *store.identity_claim_writes(
                user_id, self.tag, self.identity, found.identity_claimed_by, now
            ),
        ]
        if not found.device.listed:
            writes.append(store.device_write(user_id, self.device, now))
        return writes

    def _profile_writes(self, snapshot: Snapshot, now: int) -> list[Write]:
        """The profile, and the data key that encrypts the address in it: a further one where the
        user, who returns, has had one."""
        user_id, writes, sealed = self.principal.subject, list[Write](), None
        if email := self.email:
            write, version = email.data_key.addition(snapshot.related[email.data_key.key], now)
            writes.append(write)
            place = store.email_place(user_id)
            sealed = email.data_key.seal(version, *place, email.address), email.digests
        who = user_id, self.principal.issuer, sealed
        return [*writes, store.profile_write(*who, self.device, self.identity, now)]


@dataclass(frozen=True)
class _Email:
    """The address of someone who signs up, its digests, and the key that encrypts it."""

    address: str = field(repr=False)
    digests: Digests
    data_key: NewDataKey
