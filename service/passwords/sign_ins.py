"""Signing in with a password.

In a file of its own because it must neither show nor let anybody find out what it knows: an unknown
address, a wrong password and an address that no one has verified look the same, in time as well."""

from dataclasses import dataclass, field

import structlog

from service.core.mailboxes import Address
from service.core.principal import Principal, SignInMethod
from service.ledger.entities import AccountClosing, WalletStatus, check_enabled
from service.passwords import store
from service.passwords.base import Base
from service.passwords.entities import PASSWORD_ISSUER, Credentials, InvalidCredentials
from service.passwords.throttle import (
    FROM_KNOWN_NETWORKS,
    FROM_ONE_NETWORK,
    FROM_UNKNOWN_NETWORKS,
    TooManyTries,
    network_of,
)
from service.storage.table import ConditionFailed

log = structlog.get_logger()


@dataclass(frozen=True)
class Attempt:
    """Someone who claims to be the owner of an address, and the network that they do so from."""

    address: Address
    password: str = field(repr=False)
    client_address: str

    @property
    def network(self) -> str:
        return network_of(self.client_address)


@dataclass(frozen=True)
class Proven:
    """Who has proved to know their password, and which of all that they have had it was."""

    principal: Principal
    digest: str
    revision: int


class PasswordSignIns:
    """Verifies passwords, at a pace that makes guessing useless."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def sign_in(self, attempt: Attempt) -> Proven:
        """The user, who has signed in just now. Raises `InvalidCredentials`, `TooManyTries`,
        `PasswordsBusy`, `StorageUnavailable`; and to who knows the password `AccountDisabled`, and
        `AccountClosing` while the account is being erased."""
        began_at = self._base.pace.begin()
        try:
            return self._signed_in(attempt)
        except TooManyTries:
            self._log(attempt, "waiting")
            raise
        except InvalidCredentials:
            self._log(attempt, "refused")
            self._base.pace.hold(began_at)
            raise

    def require_current(self, proven: Proven) -> None:
        """To be called once their session is stored: whoever replaces a password ends the sessions
        that there are. Raises `InvalidCredentials` for one that was replaced meanwhile, and
        `StorageUnavailable`."""
        found = self._base.accounts.read(proven.digest)
        if found is None or found.revision != proven.revision:
            raise InvalidCredentials

    def _log(self, attempt: Attempt, reason: str) -> None:
        """Lines of one mailbox, and of one network, have the same digest: whoever reads them can
        count, and learns neither the address nor where it was entered."""
        digest = self._base.sealing.digest
        log.info(
            "password_sign_in_failed",
            reason=reason,
            mailbox=digest("logged mailbox", attempt.address.mailbox),
            network=digest("logged network", attempt.network),
        )

    def _signed_in(self, attempt: Attempt) -> Proven:
        mailbox = attempt.address.mailbox
        credentials = self._base.accounts.find(attempt.address.text)
        name = f"{mailbox}\n{attempt.network}"
        network = self._base.sealing.digest("network", name)
        self._admit(name, mailbox, is_known=credentials is not None and credentials.knows(network))
        stored = self._base.accounts.open_hash(credentials or self._base.accounts.stand_in)
        verification = self._base.hashes.verify(attempt.password, stored)
        if credentials is None or not verification.fits:
            raise InvalidCredentials
        wallet = self._base.wallets.balance(credentials.user_id).wallet
        check_enabled(disabled=wallet is not None and wallet.disabled)
        if wallet is not None and wallet.status is WalletStatus.CLOSING:
            # The sessions have been erased: a new one would be left over.
            raise AccountClosing
        renewed = self._renewed(credentials, attempt.password) if verification.outdated else None
        now = self._base.clock.now()
        self._record(credentials, network, renewed, now)
        self._base.throttle.forget(name)
        principal = Principal(
            PASSWORD_ISSUER,
            credentials.user_id,
            attempt.address.text,
            email_verified=True,
            method=SignInMethod.SESSION,
            authenticated_at=now,
        )
        return Proven(principal, credentials.digest, credentials.revision)

    def _admit(self, name: str, mailbox: str, *, is_known: bool) -> None:
        """Before the password is verified, so that parallel tries are counted as well. What comes
        from a known network is counted too, although it never has to wait: a call less would show
        others on that network that the user signs in there."""
        self._base.throttle.admit(name, FROM_ONE_NETWORK)
        if is_known:
            self._base.throttle.admit(f"known\n{name}", FROM_KNOWN_NETWORKS)
        else:
            self._base.throttle.admit(mailbox, FROM_UNKNOWN_NETWORKS)

    def _renewed(self, credentials: Credentials, password: str) -> bytes:
        return self._base.accounts.seal_hash(credentials.digest, self._base.hashes.hash(password))

    def _record(
        self, credentials: Credentials, network: str, renewed: bytes | None, now: int
    ) -> None:
        """A password that has been replaced meanwhile is none any more."""
        networks = credentials.networks_with(network)
        try:
            self._base.table.write(store.login_write(credentials, networks, renewed, now))
        except ConditionFailed:
            raise InvalidCredentials from None
