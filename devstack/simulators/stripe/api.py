"""The API of one account: checks a request, does it once, and returns the reply."""

import itertools
import re
import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.errors import API_ERROR, StripeError
from devstack.simulators.stripe.events import Cause
from devstack.simulators.stripe.expansion import Expander
from devstack.simulators.stripe.forms import parse_form
from devstack.simulators.stripe.idempotency import IdempotencyKeys
from devstack.simulators.stripe.operations import Operation, operation_of
from devstack.simulators.stripe.wire import API_VERSION, Reply, Request, Wire

Result = TypeVar("Result")

_KEY = re.compile(r"(sk|rk)_test_[A-Za-z0-9_]{1,200}")


class Api:
    """Thread-safe: one lock, `lock`, is held for each request."""

    def __init__(self, account: Account, keys: tuple[str, ...]) -> None:
        self.account = account
        self.lock = threading.RLock()
        self.idempotency = IdempotencyKeys(account.now)
        self._keys = keys
        self._expander = Expander(account)
        self._counter = itertools.count(1)

    def handle(self, request: Request) -> Reply:
        """The whole of one request without a fault, in process."""
        held = self.begin(request)
        if isinstance(held, Reply):
            return held
        return self.end(request, self.perform(request))

    def begin(self, request: Request) -> Reply | None:
        """The reply to a request that is refused, or whose key has a stored reply. None: `perform`
        it (or not), then `end` it."""
        with self.lock:
            self.account.clock.catch_up()
            try:
                self._check_access(request.headers)
                stored = self.idempotency.begin(request)
            except StripeError as error:
                return self._identified(error.reply())
            return stored

    def perform(self, request: Request) -> Reply:
        """Does the request. The account has changed only if the reply's status is 2xx or 402."""
        with self.lock:
            reply = self._identified(Reply(200))
            cause = Cause(reply.headers["Request-Id"], request.headers.get("idempotency-key"))
            self.account.events.cause = cause
            try:
                content = self._performed(request)
                done = Reply(200, content, headers=reply.headers)
                return Reply(200, text=done.body, headers=reply.headers)
            except StripeError as error:
                return Reply(error.status, text=error.reply().body, headers=reply.headers)
            finally:
                self.account.events.cause = Cause()

    def end(self, request: Request, reply: Reply, *, began: bool = True) -> Reply:
        """Stores the reply under the request's key if it `began` to execute, and returns it."""
        executed = began and (reply.status < 300 or reply.status in (402, 500))
        with self.lock:
            self.idempotency.end(request, reply if executed else None)
        return reply

    def internal_error(self) -> Reply:
        """What Stripe sends when a request failed halfway through."""
        error = StripeError("An unknown error occurred", status=500, type_=API_ERROR)
        return self._identified(error.reply())

    def locked(self, act: Callable[[Account], Result]) -> Result:
        """Calls `act` with the account, when everything that is due was done."""
        with self.lock:
            self.account.clock.catch_up()
            return act(self.account)

    def _performed(self, request: Request) -> Wire:
        found = operation_of(request.method, request.path)
        if found is None:
            raise StripeError(
                f"Unrecognized request URL ({request.method}: {request.path}).", status=404
            )
        operation, identifiers = found
        params = self._params(operation, request)
        expanded = params.pop("expand", [])
        return self._expander.expand(operation.act(self.account, params, *identifiers), expanded)

    def _params(self, operation: Operation, request: Request) -> Wire:
        if request.method == "POST" and request.query:
            raise StripeError("Parameters of a POST belong in its body.")
        text = request.body if request.method == "POST" else request.query
        return operation.parameters.read(parse_form(text), "") or {}

    def _check_access(self, headers: Mapping[str, str]) -> None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            raise StripeError(
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                "YOUR_SECRET_KEY').",
                status=401,
            )
        if not _KEY.fullmatch(key) or key not in self._keys:
            raise StripeError(f"Invalid API Key provided: {_hidden(key)}", status=401)
        version = headers.get("stripe-version", API_VERSION)
        if version != API_VERSION:
            raise StripeError(f"This simulator speaks {API_VERSION}, not {version}.")

    def _identified(self, reply: Reply) -> Reply:
        number = f"req_{next(self._counter):014d}"
        headers = {**reply.headers, "Request-Id": number, "Stripe-Version": API_VERSION}
        return Reply(reply.status, reply.content, reply.text, headers)


def _hidden(key: str) -> str:
    return f"{key[:8]}{'*' * 12}{key[-4:]}"
