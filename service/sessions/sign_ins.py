"""From the token of a sign-in to a session, and from one to the next: what needs to know who the
user is besides."""

from dataclasses import replace

from service.core.clock import Clock
from service.core.principal import Principal, SignInMethod
from service.ledger.entities import (
    AccountClosing,
    Wallet,
    WalletStatus,
    check_account,
    check_enabled,
    check_wallet,
)
from service.ledger.operations import Ledger
from service.sessions.entities import (
    ProviderTokenRequired,
    Session,
    SessionEnd,
    SignedIn,
)
from service.sessions.operations import Sessions
from service.users.entities import is_open
from service.users.operations import Users

# Whoever proves a sign-in by a provider's token. Our own would make a session that never ends, and
# a bare GoogleID proves nothing.
PROVIDERS = frozenset({SignInMethod.GOOGLE, SignInMethod.COGNITO})


class SignIns:
    """Opens and refreshes the sessions of users, and of those who are none yet."""

    def __init__(self, sessions: Sessions, users: Users, ledger: Ledger, clock: Clock) -> None:
        self._sessions = sessions
        self._users = users
        self._ledger = ledger
        self._clock = clock

    def open(self, principal: Principal, fingerprint: str | None, device: str) -> SignedIn:
        """A session for whoever signed in with a provider's token. Someone without an account is
        signed up if the device has a fingerprint; a linked identity opens a session of the user
        that it is linked to. Raises `ProviderTokenRequired`, and what `Users.sign_up` and
        `Sessions.open` raise, `AccountClosed` for a token that is older than the closing of the
        account, and `AccountClosing` while it is being erased."""
        if principal.method not in PROVIDERS:
            raise ProviderTokenRequired
        user_id = self._users.resolve(principal)
        user, wallet = replace(principal, subject=user_id), self._wallet(user_id)
        check_wallet(wallet, user)
        if wallet is not None and wallet.status is WalletStatus.CLOSING:
            # The sessions have been erased: a new one would be left over.
            raise AccountClosing
        registered = is_open(wallet)
        if not registered and fingerprint is not None:
            self._users.sign_up(user, self._users.digests(fingerprint))
            registered = True
        session = self._sessions.open(user_id, principal, device, self._clock.now())
        if user_id != principal.subject and self._users.resolve(principal) != user_id:
            # Unlinked meanwhile, which has ended all sessions but this one.
            self._sessions.end(user_id, session.session_id, SessionEnd.REVOKED)
            return self.open(principal, fingerprint, device)
        return SignedIn(session, user_id, principal.email, registered)

    def refresh(self, token: str) -> SignedIn:
        """The same session with new tokens. Raises what `Sessions.refresh` raises, and
        `AccountClosed` for a session that is older than the closing of its account, and
        `AccountDisabled`."""
        # Before the token is replaced: an outage of the wallet must not cost a session.
        wallet = self._wallet(self._sessions.user_of(token))
        check_enabled(disabled=wallet is not None and wallet.disabled)
        refreshed, session, email = self._sessions.refresh(token)
        if wallet is not None:
            check_account(wallet.status, wallet.updated_at, _opener(session))
        return SignedIn(refreshed, session.user_id, email, is_open(wallet))

    def end_all(self, principal: Principal) -> int:
        """Ends every session of the user whom the caller signs in as. Returns how many those were.
        Raises `WalletBusy` and `StorageUnavailable`."""
        is_sign_in = principal.method in PROVIDERS
        user_id = self._users.resolve(principal) if is_sign_in else principal.subject
        return self._sessions.end_all(user_id, SessionEnd.LOGOUT)

    def _wallet(self, user_id: str) -> Wallet | None:
        return self._ledger.read_snapshot(user_id).wallet


def _opener(session: Session) -> Principal:
    """Whom a token of the session is for that was issued when it was opened."""
    return Principal(
        session.issuer,
        session.user_id,
        method=SignInMethod.SESSION,
        session_id=session.session_id,
        issued_at=session.created_at,
    )
