"""Access to Twitch: the application's credentials, and the token that they are exchanged for, which
is kept until shortly before its end.

There is no refresh token: a token that is refused or old is replaced by a further one
(https://dev.twitch.tv/docs/authentication/getting-tokens-oauth/#client-credentials-grant-flow)."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from service.core.clock import Clock
from service.core.settings import Secret
from service.providers.http import NoResponse, ProviderHttp, Reply
from service.storage.secrets import SecretUnavailable

MIN_SECONDS_BETWEEN_READS = 5.0
# Before its end: longer than any call takes that uses it.
RENEW_SECONDS = 300.0
# A token lasts about 58 days. What says more is not believed.
MAX_SECONDS = 90 * 24 * 3600.0
MAX_TOKEN = 512
_NAMES = ("clientId", "clientSecret")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class TwitchKeys:
    """An application at Twitch."""

    client_id: str = ""
    client_secret: Secret = Secret()


class TokenRefused(Exception):
    """No token was issued: `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply.status))
        self.reply = reply


def parse_twitch_keys(text: str) -> TwitchKeys:
    """A secret's text: JSON with `clientId` and `clientSecret`. Anything else has no usable
    keys."""
    try:
        secret = json.loads(text)
    except (ValueError, RecursionError):
        return TwitchKeys()
    found = [secret.get(name) if isinstance(secret, dict) else None for name in _NAMES]
    if not all(isinstance(each, str) and _is_header(each) for each in found):
        return TwitchKeys()
    return TwitchKeys(str(found[0]), Secret(str(found[1])))


def _is_header(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


@dataclass(frozen=True)
class Access:
    """What a call is made with. `ends_at` is a monotonic time."""

    client_id: str
    token: Secret
    ends_at: float


class TwitchAccess:
    """`read` fetches the keys: when they are first needed, and after they were refused. One thread
    at a time exchanges them for a token."""

    def __init__(
        self, read: Callable[[], TwitchKeys], http: ProviderHttp, token_url: str, clock: Clock
    ) -> None:
        self._read = read
        self._http = http
        self._token_url = token_url
        self._clock = clock
        self._guard = threading.Lock()
        self._keys: TwitchKeys | None = None
        self._read_at = 0.0
        self._refused = False
        self._access: Access | None = None

    def current(self, until: float) -> Access:
        """Raises `SecretUnavailable`, `TokenRefused`, and what `ProviderHttp.send_once` raises."""
        if not self._guard.acquire(timeout=max(until - self._clock.monotonic(), 0.001)):
            raise NoResponse
        try:
            access = self._access
            if access is None or self._clock.monotonic() >= access.ends_at:
                access = self._access = self._issued(until)
            return access
        finally:
            self._guard.release()

    def renew(self, refused: Access) -> None:
        """Forgets a token that was refused, unless another has taken its place."""
        with self._guard:
            if self._access is refused:
                self._access = None

    def _issued(self, until: float) -> Access:
        keys = self._known_keys()
        form = {
            "client_id": keys.client_id,
            "client_secret": keys.client_secret,
            "grant_type": "client_credentials",
        }
        reply = self._http.send_once(self._token_url, _FORM, urlencode(form).encode(), until)
        token, seconds = _token_of(reply)
        if token is None:
            self._refused = True
            raise TokenRefused(reply)
        ends_at = self._clock.monotonic() + max(seconds - RENEW_SECONDS, seconds / 2)
        return Access(keys.client_id, token, ends_at)

    def _known_keys(self) -> TwitchKeys:
        """Keys that were refused may have been replaced by an operator: they are read again, but
        not with each call."""
        is_old = self._clock.monotonic() - self._read_at >= MIN_SECONDS_BETWEEN_READS
        if self._keys is None or (self._refused and is_old):
            keys = self._read()
            if not keys.client_id or not keys.client_secret:
                raise SecretUnavailable
            self._keys, self._read_at, self._refused = keys, self._clock.monotonic(), False
        return self._keys


def _token_of(reply: Reply) -> tuple[Secret | None, float]:
    body = reply.json()
    token = body.get("access_token") if isinstance(body, dict) else None
    seconds = body.get("expires_in") if isinstance(body, dict) else None
    if reply.status != 200 or not isinstance(token, str) or not _is_header(token):
        return None, 0.0
    if len(token) > MAX_TOKEN or type(seconds) is not int or seconds <= 0:
        return None, 0.0
    return Secret(token), min(float(seconds), MAX_SECONDS)
