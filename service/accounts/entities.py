"""An account as its owner sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.core.errors import Unauthenticated
from service.core.principal import Principal
from service.ledger.entities import Balance
from service.users.entities import LinkedIdentity, verified_email


class HookSignatureRejected(Unauthenticated):
    """Also where this service has no hook: no one outside finds out which."""

    code = "HOOK_SIGNATURE_REJECTED"
    summary = "The event is not signed with the hook's secret, or its signature is too old."
    advice = "Compare the secret and the clock of the forwarding function."


@dataclass(frozen=True)
class Account:
    """`balance` and `identities` are empty for someone who has no account yet."""

    principal: Principal
    balance: Balance
    identities: Sequence[LinkedIdentity] = field(default=())

    @property
    def email(self) -> str | None:
        """The address that the account was opened with, else that of the present token."""
        return (self.identities[0].email if self.identities else None) or self.principal.email

    @property
    def email_verified(self) -> bool:
        return self.email is not None and (
            self.email == verified_email(self.principal) or self.owns_mailbox
        )

    @property
    def owns_mailbox(self) -> bool:
        return bool(self.identities) and self.identities[0].email_verified
