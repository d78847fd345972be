"""Signing users up, and the devices of known users."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from service.core.errors import FareboxError
from service.core.keyring import Pepper
from service.core.metrics import Metric, Metrics
from service.core.principal import Principal
from service.ledger.entities import (
    Movement,
    Wallet,
    WalletBusy,
    WalletFrozen,
    WalletStatus,
    welcome,
)
from service.ledger.operations import CompanionWrites, ConditionalWrite, Ledger, Snapshot
from service.storage.codec import Item
from service.storage.table import Table
from service.users import store
from service.users.entities import (
    DeviceAlreadyUsed,
    Digests,
    SystemLimitReached,
    belongs_to_another,
    device_digests,
    identity_digests,
    with_device,
)

log = structlog.get_logger()


class _AlreadyOpen(Exception):
    """A twin request has signed the user up meanwhile."""

    def __init__(self, wallet: Wallet) -> None:
        super().__init__("already open")
        self.wallet = wallet


@dataclass(frozen=True)
class Applicant:
    """Someone who may become a user: who they are, and the device they come with."""

    principal: Principal
    device: Digests
    identity: Digests

    @property
    def user_id(self) -> str:
        return self.principal.subject


class Users:
    """Sign-up within the cap, one welcome per identity and device; new devices of known users."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        metrics: Metrics,
        peppers: Sequence[Pepper],
        max_users: int,
        welcome_credits: int,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._metrics = metrics
        self._peppers = tuple(peppers)
        self._max_users = max_users
        self._welcome_credits = welcome_credits

    def digests(self, fingerprint: str) -> Digests:
        """The device behind a fingerprint as the table knows it."""
        return device_digests(self._peppers, fingerprint)

    def sign_up(self, principal: Principal, device: Digests) -> Wallet:
        """Gives the open wallet of the principal, making the user if there is none.

        Raises `SystemLimitReached` or `DeviceAlreadyUsed` (nothing is written then, and neither is
        raised for someone whose wallet is open), `WalletFrozen` for someone whose claims stand
        without a wallet, and what `Ledger.move` raises."""
        applicant = Applicant(
            principal, device, identity_digests(self._peppers, principal.issuer, principal.subject)
        )
        try:
            wallet = self._ledger.move(
                applicant.user_id,
                lambda snapshot, now: self._welcomed(applicant, snapshot, now),
                CompanionWrites(
                    writes=lambda movement: self._sign_up_writes(applicant, movement),
                    was_committed=lambda: _is_open(
                        self._ledger.read_snapshot(applicant.user_id).wallet
                    ),
                ),
            )
        except _AlreadyOpen as open_already:
            return open_already.wallet
        except (SystemLimitReached, DeviceAlreadyUsed) as refusal:
            return self._known_after_all(applicant, refusal)
        self._metrics.count(Metric.SIGN_UPS)
        return wallet

    def device_writes(self, user_id: str, device: Digests, now: int) -> list[ConditionalWrite]:
        """The writes by which a known user's new device joins: its item, and its claim if nobody
        has one. One read; a claim lost in the race makes the caller's transaction decide again
        without it."""
        found = store.read_device(self._table, user_id, device)
        writes = (
            []
            if found.listed
            else [ConditionalWrite(store.device_write(user_id, device, now), _decide_again)]
        )
        if not belongs_to_another(found.claimed_by, user_id):
            claims = store.device_claim_writes(user_id, device, found.claimed_by, now)
            writes += [ConditionalWrite(claim, _decide_again) for claim in claims]
        return writes

    def _welcomed(self, applicant: Applicant, snapshot: Snapshot, now: int) -> Movement:
        if snapshot.wallet is not None and snapshot.wallet.status is not WalletStatus.CLOSED:
            raise _AlreadyOpen(snapshot.wallet)
        movement = welcome(snapshot.wallet, applicant.user_id, self._welcome_credits, now)
        return Movement(with_device(movement.wallet, applicant.device), movement.entries)

    def _sign_up_writes(self, applicant: Applicant, movement: Movement) -> list[ConditionalWrite]:
        """Limit first, then device, as brief 000 orders them. What is read here only answers early;
        the conditions decide."""
        user_id, now = applicant.user_id, movement.wallet.updated_at
        found = store.read_sign_up(self._table, user_id, applicant.device, applicant.identity)
        self._metrics.gauge(
            Metric.USER_CAP_USED, round(100 * found.users / max(self._max_users, 1), 1)
        )
        if found.users >= self._max_users:
            self._metrics.count(Metric.USER_CAP_REFUSALS)
            raise SystemLimitReached
        owners = [
            *found.device.claimed_by,
            *store.read_device_owners(self._table, applicant.device),
        ]
        if belongs_to_another([*owners, *found.identity_claimed_by], user_id):
            raise DeviceAlreadyUsed
        if movement.opens and user_id in (*found.device.claimed_by, *found.identity_claimed_by):
            raise self._claimed_without_wallet(applicant)
        return [
            ConditionalWrite(store.count_write(self._max_users), lambda _: SystemLimitReached()),
            *self._claim_writes(applicant, found, now),
        ]

    def _claim_writes(
        self, applicant: Applicant, found: store.SignUpItems, now: int
    ) -> list[ConditionalWrite]:
        """Whatever of device, claims and profile is not there yet; a returning user has some of
        it."""
        user_id, principal = applicant.user_id, applicant.principal
        writes: list[ConditionalWrite] = []
        claims = [
            *store.device_claim_writes(user_id, applicant.device, found.device.claimed_by, now),
            *store.identity_claim_writes(
                user_id, applicant.identity, found.identity_claimed_by, now
            ),
        ]
        writes += [
            ConditionalWrite(claim, lambda item: _taken_by_another(item, user_id))
            for claim in claims
        ]
        if not found.device.listed:
            writes.append(
                ConditionalWrite(store.device_write(user_id, applicant.device, now), _decide_again)
            )
        if not found.has_profile:
            profile = store.profile_write(
                user_id,
                principal.issuer,
                principal.email,
                applicant.device,
                applicant.identity,
                now,
            )
            writes.append(ConditionalWrite(profile, _decide_again))
        return writes

    def _claimed_without_wallet(self, applicant: Applicant) -> Exception:
        """Claims of someone who had no wallet a moment ago: a twin request has just signed them up,
        or the wallet is lost, and then nobody is welcomed a second time before an operator has
        looked."""
        wallet = self._ledger.read_snapshot(applicant.user_id).wallet
        if wallet is not None:
            return _AlreadyOpen(wallet) if _is_open(wallet) else WalletBusy()
        log.error("wallet_missing", user_id=applicant.user_id)
        self._metrics.count(Metric.LEDGER_DAMAGED)
        return WalletFrozen()

    def _known_after_all(self, applicant: Applicant, refusal: FareboxError) -> Wallet:
        """A read that finds an open wallet wins over every refusal: a twin request got in first."""
        wallet = self._ledger.read_snapshot(applicant.user_id).wallet
        if wallet is None or not _is_open(wallet):
            raise refusal
        return wallet


def _is_open(wallet: Wallet | None) -> bool:
    return wallet is not None and wallet.status is not WalletStatus.CLOSED


def _decide_again(_: Item | None) -> None:
    return None


def _taken_by_another(claim: Item | None, user_id: str) -> FareboxError | None:
    """A claim met in the transaction: another's refuses; my own means that there is more to see."""
    return DeviceAlreadyUsed() if claim and claim["userId"] != user_id else None
