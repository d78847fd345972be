"""An account as its owner sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.core.errors import Unauthenticated, Unavailable
from service.core.principal import Principal
from service.ledger.entities import Balance
from service.users.entities import LinkedIdentity, verified_email


class HookSignatureRejected(Unauthenticated):
    """Also where this service has no hook: no one outside finds out which."""

    code = "HOOK_SIGNATURE_REJECTED"
    summary = "The event is not signed with the hook's secret, or its signature is too old."
    advice = "Compare the secret and the clock of the forwarding function."


class HookTooSlow(Unavailable):
    """Cognito waits 5 seconds for its trigger, a sign-up included, and no user should."""

    code = "HOOK_TOO_SLOW"
    summary = (
        "The event could not be handled within 2 seconds. The user is made meanwhile, or by their "
        "first request."
    )
    retry_after = 5


@dataclass(frozen=True)
class Account:
    """`balance` and `identities` are empty for someone who has no account yet. `password_login_at`
    is the last sign-in with the password (epoch milliseconds), None for a user without one; `tier`
    the plan that the user subscribes to, `none` without one."""

    principal: Principal
    balance: Balance
    identities: Sequence[LinkedIdentity] = field(default=())
    password_login_at: int | None = None
    tier: str = "none"

    @property
    def last_login_at(self) -> int | None:
        """The latest sign-in that is known: of the present token, or with the password."""
        known = (self.principal.authenticated_at, self.password_login_at)
        return max((at for at in known if at is not None), default=None)

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
