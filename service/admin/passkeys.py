"""Operators' passkeys and enrolment codes, each change in one transaction with its record in the
log of the house.

In a file of its own because it decides who may act at all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.admin.entities import Action
from service.admin.operations import Actions, Performed
from service.core.clock import iso
from service.ledger.operations import ConditionalWrite, Snapshot
from service.passkeys.entities import Passkey, Passkeys
from service.passkeys.operations import Enrolment, OperatorPasskeys, PasskeyChange, passkey_keys

PASSKEY_ID = "passkeyId"
OPERATOR_ID = "operatorId"
EXPIRES_AT = "expiresAt"

Changes = Callable[[Passkeys], Sequence[PasskeyChange]]


@dataclass(frozen=True)
class CodeMade:
    """The action, and the code: the same again for a repeated request."""

    performed: Performed
    code: str
    expires_at: str


@dataclass(frozen=True)
class PasskeyPerformed:
    """The action, and the passkey as it is now (None: it has been removed)."""

    performed: Performed
    passkey: Passkey | None


class PasskeyActions:
    """Every method raises what `Actions.perform` raises, and `PasskeysDamaged`."""

    def __init__(self, actions: Actions, passkeys: OperatorPasskeys) -> None:
        self._actions = actions
        self._passkeys = passkeys

    def make_code(self, action: Action, operator_id: str) -> CodeMade:
        """A code with which that operator may enrol one passkey."""
        code = self._passkeys.code_of(action.digest)
        terms = self._passkeys.new_code(code, operator_id, action.operator.operator_id)
        changes = _conditional(self._passkeys.code_changes(terms))
        outcome = {EXPIRES_AT: iso(terms.expires_at)}
        performed = self._actions.perform(action, lambda _: changes, outcome=outcome)
        return CodeMade(performed, code, performed.record.details[EXPIRES_AT])

    def enrol(self, action: Action, enrolment: Enrolment) -> PasskeyPerformed:
        """Raises what `OperatorPasskeys.enrolment_changes` raises."""
        related = enrolment.related

        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            items = {key: snapshot.item(key) for key in related}
            return _conditional(self._passkeys.enrolment_changes(enrolment, items))

        outcome = {PASSKEY_ID: enrolment.passkey_id}
        performed = self._actions.perform(action, change, related=related, outcome=outcome)
        passkey_id = performed.record.details[PASSKEY_ID]
        return self._performed(performed, enrolment.operator.operator_id, passkey_id)

    def rename(
        self, action: Action, operator_id: str, passkey_id: str, name: str
    ) -> PasskeyPerformed:
        """Raises `PasskeyNotFound`."""
        performed = self._change(
            action,
            operator_id,
            lambda before: self._passkeys.renaming_changes(before, passkey_id, name),
        )
        return self._performed(performed, operator_id, passkey_id)

    def remove(self, action: Action, operator_id: str, passkey_id: str) -> Performed:
        """Every proof made with it ends. Raises `PasskeyNotFound`, `LastPasskey`."""
        return self._change(
            action,
            operator_id,
            lambda before: self._passkeys.removal_changes(before, passkey_id, action.operator),
        )

    def _change(self, action: Action, operator_id: str, changes: Changes) -> Performed:
        related = passkey_keys(operator_id)

        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            before = self._passkeys.in_item(snapshot.item(related[0]), operator_id)
            return _conditional(changes(before))

        return self._actions.perform(action, change, related=related)

    def _performed(
        self, performed: Performed, operator_id: str, passkey_id: str
    ) -> PasskeyPerformed:
        now = self._passkeys.of(operator_id)
        passkey = now.get(passkey_id) if now.has(passkey_id) else None
        return PasskeyPerformed(performed, passkey)


def _conditional(changes: Sequence[PasskeyChange]) -> tuple[ConditionalWrite, ...]:
    return tuple(ConditionalWrite(each.write, each.refusal) for each in changes)
