"""What follows a confirmed sign-up in a Cognito user pool: the user is made.

In a file of its own because the user pool calls it, and no user."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from service.accounts.entities import HookSignatureRejected, HookTooSlow
from service.accounts.hook_signatures import signed_seconds
from service.core.clock import Clock
from service.core.deadlines import DeadlineExceeded, Deadlines
from service.core.principal import Principal, SignInMethod
from service.users.entities import may_be_welcomed
from service.users.operations import Users

log = structlog.get_logger()

Result = TypeVar("Result")

SECRET_SECONDS = 60.0
# Of the 2 seconds within which a response is due; the rest is for the way and for gunicorn.
DEADLINE_SECONDS = 1.7
MAX_RUNNING = 8
CONFIRMED = "PostConfirmation_ConfirmSignUp"
PASSWORD_RESET = "PostConfirmation_ConfirmForgotPassword"


@dataclass(frozen=True)
class Confirmation:
    """An event of the user pool's trigger (Amazon Cognito Developer Guide, "Post confirmation
    Lambda trigger"). `email_verified` is Cognito's text, `true` or `false`."""

    trigger: str
    user_pool_id: str
    subject: str
    email: str | None = field(repr=False)
    email_verified: str = "false"


class PostConfirmation:
    """Makes the users that a user pool confirms. `read_secret` returns the key of the hook's
    signature, empty where there is no hook."""

    def __init__(
        self,
        users: Users,
        clock: Clock,
        issuer: str,
        user_pool_id: str,
        read_secret: Callable[[], str],
    ) -> None:
        self._users = users
        self._clock = clock
        self._issuer = issuer
        self._user_pool_id = user_pool_id
        self._read_secret = read_secret
        self._deadlines = Deadlines(MAX_RUNNING)
        self._deadline_seconds = DEADLINE_SECONDS
        self._refreshing = threading.Lock()
        self._secret = ""
        self._good_until = 0.0

    def deadline(self) -> float:
        """When a response to an event that has come now is due, in seconds of the clock."""
        return self._clock.monotonic() + self._deadline_seconds

    def check_in_time(self, header: str, body: bytes, until: float) -> int:
        """As `check`. Raises `HookTooSlow` as well."""
        return self._in_time(lambda: self.check(header, body), until)

    def handle_in_time(self, confirmation: Confirmation, signed_at: int, until: float) -> bool:
        """As `handle`, which goes on where this raises `HookTooSlow`."""
        return self._in_time(lambda: self.handle(confirmation, signed_at), until)

    def _in_time(self, work: Callable[[], Result], until: float) -> Result:
        try:
            return self._deadlines.run(work, until - self._clock.monotonic())
        except DeadlineExceeded:
            raise HookTooSlow from None

    def check(self, header: str, body: bytes) -> int:
        """Returns when the event was signed, in epoch milliseconds. Raises `HookSignatureRejected`,
        and `SecretUnavailable`."""
        now_seconds = self._clock.now() / 1000
        signed_at = signed_seconds(header, body, self._current_secret(), now_seconds)
        if signed_at is None:
            raise HookSignatureRejected
        return signed_at * 1000

    def _current_secret(self) -> str:
        """Read once a minute: whoever calls is not known yet, and a new secret needs no restart.
        While one caller reads it again the others go on with the known one, so that a slow read
        takes one place, and strangers cannot take the rest."""
        known = self._secret
        if self._clock.monotonic() < self._good_until:
            return known
        if known and not self._refreshing.acquire(blocking=False):
            return known
        try:
            self._secret = self._read_secret()
            self._good_until = self._clock.monotonic() + SECRET_SECONDS
            return self._secret
        finally:
            if known:
                self._refreshing.release()

    def handle(self, confirmation: Confirmation, signed_at: int) -> bool:
        """Makes the user unless there is one; whether it did anything. Welcome credits wait for
        the first request from a device: the event names none. So only someone with a verified
        address of a mailbox of their own, which they claim, is made a user here: others take a
        place with their first request, on a device. Nothing follows a password that was reset, nor
        an event of another pool, nor one that is repeated after its user was erased. Raises what
        `Users.sign_up` raises."""
        if confirmation.trigger != CONFIRMED or confirmation.user_pool_id != self._user_pool_id:
            return False
        principal = Principal(
            self._issuer,
            confirmation.subject,
            confirmation.email,
            email_verified=confirmation.email_verified == "true",
            method=SignInMethod.COGNITO,
            issued_at=signed_at,
        )
        if not may_be_welcomed(principal):
            log.info("user_not_made_yet", user_id=principal.subject)
            return False
        self._users.sign_up(principal, None)
        log.info("user_confirmed", user_id=principal.subject)
        return True
