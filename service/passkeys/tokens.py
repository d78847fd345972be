"""What is sent to a browser and comes back, under a MAC of ours: challenges, and proofs of a second
factor. Both are bound to one operator and one sign-in, and neither is stored."""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.core.principal import Operator
from service.core.seals import holds, seal
from service.passkeys.entities import (
    CHALLENGE_SECONDS,
    PROOF_SECONDS,
    PasskeyFault,
    PasskeyRefused,
    Proof,
    SecondFactorFault,
    SecondFactorRequired,
)

MAX_TOKEN = 200
_NONCE_BYTES = 16
_FORM = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9]{13})\.([A-Za-z0-9_-]{22})")


class Purpose(StrEnum):
    """What a challenge is for."""

    ENROL = "enrol"
    PROVE = "prove"


@dataclass(frozen=True)
class _Parts:
    name: str
    expires_at: int
    mac: str


class Tokens:
    """Seals with the first key and accepts all of them, so that keys can be replaced one after the
    other."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [hmac.digest(key.encode(), b"passkeys", "sha256") for key in keys]

    def challenge(self, purpose: Purpose, operator: Operator, now: int) -> str:
        """A new challenge of at least 128 random bits, good for five minutes."""
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        return self._sealed(_challenge(purpose, operator), nonce, now + CHALLENGE_SECONDS * 1000)

    def check_challenge(self, text: str, purpose: Purpose, operator: Operator, now: int) -> int:
        """Returns when a challenge of exactly this purpose, operator and sign-in ends. Raises
        `PasskeyRefused`."""
        parts = self._opened(_challenge(purpose, operator), text)
        if parts is None or now >= parts.expires_at:
            raise PasskeyRefused(PasskeyFault.CHALLENGE)
        return parts.expires_at

    def proof(self, operator: Operator, passkey_id: str, now: int) -> Proof:
        """That this operator has used that passkey now."""
        ends = now + PROOF_SECONDS * 1000
        return Proof(self._sealed(_proof(operator), passkey_id, ends), ends)

    def proved_by(self, text: str, operator: Operator, now: int) -> str:
        """The id of the passkey that this operator has used, in this sign-in. Raises
        `SecondFactorRequired`."""
        parts = self._opened(_proof(operator), text)
        if parts is None:
            raise SecondFactorRequired(SecondFactorFault.INVALID)
        if now >= parts.expires_at:
            raise SecondFactorRequired(SecondFactorFault.EXPIRED)
        return parts.name

    def _sealed(self, facts: list[object], name: str, expires_at: int) -> str:
        mac = seal([*facts, name, expires_at], self._keys[0])
        return f"{name}.{expires_at:013d}.{mac}"

    def _opened(self, facts: list[object], text: str) -> _Parts | None:
        found = _FORM.fullmatch(text) if len(text) <= MAX_TOKEN else None
        if found is None:
            return None
        parts = _Parts(found[1], int(found[2]), found[3])
        sealed = [*facts, parts.name, parts.expires_at]
        is_ours = any(holds(parts.mac, sealed, key) for key in self._keys)
        return parts if is_ours else None


def _challenge(purpose: Purpose, operator: Operator) -> list[object]:
    return ["passkey challenge", purpose.value, operator.operator_id, operator.authenticated_at]


def _proof(operator: Operator) -> list[object]:
    return ["second factor", operator.operator_id, operator.authenticated_at]
