"""Registering with an e-mail address and a password, and verifying the address.

A registration reserves nothing: any number of them may wait for one address, each with a link of
its own, and none keeps the owner of the address from signing in in another way. What is sealed in
it can be opened with the mailed token alone. Opening the link makes the user and their credentials
in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.core.ids import Ids
from service.core.mailboxes import Address
from service.core.principal import PASSWORD_PREFIX, Principal, SignInMethod
from service.ledger.operations import ConditionalWrite
from service.notifications.mail import Mail, MailTemplate, mail_write
from service.passwords import store
from service.passwords.base import Also, Base
from service.passwords.entities import (
    PASSWORD_ISSUER,
    LinkInvalid,
    Registration,
    RegistrationPasswordWrong,
)
from service.passwords.sealing import new_token
from service.users.entities import Digests, EmailAlreadyUsed, is_open

VERIFICATION_WORDS = "24 hours"


@dataclass(frozen=True)
class Verified:
    """Who has verified their address, and is a user now."""

    user_id: str
    address: str


class Passwords:
    """Registration and verification."""

    def __init__(self, base: Base, ids: Ids) -> None:
        self._base = base
        self._ids = ids

    def register(self, address: Address, password: str, fingerprint: str) -> None:
        """Mails a link that verifies the address, or, to someone who has an account already, that
        they do. Reads, hashes and writes the same in both cases, and takes as long.

        Raises `PasswordRejected`, `PasswordsBusy`, `StorageUnavailable`, `DataKeyUnavailable`."""
        self._base.policy.check(password, [address.text])
        began_at = self._base.pace.begin()
        now, token = self._base.clock.now(), new_token()
        device, password_hash = (
            self._base.users.digests(fingerprint),
            self._base.hashes.hash(password),
        )
        user_id, known = self._standing(address.text, self._ids.new("usr", now))
        registration = Registration(user_id, address.text, password_hash, device.all)
        mail = (
            self._exists_mail(known, address, now)
            if known
            else self._link_mail(user_id, address, token, now)
        )
        self._base.table.transact(
            [
                store.registration_put(self._base.sealing, token, registration, now),
                mail_write(self._base.mails.seal(mail), now),
            ]
        )
        self._base.pace.hold(began_at)

    def _standing(self, email: str, new_id: str) -> tuple[str, str | None]:
        """The id that the owner of the address will have, and who they are already (None: no one).
        Someone whose password account was erased returns under its id. Reads the same whoever it
        is."""
        credentials, claimed_by = (
            self._base.accounts.find(email),
            self._base.users.mailbox_owner(email),
        )
        owner = credentials.user_id if credentials else claimed_by
        wallet = self._base.wallets.balance(owner or new_id).wallet
        if owner is None:
            return new_id, None
        if owner.startswith(PASSWORD_PREFIX) and not is_open(wallet):
            return owner, None
        return new_id, owner

    def _exists_mail(self, user_id: str, address: Address, now: int) -> Mail:
        """The token of its registration is mailed to no one: it opens nothing."""
        mail_id = self._ids.new("exists", now)
        return Mail(mail_id, user_id, address.text, MailTemplate.ACCOUNT_EXISTS)

    def _link_mail(self, user_id: str, address: Address, token: str, now: int) -> Mail:
        return Mail(
            self._ids.new("verify", now),
            user_id,
            address.text,
            MailTemplate.VERIFY_EMAIL,
            {"token": token, "valid_for": VERIFICATION_WORDS},
            store.verification_end(now),
        )

    def verify_email(self, token: str, password: str) -> Verified:
        """Makes whoever registered a user, with their credentials, in one transaction: no crash
        leaves half of it. Until that is done the link stays valid. The link shows who owns the
        address and the password who registered it: without both, someone could have the owner of
        an address confirm an account that others know the password of.

        Raises `LinkInvalid`, `RegistrationPasswordWrong`, `PasswordsBusy`, `EmailAlreadyUsed`, and
        what `Users.sign_up` raises; nothing is written then."""
        registration = self._registration(token)
        if not self._base.hashes.verify(password, registration.password_hash).fits:
            raise RegistrationPasswordWrong
        principal = Principal(
            PASSWORD_ISSUER,
            registration.user_id,
            registration.address,
            email_verified=True,
            method=SignInMethod.SESSION,
            issued_at=self._base.clock.now(),
        )
        found = self._base.accounts.find(registration.address)
        if found is not None:
            raise LinkInvalid if found.user_id == registration.user_id else EmailAlreadyUsed
        also = self._also(token, registration)
        self._base.users.sign_up(principal, Digests(registration.device), also=also)
        return Verified(registration.user_id, registration.address)

    def _registration(self, token: str) -> Registration:
        item = self._base.table.get(store.registration_key(self._base.sealing, token))
        found = store.registration_from(self._base.sealing, token, item, self._base.clock.now())
        if found is None:
            raise LinkInvalid
        return found

    def _also(self, token: str, registration: Registration) -> Also:
        """The link is used up and the credentials are made together with the user."""
        digest = self._base.accounts.digests(registration.address).newest
        sealed = self._base.accounts.seal_hash(digest, registration.password_hash)
        link = store.registration_key(self._base.sealing, token)
        address = self._base.accounts.address_digest(registration.address)

        def also(now: int) -> Sequence[ConditionalWrite]:
            credentials, owned = store.new_credentials_writes(
                digest, registration.user_id, address, sealed, now
            )
            return (
                ConditionalWrite(store.used_write(link, now), LinkInvalid()),
                ConditionalWrite(credentials, EmailAlreadyUsed()),
                ConditionalWrite(owned, EmailAlreadyUsed()),
            )

        return also
