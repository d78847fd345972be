"""What registration, sign-in and reset are made of.

In a file of its own because the three share it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from service.core.clock import Clock
from service.core.principal import Principal
from service.ledger.entities import Balance
from service.ledger.operations import ConditionalWrite, Snapshot
from service.notifications.mail import Mail, SealedMail
from service.passwords.accounts import PasswordAccounts
from service.passwords.hashing import Hashes
from service.passwords.pace import Pace
from service.passwords.policy import PasswordPolicy
from service.passwords.sealing import Sealing
from service.passwords.throttle import Throttle
from service.storage.keys import Key
from service.storage.table import Table
from service.users.entities import Digests, LinkedIdentity

# What else is written in the transaction that makes a user, at that time. Pure.
Also = Callable[[int], Sequence[ConditionalWrite]]


class SignUps(Protocol):
    """Makes users, as `Users` does."""

    def digests(self, fingerprint: str) -> Digests: ...

    def sign_up(
        self,
        principal: Principal,
        device: Digests | None,
        related: Sequence[Key] = (),
        *,
        also: Also = ...,
        had_welcome: bool = ...,
    ) -> Snapshot: ...

    def mailbox_owner(self, email: str) -> str | None: ...


class SignIns(Protocol):
    """Lists what a user signs in with, as `Identities` does."""

    def all(self, user_id: str) -> list[LinkedIdentity]: ...


class Wallets(Protocol):
    """Reads wallets, as `Ledger` does."""

    def balance(self, user_id: str) -> Balance: ...


class Mails(Protocol):
    """Seals mails, as `MailBox` does."""

    def seal(self, mail: Mail) -> SealedMail: ...


@dataclass(frozen=True, kw_only=True)
class Base:
    """The parts, and those of other features."""

    table: Table
    clock: Clock
    users: SignUps
    identities: SignIns
    wallets: Wallets
    mails: Mails
    accounts: PasswordAccounts
    hashes: Hashes
    policy: PasswordPolicy
    throttle: Throttle
    pace: Pace
    sealing: Sealing
