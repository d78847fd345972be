"""Server keys of back ends without a table."""

from collections.abc import Collection

from service.core.principal import Principal, SignInMethod
from service.core.scopes import KeyScope
from service.identity.entities import Rejection, ServerKeyRevoked, TokenRejected


class BackEnds:
    """A `ServerKeyGate`. Takes `sk_<id>`, of an id that is not `revoked`, with those `scopes`."""

    def __init__(
        self,
        scopes: Collection[KeyScope] = (KeyScope.SESSIONS,),
        revoked: Collection[str] = ("revoked",),
    ) -> None:
        self.scopes = frozenset(scopes)
        self.revoked = set(revoked)

    def verify(self, text: str) -> Principal:
        key_id = text.removeprefix("sk_")
        if key_id in self.revoked:
            raise TokenRejected(Rejection.SERVER_KEY)
        return Principal(
            "farebox:server-key", key_id, method=SignInMethod.SERVER_KEY, scopes=self.scopes
        )

    def check(self, key_id: str) -> None:
        if key_id in self.revoked:
            raise ServerKeyRevoked
