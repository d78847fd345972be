"""Reading and changing one's own account."""

from collections.abc import Callable
from typing import Protocol

from service.accounts.entities import Account
from service.core.errors import Unauthenticated
from service.core.principal import PASSWORD_PREFIX, Principal
from service.entitlements.operations import Entitlements
from service.identity.freshness import FreshSignIns
from service.ledger.balances import Balances
from service.ledger.entities import UserNotFound, check_wallet
from service.sessions.entities import SessionEnd
from service.sessions.operations import Sessions
from service.storage.codec import Item
from service.storage.keys import Key
from service.users.entities import LinkedIdentity, OtherTokenRejected
from service.users.linking import Identities


class SignIn(Protocol):
    """Verifies tokens, as `Identity` does."""

    def sign_in(
        self, bearer: str | None, bare_google_id: Callable[[], str | None]
    ) -> Principal: ...


class PasswordLogins(Protocol):
    """When users last signed in with a password, as `PasswordAccounts` knows it."""

    def key_of(self, user_id: str) -> Key: ...

    def last_login_at(self, user_id: str, owned: Item | None) -> int | None: ...


class Accounts:
    """What a signed-in caller does with their account."""

    def __init__(
        self,
        balances: Balances,
        identities: Identities,
        sessions: Sessions,
        identity: SignIn,
        fresh_sign_ins: FreshSignIns,
        passwords: PasswordLogins,
        entitlements: Entitlements,
    ) -> None:
        self._entitlements = entitlements
        self._passwords = passwords
        self._balances = balances
        self._identities = identities
        self._sessions = sessions
        self._identity = identity
        self._fresh_sign_ins = fresh_sign_ins

    def get(self, principal: Principal) -> Account:
        """What it needs is read in one call, but for a password's login and linked identities.
        Raises `AccountClosed`, `StorageUnavailable`, `DataKeyUnavailable` and `DataUnreadable`."""
        try:
            return self._read(principal)
        except UserNotFound:
            # One call is not one moment: the wallet was there already, and the profile not yet.
            return self._read(principal)

    def _read(self, principal: Principal) -> Account:
        user_id = principal.subject
        password, tier = self._passwords.key_of(user_id), self._entitlements.key_of(user_id)
        has_password = user_id.startswith(PASSWORD_PREFIX)
        read = (*self._identities.keys_of(user_id), tier, *((password,) if has_password else ()))
        balance, items = self._balances.read(user_id, read)
        check_wallet(balance.wallet, principal)
        if balance.wallet is None or balance.wallet.is_leaving:
            return Account(principal, balance)
        return Account(
            principal,
            balance,
            self._identities.listed(user_id, items),
            self._passwords.last_login_at(user_id, items[password]) if has_password else None,
            self._entitlements.tier(user_id, items[tier]),
        )

    def identities(self, principal: Principal) -> list[LinkedIdentity]:
        """Raises what `Identities.all` raises."""
        return self._identities.all(principal.subject)

    def link(self, principal: Principal, token: str) -> list[LinkedIdentity]:
        """Links the identity of that token, whose holder must have signed in just now, as the
        principal must. Raises `OtherTokenRejected`, `IdentityUnavailable` and what
        `Identities.link` raises."""
        return self._identities.link(principal.subject, self._other(token))

    def _other(self, token: str) -> Principal:
        try:
            other = self._identity.sign_in(token, lambda: None)
            self._fresh_sign_ins.check(other.authenticated_at)
        except Unauthenticated as error:
            reason = error.details.get("reason", error.code.lower())
            raise OtherTokenRejected(str(reason)) from error
        return other

    def unlink(self, principal: Principal, identity_id: str) -> list[LinkedIdentity]:
        """Ends all sessions but the one of this request, too: the identity may have opened any of
        them. They end before, so that a crash leaves none, and afterwards, for those that it has
        opened meanwhile. Raises what `Identities.unlink` raises."""

        def end_sessions() -> None:
            self._sessions.end_all(principal.subject, SessionEnd.REVOKED, keep=principal.session_id)

        left = self._identities.unlink(principal.subject, identity_id, end_sessions)
        end_sessions()
        return left
