"""Signing users up, and the devices of known users."""

from collections.abc import Collection, Mapping, Sequence

import structlog

from service.core.keyring import Pepper
from service.core.metrics import Metric, Metrics
from service.core.principal import Principal
from service.ledger.entities import Movement, Wallet
from service.ledger.opening import REVIEW
from service.ledger.operations import ConditionalWrite, Ledger, Snapshot
from service.storage.codec import Item
from service.storage.data_keys import DataKeys
from service.storage.keys import Key
from service.storage.table import Table
from service.storage.writes import Write
from service.users import sharing, store
from service.users.entities import (
    MAX_DEVICES_PER_USER,
    DevicePolicy,
    Digests,
    Review,
    SystemLimitReached,
    WalletMissing,
    belongs_to_another,
    device_digests,
    email_digests,
    has_item,
    identity_digests,
    mailbox_digests,
    may_be_welcomed,
    user_tag,
    verified_email,
    with_item,
)
from service.users.linking import Identities
from service.users.sign_up import (
    Also,
    LateWelcome,
    NewEmail,
    SignUp,
    SignUpRules,
    is_due,
    nothing_else,
)

log = structlog.get_logger()

MAX_REVIEWS = 100


class Users:
    """Sign-up within the cap, one welcome per identity and device; new devices of known users."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        data_keys: DataKeys,
        metrics: Metrics,
        peppers: Sequence[Pepper],
        rules: SignUpRules,
        identities: Identities,
        mac_key: bytes,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._data_keys = data_keys
        self._metrics = metrics
        self._peppers = tuple(peppers)
        self._rules = rules
        self._identities = identities
        self._mac_key = mac_key

    def mailbox_owner(self, email: str) -> str | None:
        """The user who has verified an address of that mailbox; they may have erased their account
        since. One call for each pepper, whoever it is. Raises `StorageUnavailable`."""
        found = store.read_mailbox_owners(self._table, mailbox_digests(self._peppers, email))
        return next((owner for owner in found if owner is not None), None)

    def digests(self, fingerprint: str) -> Digests:
        """The device behind a fingerprint as the table knows it."""
        return device_digests(self._peppers, fingerprint)

    def sign_up(
        self,
        principal: Principal,
        device: Digests | None,
        related: Sequence[Key] = (),
        *,
        also: Also = nothing_else,
        had_welcome: bool = False,
    ) -> Snapshot:
        """Makes the principal a user unless they are one. Returns their open wallet, and the
        `related` items as they were at that same moment. Without a `device` there are no welcome
        credits yet (`welcomed`); for someone who `had_welcome` elsewhere there never are. `also` is
        written in the transaction that makes the user, or not at all; what its failed conditions
        mean is raised.

        Raises `SystemLimitReached`, `DeviceAlreadyUsed`, `EmailAlreadyUsed`, `IdentityLinked` or
        `AccountClosed` (nothing is written then, and none is raised for someone whose wallet is
        open), `WalletMissing` for someone whose claims stand without a wallet,
        `DataKeyUnavailable`, `DataUnreadable`, and what `Ledger.move` raises."""
        sign_up = self._prepared(principal, device, also, had_welcome)
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
            used = round(100 * users / self._rules.max_users, 1)
            self._metrics.gauge(Metric.USER_CAP_USED, used)
            self._metrics.count(Metric.SIGN_UPS)
            self._report_review(moved.movement)
        # Related items change only together with the wallet, so they are still as they were read.
        return Snapshot(moved.wallet, moved.snapshot.related)

    def _prepared(
        self, principal: Principal, device: Digests | None, also: Also, had_welcome: bool
    ) -> SignUp:
        owners = self._owners(device)
        return SignUp(
            principal,
            device,
            identity_digests(self._peppers, principal.subject),
            self._mailbox(principal),
            owners,
            self._rules,
            self._email(principal, owners),
            user_tag(principal.subject, self._mac_key),
            also,
            had_welcome,
        )

    def _mailbox(self, principal: Principal) -> Digests | None:
        email = verified_email(principal)
        return None if email is None else mailbox_digests(self._peppers, email)

    def _owners(self, device: Digests | None) -> frozenset[str]:
        found = set() if device is None else store.read_device_owners(self._table, device)
        return frozenset(found)

    def _email(self, principal: Principal, device_owners: Collection[str]) -> NewEmail | None:
        """What stores the address of a new user. None where there is none, and where the index
        already says that the user will be refused: refusals cost no call to KMS."""
        is_refused = (
            belongs_to_another(device_owners, principal.subject)
            and self._rules.device_policy is DevicePolicy.REFUSE
        )
        if not principal.email or is_refused:
            return None
        digests = email_digests(self._peppers, principal.email)
        return NewEmail(principal.email, digests, self._data_keys.new_key(principal.subject))

    def welcomed(
        self, principal: Principal, device: Digests, snapshot: Snapshot, related: Sequence[Key] = ()
    ) -> Snapshot:
        """That snapshot of a known user's open wallet and the `related` items; or a newer one, in
        which the user has got the welcome credits that had to wait for a device. It costs nothing
        for those who have them.

        Raises `DeviceAlreadyUsed` or `EmailAlreadyUsed` for a device or a mailbox of another's
        where the user has no credits of another kind, and what `Ledger.move` raises; nothing is
        written then."""
        wallet = snapshot.wallet
        if wallet is None or not is_due(wallet, device) or not may_be_welcomed(principal):
            return snapshot
        email = verified_email(principal)
        of_email = None if email is None else email_digests(self._peppers, email)
        who = principal.subject, device, self._mailbox(principal), of_email
        late = LateWelcome(*who, self._owners(device), self._rules)
        moved = self._ledger.move(
            principal.subject, late.propose, late.was_committed, related=(*late.keys, *related)
        )
        if moved.movement is not None:
            self._report_review(moved.movement)
        return Snapshot(moved.wallet, moved.snapshot.related)

    def _report_review(self, movement: Movement) -> None:
        if movement.entries[-1].ref == REVIEW:
            log.warning("sign_up_under_review", user_id=movement.wallet.user_id)
            self._metrics.count(Metric.SIGN_UP_REVIEWS)

    def resolve(self, principal: Principal) -> str:
        """As `Identities.resolve`."""
        return self._identities.resolve(principal)

    def waiting_reviews(self) -> list[Review]:
        """Sign-ups that wait for an operator's decision, oldest first, at most 100. The index that
        names them may lag. Raises `StorageUnavailable`."""
        return sharing.read_reviews(self._table, MAX_REVIEWS)

    def departure(self) -> ConditionalWrite:
        """One user less, for the transaction that closes the wallet."""
        return ConditionalWrite(store.count_less_write())

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
