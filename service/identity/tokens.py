"""Bearer tokens of every issuer: each goes to its issuer's verifier, and what was verified is
remembered."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from service.core.clock import Clock
from service.core.principal import Principal
from service.identity.claims import LEEWAY_SECONDS
from service.identity.entities import Rejection, TokenRejected
from service.identity.token_format import check_form, claimed_issuer

MAX_REMEMBERED = 10_000


@dataclass(frozen=True)
class VerifiedToken:
    """Whom a token is for, and from when on it is refused, in epoch seconds."""

    principal: Principal
    refused_from: float


def verified(principal: Principal, claims: Mapping[str, Any]) -> VerifiedToken:
    """`check_times` has accepted these claims."""
    return VerifiedToken(principal, claims["exp"] + LEEWAY_SECONDS)


class Verifier(Protocol):
    """Verifies the tokens of one issuer."""

    def verify(self, token: str, now_seconds: float) -> VerifiedToken:
        """The token has the form of one (`check_form`) and claims to be of this issuer, which is
        all that is known of it. Raises `TokenRejected`, `EmailNotVerified` or
        `IdentityUnavailable`."""
        ...


class BearerTokens:
    """Verifies bearer tokens. `verifiers` are by the `iss` of the tokens that each verifies.

    A verified token is remembered by its SHA-256 until it ends; the latest 10,000 are. Safe from
    any thread."""

    def __init__(self, verifiers: Mapping[str, Verifier], clock: Clock) -> None:
        self._verifiers = dict(verifiers)
        self._clock = clock
        self._remembered = _Remembered()

    def verify(self, token: str) -> Principal:
        """Whom the token is for. Raises `TokenRejected`, `EmailNotVerified` or
        `IdentityUnavailable`."""
        check_form(token)
        digest = hashlib.sha256(token.encode()).digest()
        now_seconds = self._clock.now() / 1000
        remembered = self._remembered.get(digest, now_seconds)
        if remembered is not None:
            return remembered.principal
        verifier = self._verifiers.get(claimed_issuer(token))
        if verifier is None:
            raise TokenRejected(Rejection.ISSUER)
        found = verifier.verify(token, now_seconds)
        self._remembered.put(digest, found)
        return found.principal


class _Remembered:
    """Verified tokens; the least recently used are evicted first."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    def get(self, digest: bytes, now_seconds: float) -> VerifiedToken | None:
        with self._guard:
            found = self._known.get(digest)
            if found is None:
                return None
            if now_seconds >= found.refused_from:
                del self._known[digest]
                return None
            self._known.move_to_end(digest)
            return found

    def put(self, digest: bytes, found: VerifiedToken) -> None:
        with self._guard:
            self._known[digest] = found
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
