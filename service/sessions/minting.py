"""Sessions that a back end mints for its users: an access token alone, for 15 minutes, bound to
origins, scopes and a ceiling.

In a file of its own because nothing of it is refreshed, listed or ended by the user."""

from dataclasses import dataclass, field

from service.core.amounts import Amount
from service.core.clock import Clock
from service.core.ids import Ids
from service.core.placeholders import is_placeholder
from service.core.principal import EXTERNAL_PREFIX, Principal, SignInMethod
from service.core.scopes import KeyScope, Minted, SessionScope
from service.identity.access_tokens import (
    LIFE_SECONDS,
    TOKEN_ID_PREFIX,
    AccessClaims,
    AccessTokens,
)
from service.identity.entities import ScopeMissing
from service.ledger.entities import (
    AccountClosing,
    UserNotFound,
    WalletStatus,
    check_enabled,
)
from service.ledger.operations import Ledger
from service.sessions import ceilings
from service.sessions.ceilings import MINTED_ID_PREFIX, Ceiling
from service.sessions.entities import (
    EXTERNAL_ID,
    MAX_EXTERNAL_ID,
    SECOND_MILLISECONDS,
    ExternalUserRequired,
)
from service.storage.table import Table
from service.users.entities import is_open

ISSUER = "farebox:back-end"
"""Who vouches for the users of minted sessions."""


@dataclass(frozen=True)
class WantedSession:
    """What a back end wants: a session of the user with that id, or of its own user with that
    `external_id`, one of the two. `ceiling` is None for no ceiling."""

    user_id: str | None
    external_id: str | None
    email: str | None = field(repr=False)
    email_verified: bool
    origins: frozenset[str]
    scopes: frozenset[SessionScope]
    ceiling: Amount | None


@dataclass(frozen=True)
class MintedSession:
    """A session that was minted. `registered` says whether its user has an account."""

    access_token: str = field(repr=False)
    session_id: str
    user_id: str
    registered: bool
    wanted: WantedSession
    expires_in_seconds: int = LIFE_SECONDS


class Minting:
    """Mints sessions. Every method raises `StorageUnavailable`."""

    def __init__(
        self,
        table: Table,
        access_tokens: AccessTokens,
        ledger: Ledger,
        clock: Clock,
        ids: Ids,
        mac_key: bytes,
    ) -> None:
        self._table = table
        self._access_tokens = access_tokens
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._mac_key = mac_key

    def mint(self, back_end: Principal, wanted: WantedSession) -> MintedSession:
        """A session of that user, minted by the server key that `back_end` is. The back end's own
        users get their account by their first paid request, like all others.

        Raises, and writes nothing: `ScopeMissing` for what the key may not do, `UserNotFound` for a
        user id without an account, `AccountDisabled`, `AccountClosing` while the account is being
        erased."""
        _check_scopes(back_end, wanted)
        user_id = wanted.user_id or f"{EXTERNAL_PREFIX}{wanted.external_id}"
        # Before the wallet is read: a token is refused that is no younger than an end it missed.
        now = self._clock.now()
        wallet = self._ledger.balance(user_id).wallet
        check_enabled(disabled=wallet is not None and wallet.disabled)
        if wallet is not None and wallet.status is WalletStatus.CLOSING:
            raise AccountClosing
        registered = is_open(wallet)
        if wanted.user_id is not None and not registered:
            raise UserNotFound
        session_id = self._ids.new(MINTED_ID_PREFIX, now)
        if wanted.ceiling is not None:
            # Before the token is made: a token whose ceiling is not there is worth nothing.
            ceiling = self._ceiling(user_id, session_id, back_end, wanted.ceiling, now)
            self._table.write(ceilings.new_write(ceiling))
        claims = _claims(user_id, session_id, back_end.subject, wanted)
        token = self._access_tokens.issue(claims, self._ids.new(TOKEN_ID_PREFIX, now), now)
        return MintedSession(token, session_id, user_id, registered, wanted)

    def acting_for(self, back_end: Principal, external_id: str | None) -> Principal:
        """The back end's own user of that id, in whose name the server key that `back_end` is sends
        a request itself: as with a session that it minted for them, without an address and a
        ceiling. No id names a user who signed in here. Whoever reads the wallet checks the account.

        Raises `ExternalUserRequired`."""
        if external_id is None or not _is_external_id(external_id):
            raise ExternalUserRequired
        return Principal(
            ISSUER,
            f"{EXTERNAL_PREFIX}{external_id}",
            method=SignInMethod.SESSION,
            scopes=frozenset({SessionScope.CREATE_JOBS.value}),
            minted=Minted(back_end.subject, frozenset(), has_ceiling=False),
            issued_at=self._clock.now(),
        )

    def _ceiling(
        self, user_id: str, session_id: str, back_end: Principal, limit: Amount, now: int
    ) -> Ceiling:
        ends_at = now + LIFE_SECONDS * SECOND_MILLISECONDS
        ceiling = Ceiling(user_id, session_id, back_end.subject, limit, now, ends_at)
        return ceilings.sealed(ceiling, self._mac_key)


def _is_external_id(text: str) -> bool:
    is_short = len(text) <= MAX_EXTERNAL_ID
    return is_short and bool(EXTERNAL_ID.fullmatch(text)) and not is_placeholder(text)


def _check_scopes(back_end: Principal, wanted: WantedSession) -> None:
    needed = [
        *([KeyScope.EXISTING_USERS] if wanted.user_id is not None else []),
        *([KeyScope.VERIFIED_EMAILS] if wanted.email_verified else []),
    ]
    for scope in needed:
        if scope not in back_end.scopes:
            raise ScopeMissing(scope)


def _claims(user_id: str, session_id: str, key_id: str, wanted: WantedSession) -> AccessClaims:
    return AccessClaims(
        user_id=user_id,
        session_id=session_id,
        identity_issuer=ISSUER,
        email=wanted.email,
        email_verified=wanted.email_verified,
        scopes=frozenset(scope.value for scope in wanted.scopes),
        minted=Minted(key_id, wanted.origins, wanted.ceiling is not None),
    )
