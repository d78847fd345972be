"""Redeeming promo codes, and making, listing and revoking them."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from service.core.clock import Clock
from service.core.fifo_gate import FifoGate, QueueFull, WaitedTooLong
from service.core.ids import Ids, is_id
from service.core.keyring import Pepper
from service.core.metrics import Metric, Metrics
from service.core.principal import Principal
from service.ledger.entities import (
    AccountClosing,
    AccountRequired,
    OutcomeUnknown,
    Wallet,
    WalletBusy,
    WalletFrozen,
    WalletStatus,
    check_enabled,
)
from service.ledger.grants import grant_key, grant_proposal
from service.ledger.operations import ConditionalWrite, Ledger, Proposal, Snapshot
from service.promo_codes import keys, store
from service.promo_codes.entities import (
    IdentityUses,
    NewPromoCode,
    PromoCode,
    PromoCodeBusy,
    PromoExists,
    PromoNotFound,
    PromoRevoked,
    PromoTextUnusable,
    Redemption,
    RedemptionUnknown,
    UnknownPromoId,
    Use,
    code_digest,
    generated,
    grant_of,
    key_digest,
    normalised,
    refuse_beyond_limits,
    refuse_unless_open,
)
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import Table
from service.users.entities import device_digests, identity_digests, is_open

log = structlog.get_logger()

# One code is one item, which one transaction at a time can change: requests of one process wait
# here in order, instead of retrying against each other.
GATES = 64
MAX_WAITING = 200
WAIT_LIMIT_SECONDS = 5.0
# How long everybody else at the gate may wait for one user's wallet.
WALLET_WAIT_SECONDS = 0.25


@dataclass(frozen=True)
class PreparedPromo:
    """A code that is not written yet. `text` is shown to the operator once, and kept nowhere."""

    promo: PromoCode
    text: str
    writes: tuple[ConditionalWrite, ...]


@dataclass(frozen=True)
class PromoPage:
    """Some codes, and the id after which the next page begins (None: that was all)."""

    promos: tuple[PromoCode, ...]
    next_id: str | None


class CodeGates:
    """Lets one redemption of a code at a time through in this process. Safety never rests on it."""

    def __init__(self, max_waiting: int, wait_limit_seconds: float) -> None:
        self._wait_limit_seconds = wait_limit_seconds
        self._gates = [FifoGate(1, max_waiting) for _ in range(GATES)]

    @contextmanager
    def passed(self, digest: str) -> Iterator[None]:
        """Raises `PromoCodeBusy` when too many wait already, or for too long."""
        gate = self._gates[zlib.crc32(digest.encode()) % GATES]
        try:
            gate.enter(self._wait_limit_seconds)
        except (QueueFull, WaitedTooLong):
            raise PromoCodeBusy from None
        try:
            yield
        finally:
            gate.leave()


class PromoCodes:
    """Promo codes: redeemed race-safely, each use once per identity and device."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
        peppers: Sequence[Pepper],
        mac_key: bytes,
        gates: CodeGates | None = None,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._peppers = tuple(peppers)
        self._mac_key = mac_key
        self._gates = gates or CodeGates(MAX_WAITING, WAIT_LIMIT_SECONDS)

    def redeem(
        self, principal: Principal, text: str, fingerprint: str | None, key: str | None
    ) -> Redemption:
        """Grants what the code promises, in one transaction with all of its counters.

        Without a `key` the request stands for the first use by this identity; each new key is a
        use of its own, as far as the code allows several. The same request again returns the
        redemption that was made. The use counts against `fingerprint` and every device on the
        wallet.

        Raises `AccountRequired`, `PromoNotFound`, `PromoUsedUp`, `PromoAlreadyRedeemed`,
        `PromoDeviceUsed`, `AccountDisabled`, `AccountClosing` or `WalletFrozen` (nothing was
        written); `PromoCodeBusy` when others kept redeeming the code, or the wallet is busy
        (nothing was written); `RedemptionUnknown`; `TooManyWaiting`; `StorageUnavailable`."""
        wallet = self._ledger.read_snapshot(principal.subject).wallet
        if wallet is None or not is_open(wallet):
            raise AccountRequired
        promo = self._read(text)
        attempt = _Redemption(
            promo,
            principal.subject,
            identity_digests(self._peppers, principal.subject).all[-1],
            self._devices(wallet, fingerprint),
            key_digest(self._peppers, key),
            self._require_sealed,
        )
        # Reads alone settle most requests for a code that is used up: they must not queue.
        uses = attempt.uses_in({attempt.use_key: self._table.get(attempt.use_key)})
        if uses.find(attempt.key) is None:
            self._require_sealed(promo)
            refuse_unless_open(promo, self._clock.now())
        return self._moved(attempt)

    def prepare(self, new: NewPromoCode) -> PreparedPromo:
        """A new code and the writes that make it, for a transaction that also records who made it.
        Raises `PromoInvalid` or `PromoTextUnusable`; writing raises `PromoExists`."""
        text = new.text or generated(self._peppers, new.seed)
        code = normalised(text)
        if code is None:
            raise PromoTextUnusable
        now = self._clock.now()
        digest = code_digest(self._peppers, code)
        promo = PromoCode.made(new, self._ids.new("promo", now), digest, now)
        promo = store.sealed(promo, self._mac_key)
        writes = store.creation_writes(promo)
        return PreparedPromo(
            promo, text, tuple(ConditionalWrite(write, PromoExists()) for write in writes)
        )

    def revocation(self, promo: PromoCode) -> ConditionalWrite:
        """The write after which no one can redeem the code; what was redeemed stays. Writing raises
        `PromoRevoked` for one that was revoked before."""
        write = store.revocation_write(promo, self._clock.now(), self._mac_key)
        return ConditionalWrite(write, PromoRevoked())

    def find(self, promo_id: str) -> PromoCode:
        """Raises `UnknownPromoId`, and `StorageUnavailable`."""
        listed = self._table.get(keys.listed(promo_id)) if is_id("promo", promo_id) else None
        item = self._table.get(keys.promo(str(listed["digest"]))) if listed else None
        if item is None:
            raise UnknownPromoId
        return store.promo_from(item)

    def page(self, limit: int, before: str = "") -> PromoPage:
        """At most `limit` codes, newest first, older than the id `before`."""
        found = self._table.query(
            keys.LIST, keys.LISTED_PREFIX, limit=limit, after=before, ascending=False
        )
        items = (self._table.get(keys.promo(str(each["digest"]))) for each in found.items)
        promos = tuple(store.promo_from(item) for item in items if item is not None)
        return PromoPage(promos, str(found.items[-1]["SK"]) if found.more else None)

    def _read(self, text: str) -> PromoCode:
        code = normalised(text)
        item = self._table.get(keys.promo(code_digest(self._peppers, code))) if code else None
        if item is None:
            raise PromoNotFound
        return store.promo_from(item)

    def _require_sealed(self, promo: PromoCode) -> None:
        """Raises `PromoNotFound` for a code that this service did not write so."""
        if not store.is_sealed(promo, self._mac_key):
            log.error("promo_code_damaged", promo_id=promo.promo_id)
            self._metrics.count(Metric.LEDGER_DAMAGED)
            raise PromoNotFound

    def _devices(self, wallet: Wallet, fingerprint: str | None) -> tuple[str, ...]:
        """The device of the request under every pepper, and those on the wallet: leaving the
        fingerprint out, or making one up, does not free a device that has used the code."""
        named = device_digests(self._peppers, fingerprint).all if fingerprint else ()
        return tuple(sorted({*named, *wallet.fingerprints}))

    def _moved(self, attempt: "_Redemption") -> Redemption:
        try:
            with self._gates.passed(attempt.promo.digest):
                moved = self._ledger.move(
                    attempt.user_id,
                    attempt.propose,
                    attempt.was_committed,
                    related=attempt.related,
                    wait_limit_seconds=WALLET_WAIT_SECONDS,
                )
        except WalletBusy as busy:
            raise PromoCodeBusy from busy
        except OutcomeUnknown as unknown:
            raise RedemptionUnknown from unknown
        made = moved.movement is not None
        if made:
            self._metrics.count(Metric.PROMO_REDEMPTIONS)
            log.info("promo_redeemed", promo_id=attempt.promo.promo_id)
        use = attempt.use_at(moved.at) if made else attempt.stored_use(moved.snapshot)
        terms = attempt.promo.terms
        return Redemption(
            terms.amount,
            terms.kind,
            terms.restriction,
            use.at,
            use.expires_at,
            moved.wallet.spendable(moved.at),
            made,
        )


