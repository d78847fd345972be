"""Bringing in the accounts of an earlier system, with the hashes of their passwords.

In a file of its own because no request does this, and nothing else makes users without their doing
anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.core.ids import Ids
from service.core.principal import Principal, SignInMethod
from service.ledger.operations import ConditionalWrite
from service.passwords import store
from service.passwords.base import Also, Base
from service.passwords.entities import PASSWORD_ISSUER
from service.passwords.import_lines import EarlierAccount
from service.users.entities import EmailAlreadyUsed


class ImportOutcome(StrEnum):
    """What has become of a line."""

    IMPORTED = "imported"
    ALREADY_THERE = "alreadyThere"
    MAILBOX_TAKEN = "mailboxTaken"
    NOT_VERIFIED = "notVerified"


@dataclass(frozen=True)
class Imported:
    """`user_id` is None where the mailbox belongs to someone whom this account is not."""

    outcome: ImportOutcome
    user_id: str | None = None


class AccountImport:
    """Makes users of earlier accounts."""

    def __init__(self, base: Base, ids: Ids) -> None:
        self._base = base
        self._ids = ids

    def add(self, account: EarlierAccount) -> Imported:
        """Makes the account's owner a user with that password, and claims the mailbox, in one
        transaction; again without effect. Nothing is mailed. Whoever was welcomed in the earlier
        system is taken as welcomed; the others get the welcome credits with their first device.

        Nothing is made of an account whose address is not verified, for an address is claimed only
        by whoever owns it, nor over a mailbox that is claimed already: by someone who signs in in
        another way, or who has erased their account.

        Raises `SystemLimitReached`, `StorageUnavailable`, `DataKeyUnavailable`, and what
        `Users.sign_up` raises besides; nothing is written then, but after `OutcomeUnknown` perhaps
        all of it."""
        if not account.is_verified:
            return Imported(ImportOutcome.NOT_VERIFIED)
        found = self._base.accounts.find(account.address.text)
        if found is not None:
            return Imported(ImportOutcome.ALREADY_THERE, found.user_id)
        now = self._base.clock.now()
        user_id = self._ids.new("usr", now)
        principal = Principal(
            PASSWORD_ISSUER,
            user_id,
            account.address.text,
            email_verified=True,
            method=SignInMethod.SESSION,
            issued_at=now,
        )
        also = self._credentials(account, user_id)
        try:
            self._base.users.sign_up(principal, None, also=also, had_welcome=account.welcomed)
        except EmailAlreadyUsed:
            return Imported(ImportOutcome.MAILBOX_TAKEN)
        return Imported(ImportOutcome.IMPORTED, user_id)

    def _credentials(self, account: EarlierAccount, user_id: str) -> Also:
        accounts, text = self._base.accounts, account.address.text
        digest, address = accounts.digests(text).newest, accounts.address_digest(text)
        sealed = accounts.seal_hash(digest, account.password_hash)

        def also(now: int) -> Sequence[ConditionalWrite]:
            writes = store.new_credentials_writes(digest, user_id, address, sealed, now)
            return [ConditionalWrite(write, EmailAlreadyUsed()) for write in writes]

        return also
