"""Replacing a password: with a mailed link, or by someone who has just signed in.

In a file of its own because it ends sessions."""

from collections.abc import Sequence
from typing import Protocol

from service.core.clock import iso
from service.core.ids import Ids
from service.core.mailboxes import Address
from service.core.principal import Principal
from service.ledger.entities import UserNotFound
from service.notifications.mail import Mail, MailTemplate, mail_write
from service.passwords import store
from service.passwords.base import Base
from service.passwords.entities import (
    Credentials,
    InvalidCredentials,
    LinkInvalid,
    NoPassword,
    Reset,
)
from service.passwords.sealing import new_token
from service.passwords.throttle import FROM_ONE_NETWORK
from service.storage.table import Cancelled
from service.storage.writes import Write
from service.users.entities import is_open, verified_addresses

RESET_WORDS = "30 minutes"


class EndSessions(Protocol):
    """Ends the live sessions of a user, but for the one with the id `keep`. Can be repeated."""

    def __call__(self, user_id: str, keep: str | None) -> None: ...


class PasswordResets:
    """Mails links that replace a password, and replaces it."""

    def __init__(self, base: Base, end_sessions: EndSessions, ids: Ids) -> None:
        self._base = base
        self._end_sessions = end_sessions
        self._ids = ids

    def request(self, address: Address) -> None:
        """Mails a link to someone who has a password, and to the very address that they have
        verified: what a provider delivers to another spelling of it is the provider's affair. To
        someone with another kind of account it says so. Reads, seals and writes the same in every
        case, and takes as long. Raises `StorageUnavailable`, `DataKeyUnavailable`."""
        began_at = self._base.pace.begin()
        now, token = self._base.clock.now(), new_token()
        credentials = self._base.accounts.find(address.text)
        owner = self._owner(address.text, self._ids.new("usr", now))
        reset = Reset(self._base.accounts.digests(address.text).newest, 0)
        mail, is_mailed = self._exists_mail(owner or "nobody", address, now), owner is not None
        if credentials is not None:
            reset = Reset(credentials.digest, credentials.revision)
            mail = self._link_mail(credentials.user_id, address, token, now)
            is_mailed = credentials.address == self._base.accounts.address_digest(address.text)
        # No one has the token of the decoy: it opens nothing, and expires like the other.
        decoy = store.reset_put(self._base.sealing, new_token(), reset, now)
        queued = self._mailed(mail, now)
        link = store.reset_put(self._base.sealing, token, reset, now)
        self._base.table.transact([link, queued if is_mailed else decoy])
        self._base.pace.hold(began_at)

    def _owner(self, email: str, stand_in_id: str) -> str | None:
        """Whose account, of whatever kind, the mailbox belongs to. Reads the same if there is
        none."""
        owner = self._base.users.mailbox_owner(email)
        return owner if is_open(self._base.wallets.balance(owner or stand_in_id).wallet) else None

    def _mailed(self, mail: Mail, now: int) -> Write:
        return mail_write(self._base.mails.seal(mail), now)

    def _link_mail(self, user_id: str, address: Address, token: str, now: int) -> Mail:
        return Mail(
            self._ids.new("reset", now),
            user_id,
            address.text,
            MailTemplate.PASSWORD_RESET,
            {"token": token, "valid_for": RESET_WORDS},
            store.reset_end(now),
        )

    def _exists_mail(self, user_id: str, address: Address, now: int) -> Mail:
        mail_id = self._ids.new("exists", now)
        return Mail(mail_id, user_id, address.text, MailTemplate.ACCOUNT_EXISTS)

    def reset(self, token: str, password: str) -> None:
        """Replaces the password and ends all sessions of the user. The link stays valid until then,
        also after a password that was rejected.

        Raises `LinkInvalid`, `PasswordRejected`, `PasswordsBusy`, `StorageUnavailable`,
        `DataKeyUnavailable`, `DataUnreadable`; nothing is written then."""
        link = store.reset_key(self._base.sealing, token)
        now = self._base.clock.now()
        reset = store.reset_from(self._base.sealing, token, self._base.table.get(link), now)
        credentials = self._base.accounts.read(reset.digest) if reset else None
        if reset is None or credentials is None or credentials.revision != reset.revision:
            raise LinkInvalid
        writes = self._replacing(credentials, password, now)
        try:
            self._replace(credentials.user_id, [store.used_write(link, now), *writes], None)
        except Cancelled:
            raise LinkInvalid from None

    def change(self, principal: Principal, current: str, password: str) -> None:
        """Replaces the password of someone who has signed in and knows it, and ends their other
        sessions. Raises `NoPassword`, `InvalidCredentials`, `TooManyTries`, `PasswordRejected`,
        `PasswordsBusy`, `StorageUnavailable`, `DataKeyUnavailable`, `DataUnreadable`; nothing is
        written then."""
        user_id = principal.subject
        credentials = self._base.accounts.of_user(user_id)
        if credentials is None:
            raise NoPassword
        self._verify(credentials, current)
        writes = self._replacing(credentials, password, self._base.clock.now())
        try:
            self._replace(user_id, writes, principal.session_id)
        except Cancelled:
            raise InvalidCredentials from None

    def _verify(self, credentials: Credentials, password: str) -> None:
        """Whoever holds a stolen session must not guess the password with it."""
        name = f"change\n{credentials.user_id}"
        self._base.throttle.admit(name, FROM_ONE_NETWORK)
        if not self._base.hashes.verify(password, self._base.accounts.open_hash(credentials)).fits:
            raise InvalidCredentials
        self._base.throttle.forget(name)

    def _replacing(self, credentials: Credentials, password: str, now: int) -> list[Write]:
        """The new password, and a mail to every address that the user has verified, whichever of
        them they have signed in with: whoever has taken over one sign-in does not read them all.
        Raises `PasswordRejected`."""
        user_id, revision = credentials.user_id, credentials.revision
        addresses = self._addresses(user_id)
        self._base.policy.check(password, addresses)
        sealed = self._base.accounts.seal_hash(credentials.digest, self._base.hashes.hash(password))
        mails = [
            Mail(
                f"password-{revision + 1}-{number}",
                user_id,
                address,
                MailTemplate.PASSWORD_CHANGED,
                {"changed_at": iso(now)},
            )
            for number, address in enumerate(addresses, 1)
        ]
        return [
            store.password_write(credentials.digest, revision, sealed, now),
            *(self._mailed(mail, now) for mail in mails),
        ]

    def _addresses(self, user_id: str) -> list[str]:
        """None for someone whose account is being erased."""
        try:
            return verified_addresses(self._base.identities.all(user_id))
        except UserNotFound:
            return []

    def _replace(self, user_id: str, writes: Sequence[Write], keep: str | None) -> None:
        """Sessions end before the password is replaced, so that a crash leaves none that is older,
        and afterwards, for those that the old password has opened meanwhile."""
        self._end_sessions(user_id, keep)
        self._base.table.transact(writes)
        self._end_sessions(user_id, keep)
