"""Stripe's API key and the secrets of its webhooks: read when they are first needed, kept, and read
again after a refusal."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.core.clock import Clock
from service.core.settings import Secret
from service.storage.secrets import SecretUnavailable

MAX_WEBHOOK_SECRETS = 2
WEBHOOK_PREFIX = "whsec_"
# Stripe's have 32: a shorter one was made up, or cut off.
MIN_WEBHOOK_CHARACTERS = 16
MIN_SECONDS_BETWEEN_READS = 5.0
# The secret's text is read again after so long, so that a rotation needs no restart.
MAX_AGE_SECONDS = 300.0
_LIVE = ("sk_live_", "rk_live_")
_TEST = ("sk_test_", "rk_test_")


@dataclass(frozen=True)
class StripeSecrets:
    """One API key, and one or two secrets of the webhook endpoint, the newest first."""

    api_key: Secret
    webhook_secrets: tuple[Secret, ...]

    @property
    def livemode(self) -> bool:
        """Whether real money moves."""
        return self.api_key.startswith(_LIVE)


def parse_stripe_secrets(text: str) -> StripeSecrets:
    """JSON with `apiKey` and `webhookSecrets`, a list of one or two. Raises `ValueError`, which
    quotes nothing."""
    try:
        found = json.loads(text)
    except ValueError:
        raise ValueError("is no JSON") from None
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")
    hooks = found.get("webhookSecrets")
    if not isinstance(hooks, list):
        raise ValueError("needs webhookSecrets, a list")
    return stripe_secrets(found.get("apiKey"), hooks)


def stripe_secrets(api_key: object, webhook_secrets: Sequence[object]) -> StripeSecrets:
    """Raises `ValueError`, which quotes nothing."""
    if not isinstance(api_key, str) or not api_key.startswith((*_LIVE, *_TEST)):
        raise ValueError("has an API key that begins neither with sk_ nor with rk_")
    if not 1 <= len(webhook_secrets) <= MAX_WEBHOOK_SECRETS:
        raise ValueError(f"needs 1 to {MAX_WEBHOOK_SECRETS} webhook secrets")
    for each in webhook_secrets:
        if not isinstance(each, str) or not each.startswith(WEBHOOK_PREFIX):
            raise ValueError("has a webhook secret that does not begin with whsec_")
        if len(each) < len(WEBHOOK_PREFIX) + MIN_WEBHOOK_CHARACTERS:
            raise ValueError(
                f"has a webhook secret of less than {MIN_WEBHOOK_CHARACTERS} characters after "
                f"{WEBHOOK_PREFIX}"
            )
    return StripeSecrets(Secret(api_key), tuple(Secret(each) for each in webhook_secrets))


class StripeKeys:
    """`read` returns the secrets. Raises `SecretUnavailable` as long as they cannot be read, are
    malformed, or are a test key in production."""

    def __init__(
        self, read: Callable[[], StripeSecrets], clock: Clock, *, production: bool
    ) -> None:
        self._read = read
        self._clock = clock
        self._production = production
        self._guard = threading.Lock()
        self._secrets: StripeSecrets | None = None
        self._read_at = 0.0

    def current(self) -> StripeSecrets:
        with self._guard:
            if self._secrets is None or self._age() > MAX_AGE_SECONDS:
                self._refresh()
            assert self._secrets is not None
            return self._secrets

    def renew(self) -> bool:
        """Reads the secrets again, unless they were read a moment ago. Returns whether the API key
        has changed."""
        with self._guard:
            before = self._secrets
            if self._age() >= MIN_SECONDS_BETWEEN_READS:
                self._refresh()
            return before is None or before != self._secrets

    def _refresh(self) -> None:
        """Keeps the secrets that it has when Secrets Manager does not respond."""
        try:
            found = self._read()
            if self._production and not found.livemode:
                raise SecretUnavailable
        except (ValueError, SecretUnavailable) as error:
            if self._secrets is None:
                raise SecretUnavailable from error
        else:
            self._secrets = found
        self._read_at = self._clock.monotonic()

    def _age(self) -> float:
        return self._clock.monotonic() - self._read_at
