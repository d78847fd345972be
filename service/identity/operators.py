"""Who is an operator: a configured identity or a member of a configured domain or group that has
signed in, or a machine that signs its requests. Everybody else is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from service.core.clock import Clock
from service.core.principal import (
    MAX_OPERATOR_ID,
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


@dataclass(frozen=True, kw_only=True)
class OperatorTerms:
    """Which people are operators: `subjects` (each `<issuer>|<subject>`), Google accounts of one of
    `google_domains`, members of one of `cognito_groups`. Empty ones admit no one."""

    subjects: frozenset[str] = frozenset()
    google_domains: frozenset[str] = frozenset()
    cognito_groups: frozenset[str] = frozenset()

    def admit(self, principal: Principal) -> bool:
        """Whether that person is one. A session outlives the sign-in that opened it, and a page may
        hold its token; a server key is no person."""
        if principal.method in (SignInMethod.SESSION, SignInMethod.SERVER_KEY):
            return False
        return (
            qualified(principal.issuer, principal.subject) in self.subjects
            or self._is_of_domain(principal)
            or self._is_of_group(principal)
        )

    def _is_of_domain(self, principal: Principal) -> bool:
        is_verified = principal.method is SignInMethod.GOOGLE and principal.email_verified
        return is_verified and principal.hosted_domain in self.google_domains

    def _is_of_group(self, principal: Principal) -> bool:
        is_of_pool = principal.method is SignInMethod.COGNITO
        return is_of_pool and not self.cognito_groups.isdisjoint(principal.groups)


def operator_id_of(principal: Principal) -> str:
    """`<issuer>|<subject>`, as in `ADMIN_SUBJECTS`. The issuer of a user pool may be too long for
    that, and there is one pool: its members are then `cognito|<subject>`."""
    full = qualified(principal.issuer, principal.subject)
    is_long = len(full) > MAX_OPERATOR_ID
    return qualified(principal.method.value, principal.subject) if is_long else full


class Operators:
    """Admits operators."""

    def __init__(
        self,
        terms: OperatorTerms,
        keys: Keys,
        table: Table,
        clock: Clock,
        fresh_sign_ins: FreshSignIns,
    ) -> None:
        self._terms = terms
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
        operator_id = operator_id_of(principal)
        if not self._terms.admit(principal) or len(operator_id) > MAX_OPERATOR_ID:
            raise OperatorRequired
        if fresh:
            self._fresh_sign_ins.check(principal.authenticated_at)
        return Operator(operator_id, OperatorMethod.SIGN_IN, principal.authenticated_at)
