"""Stripe as a whole: the API, its webhooks and the controls of one account, without HTTP."""

from collections.abc import Callable

from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.api import Api
from devstack.simulators.stripe.controls import Controls
from devstack.simulators.stripe.webhooks import Endpoint, Post, Webhooks
from devstack.simulators.stripe.wire import Reply, Request
from service.core.clock import Clock

LOCAL_KEY = "sk_test_farebox_local"
LOCAL_WEBHOOK_SECRET = "whsec_farebox_local_stack"

Seed = Callable[[Account], object]


class StripeSimulator:
    """One account with its keys and webhook endpoints. `post` receives every signed event, `seed`
    the empty account. Works
    in process (`handle`, `controls`) and below `StripeRoutes`."""

    def __init__(
        self,
        clock: Clock,
        address: str = "http://127.0.0.1:8090/stripe",
        *,
        keys: tuple[str, ...] = (LOCAL_KEY,),
        endpoints: tuple[Endpoint, ...] = (),
        post: Post = lambda _: None,
        seed: Seed = lambda _: None,
    ) -> None:
        self._clock = clock
        self._address = address
        self._keys = keys
        self._endpoints = endpoints
        self._post = post
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Forgets everything, the switches and the moved clock included."""
        account = Account.of(self._clock, self._address)
        self._seed(account)
        self.account = account
        self.api = Api(account, self._keys)
        self.webhooks = Webhooks(account.clock.wall_seconds, self._post, self._endpoints)
        account.events.listeners.append(self.webhooks.listen)
        self.controls = Controls(self.api, self.webhooks)

    def handle(self, request: Request) -> Reply:
        """One API request."""
        return self.api.handle(request)

    def catch_up(self) -> None:
        """Does what has become due with the passing of time."""
        self.api.locked(lambda _: None)
