"""Idempotency keys (https://docs.stripe.com/api/idempotent_requests).

The first result of a request that began to execute is stored for 24 hours, a 500 too. Nothing is
stored when the parameters were invalid or another request with the key was under way."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from devstack.simulators.stripe.errors import IDEMPOTENCY, StripeError
from devstack.simulators.stripe.wire import Reply, Request

MAX_KEY = 255
KEPT_SECONDS = 24 * 3_600
_FORGOTTEN_AT_ONCE = 2


@dataclass(frozen=True)
class _Stored:
    request: tuple[str, str, str]
    reply: Reply
    at: int


class IdempotencyKeys:
    """The keys of one account. Not thread-safe: the account's lock protects it."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._stored: dict[str, _Stored] = {}
        self._under_way: set[str] = set()

    def begin(self, request: Request) -> Reply | None:
        """The stored reply, or None for a request that must be executed; `end` it then. Raises
        `StripeError`: 409 while another request with the key is under way, 400 when it was used
        with other parameters."""
        key = _key(request)
        if key is None:
            return None
        if len(key) > MAX_KEY:
            raise StripeError(
                f"Idempotency keys can be at most {MAX_KEY} characters.", type_=IDEMPOTENCY
            )
        if key in self._under_way:
            raise StripeError(
                "There is currently another in-progress request using this Idempotent Key (that "
                "probably means you submitted twice, and the other request is still going "
                f"through): {key}. Please try again later.",
                "idempotency_key_in_use",
                status=409,
            )
        stored = self._stored.get(key)
        if stored is not None and self._now() < stored.at + KEPT_SECONDS:
            return self._replayed(key, stored, request)
        self._under_way.add(key)
        return None

    def _replayed(self, key: str, stored: _Stored, request: Request) -> Reply:
        if stored.request != _fingerprint(request):
            raise StripeError(
                "Keys for idempotent requests can only be used with the same parameters they were "
                f"first used with. Try using a key other than '{key}' if you meant to execute a "
                "different request.",
                type_=IDEMPOTENCY,
            )
        headers = {**stored.reply.headers, "Idempotent-Replayed": "true"}
        return Reply(stored.reply.status, text=stored.reply.text, headers=headers)

    def end(self, request: Request, reply: Reply | None) -> None:
        """Frees the key. Stores the reply, unless it is None."""
        key = _key(request)
        if key is None:
            return
        self._under_way.discard(key)
        if reply is not None:
            stored = Reply(reply.status, text=reply.body, headers=reply.headers)
            self._forget()
            self._stored.pop(key, None)
            self._stored[key] = _Stored(_fingerprint(request), stored, self._now())

    def _forget(self) -> None:
        """Drops what is older than 24 hours; the oldest come first."""
        for key, stored in list(islice(self._stored.items(), _FORGOTTEN_AT_ONCE)):
            if self._now() >= stored.at + KEPT_SECONDS:
                del self._stored[key]


def _key(request: Request) -> str | None:
    """Only POST has one: GET and DELETE are idempotent by definition."""
    return request.headers.get("idempotency-key") or None if request.method == "POST" else None


def _fingerprint(request: Request) -> tuple[str, str, str]:
    return request.method, request.path, request.body
