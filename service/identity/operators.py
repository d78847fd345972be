"""Who is an operator: a configured identity that has signed in, or a machine that signs its
requests. Everybody else is refused."""

from collections.abc import Callable, Collection
from typing import Protocol

from service.core.clock import Clock
from service.core.principal import (
    Operator,
    OperatorMethod,
    Principal,
    SignInMethod,
    qualified,
)
from service.identity import store
from service.identity.entities import (
    OperatorRequired,
    SignatureFault,
    SignatureRejected,
)
from service.identity.freshness import FreshSignIns
from service.identity.operator_keys import OperatorKey
from service.identity.signatures import SignedRequest, read_parameters, verify
from service.storage.table import ConditionFailed, Table


class Keys(Protocol):
    """Finds keys, as `OperatorKeys` does."""

    def find(self, key_id: str) -> OperatorKey | None: ...


class Operators:
    """Admits operators. `subjects` are the identities that may act as one, each
    `<issuer>|<subject>`."""

    def __init__(
        self,
        subjects: Collection[str],
        keys: Keys,
        table: Table,
        clock: Clock,
        fresh_sign_ins: FreshSignIns,
    ) -> None:
        self._subjects = frozenset(subjects)
        self._keys = keys
        self._table = table
        self._clock = clock
        self._fresh_sign_ins = fresh_sign_ins

    def admit_signed(self, request: SignedRequest) -> Operator:
        """The operator whose key signed the request, which is accepted once. Raises
        `SignatureRejected`, `SecretUnavailable`, `StorageUnavailable`, and what reading the body
        raises."""
        parameters = read_parameters(request, self._clock.now() / 1000)
        key = self._keys.find(parameters.key_id)
        verify(request, parameters.key_id, key)
        assert key is not None
        try:
            self._table.write(
                store.nonce_write(parameters.key_id, parameters.nonce, parameters.expires)
            )
        except ConditionFailed:
            raise SignatureRejected(SignatureFault.REPLAYED) from None
        return Operator(key.operator_id, OperatorMethod.SIGNATURE, parameters.created * 1000)

    def admit_signed_in(self, sign_in: Callable[[], Principal], *, fresh: bool) -> Operator:
        """The operator who has signed in; with `fresh`, provably not long ago. Raises
        `OperatorRequired`, `SignInTooOld`, and what `sign_in` raises."""
        principal = sign_in()
        operator_id = qualified(principal.issuer, principal.subject)
        # A session outlives the sign-in that opened it, and a page may hold its token.
        if operator_id not in self._subjects or principal.method is SignInMethod.SESSION:
            raise OperatorRequired
        if fresh:
            self._fresh_sign_ins.check(principal.authenticated_at)
        return Operator(operator_id, OperatorMethod.SIGN_IN, principal.authenticated_at)
