"""Whether a live session may go on for whoever began it.

In a file of its own because every other request is shorter than the token that it came with: an
open socket outlives it by hours."""

from service.core.account_gate import AccountGate
from service.core.principal import Principal, SignInMethod
from service.core.server_key_gate import ServerKeyGate
from service.ledger.entities import AccessTokenRevoked
from service.sessions.operations import Sessions


class Callers:
    """Refuses the callers whose session has ended since they received their ticket."""

    def __init__(
        self, accounts: AccountGate, server_keys: ServerKeyGate, sessions: Sessions
    ) -> None:
        self._accounts = accounts
        self._server_keys = server_keys
        self._sessions = sessions

    def check(self, caller: Principal) -> None:
        """A minted session ends with the key that minted it, and when any session of its user is
        ended; a user's own by itself alone: whoever signs out on a phone goes on dictating on
        a desk. Raises the refusal, or `StorageUnavailable`."""
        if caller.minted is not None:
            self._server_keys.check(caller.minted.key_id)
            self._accounts.check(caller)
        elif caller.method is SignInMethod.SESSION and not self._is_live(caller):
            raise AccessTokenRevoked

    def _is_live(self, caller: Principal) -> bool:
        session_id = caller.session_id
        return session_id is None or self._sessions.is_live(caller.subject, session_id)
