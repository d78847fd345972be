"""A second factor that one text proves, and remembers whom it was required of."""

from service.core.principal import Operator
from service.passkeys.entities import SecondFactorFault, SecondFactorRequired


class ProvedBy:
    def __init__(self, proof: str = "proof") -> None:
        self.proof = proof
        self.checked: list[Operator] = []

    def check(self, operator: Operator, proof: str | None) -> None:
        self.checked.append(operator)
        if proof != self.proof:
            raise SecondFactorRequired(SecondFactorFault.MISSING)