@dataclass(frozen=True)
class _Redemption:
    """One request to redeem a code, and everything that decides it."""

    promo: PromoCode
    user_id: str
    identity: str
    devices: tuple[str, ...]
    key: str
    require_sealed: Callable[[PromoCode], None]

    @property
    def promo_key(self) -> Key:
        return keys.promo(self.promo.digest)

    @property
    def use_key(self) -> Key:
        return keys.use(self.promo.digest, self.identity)

    @property
    def related(self) -> tuple[Key, ...]:
        devices = (keys.device_use(self.promo.digest, device) for device in self.devices)
        grants = (
            grant_key(grant_of(self.promo, self.identity, self.user_id, number, None))
            for number in range(1, self.promo.max_uses_per_identity + 1)
        )
        return (self.promo_key, self.use_key, *devices, *grants)

    def uses_in(self, related: Mapping[Key, Item | None]) -> IdentityUses:
        return store.uses_from(related[self.use_key], self.identity, self.user_id)

    def stored_use(self, snapshot: Snapshot) -> Use:
        """The use that stands for this request. Raises `LookupError` if there is none."""
        use = self.uses_in(snapshot.related).find(self.key)
        if use is None:
            raise LookupError("a redemption that was made has its use")
        return use

    def use_at(self, now: int) -> Use:
        return Use(self.key, now, self.promo.terms.expiry(now))

    def was_committed(self, snapshot: Snapshot) -> bool:
        return self.uses_in(snapshot.related).find(self.key) is not None

    def propose(self, snapshot: Snapshot, now: int) -> Proposal | None:
        """Nothing for a redemption that was made before, whatever has become of the code since."""
        uses = self.uses_in(snapshot.related)
        if uses.find(self.key) is not None:
            return None
        wallet = snapshot.wallet
        if wallet is None or not is_open(wallet):
            raise AccountRequired
        check_enabled(disabled=wallet.disabled)
        if wallet.status is WalletStatus.CLOSING:
            raise AccountClosing
        if wallet.status is WalletStatus.FROZEN:
            raise WalletFrozen
        promo = self._promo_in(snapshot)
        self.require_sealed(promo)
        refuse_unless_open(promo, now)
        counts = self._device_counts(snapshot)
        refuse_beyond_limits(promo, uses, list(counts.values()))
        use = Use(self.key, now, promo.terms.expiry(now))
        grant = grant_of(promo, self.identity, self.user_id, len(uses.uses) + 1, use.expires_at)
        granted = grant_proposal(snapshot, grant, now)
        writes = [
            store.counted_write(promo),
            store.use_write(promo, uses, use),
            *store.device_use_writes(promo, counts.items()),
        ]
        return Proposal(
            granted.movement, (*granted.writes, *(ConditionalWrite(write) for write in writes))
        )

    def _promo_in(self, snapshot: Snapshot) -> PromoCode:
        item = snapshot.item(self.promo_key)
        if item is None:
            raise PromoNotFound
        return store.promo_from(item)

    def _device_counts(self, snapshot: Snapshot) -> dict[str, int]:
        return {
            device: store.count_from(snapshot.item(keys.device_use(self.promo.digest, device)))
            for device in self.devices
        }
