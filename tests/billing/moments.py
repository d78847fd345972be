"""The simulated Stripe as it was at several moments, to be read at any of them, again and again.

In a file of its own because it knows the simulator alone, and neither the service nor a story."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.api import Api
from devstack.simulators.stripe.movable_clock import MovableClock
from devstack.simulators.stripe.wire import Request
from tests.doubles.clock import FakeClock
from tests.doubles.stripe_account import LOCAL_KEY


class Moment:
    """A copy of the account at which time stands still. What was read once is not looked up
    again."""

    def __init__(self, account: Account, now: int) -> None:
        self.now = now
        self._api = Api(_frozen(account, now), (LOCAL_KEY,))
        self._read: dict[str, Any] = {}

    def get(self, address: str) -> Any:
        if address not in self._read:
            path, _, query = address.partition("?")
            headers = {"authorization": f"Bearer {LOCAL_KEY}"}
            reply = self._api.handle(Request("GET", path, query, "", headers))
            assert reply.status == 200, (address, reply.body)
            self._read[address] = json.loads(reply.body)
        return self._read[address]


class Moments:
    """`StripeApi.get` without stripe-python, at the `present` moment. `listed` are the ids of the
    events that Stripe's list has; None: all of them."""

    configured = True
    livemode = False

    def __init__(self) -> None:
        self.all: list[Moment] = []
        self.present = 0
        self.listed: frozenset[str] | None = None

    def get(
        self,
        path: str,
        parse: Callable[[Mapping[str, Any]], Any],
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        query = urlencode(form_of(params or {}))
        found = self.all[self.present].get(f"{path}?{query}")
        if path == "/v1/events" and self.listed is not None:
            kept = [event for event in found["data"] if event["id"] in self.listed]
            found = {**found, "data": kept}
        return parse(found)


def _frozen(account: Account, now: int) -> Account:
    """A copy whose clock stands, and to which no one listens."""
    clock, events = MovableClock(FakeClock(now)), account.events
    kept: dict[int, Any] = {
        id(account.clock): clock,
        id(account.ids): account.ids,
        id(events.listeners): [],
        id(account.watchers): {},
    }
    return copy.deepcopy(account, kept)


def form_of(params: Mapping[str, Any], inside: str = "") -> dict[str, Any]:
    """Stripe's form of nested parameters: `payment[type]=…`, `expand[0]=…`."""
    flat: dict[str, Any] = {}
    for name, value in params.items():
        key = f"{inside}[{name}]" if inside else name
        if isinstance(value, list):
            value = dict(enumerate(value))
        flat |= form_of(value, key) if isinstance(value, Mapping) else {key: value}
    return flat
