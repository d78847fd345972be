"""Whether an operator has proved a second factor, as the one enforcement hook checks it. In a file
of its own because it decides on other features' routes."""

from service.core.clock import Clock
from service.core.principal import Operator, OperatorMethod
from service.passkeys.entities import SecondFactorFault, SecondFactorRequired
from service.passkeys.operations import OperatorPasskeys
from service.passkeys.tokens import Tokens


class PasskeyProofs:
    """Accepts proofs of passkeys that are still enrolled. `required` is off only where a developer
    has said so."""

    def __init__(
        self, passkeys: OperatorPasskeys, tokens: Tokens, clock: Clock, *, required: bool
    ) -> None:
        self._passkeys = passkeys
        self._tokens = tokens
        self._clock = clock
        self._required = required

    def check(self, operator: Operator, proof: str | None) -> None:
        """A signed request is strong by itself: its key never leaves its owner's machine. Raises
        `SecondFactorRequired`, `PasskeysDamaged`, `StorageUnavailable`."""
        if not self._required or operator.method is OperatorMethod.SIGNATURE:
            return
        if not proof:
            raise SecondFactorRequired(SecondFactorFault.MISSING)
        passkey_id = self._tokens.proved_by(proof, operator, self._clock.now())
        if not self._passkeys.of(operator.operator_id).has(passkey_id):
            raise SecondFactorRequired(SecondFactorFault.REMOVED)
