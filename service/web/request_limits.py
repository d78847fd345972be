"""How many requests one caller, and one address, may send to each route. Per process: a brake on
guessing and on loops gone wild. What must be exact is checked where it is written."""

import ipaddress
import math

from service.core.clock import Clock
from service.core.errors import RateLimited
from service.core.rate_limits import Window
from service.web.endpoint import Endpoint

WINDOW_SECONDS = 60.0
SIGN_IN_PREFIX = "/auth/"
_IPV6_PREFIX = 64


class RequestLimits:
    """Counts requests in any minute by route. `of_caller` and `of_address` hold where a route
    declares no limit of its own, `of_sign_in` for the routes below `/auth/`, which are open to
    whoever guesses. Routes that are not for apps have no limit by address: providers and balancers
    call from few. 0 is no limit."""

    def __init__(self, clock: Clock, *, of_caller: int, of_address: int, of_sign_in: int) -> None:
        self._clock = clock
        self._of_caller = of_caller
        self._of_address = of_address
        self._of_sign_in = of_sign_in
        self._windows: dict[tuple[str, str], Window] = {}

    def check_address(self, rule: str, declared: Endpoint, address: str) -> None:
        """Counts one more request from that address. Raises `RateLimited`."""
        limit = declared.address_limit
        if limit is None:
            usual = self._of_sign_in if rule.startswith(SIGN_IN_PREFIX) else self._of_address
            limit = 0 if declared.internal else usual
        self._check("address", f"{declared.operation_id} {rule}", limit, network_of(address))

    def check_caller(self, rule: str, declared: Endpoint, caller_id: str) -> None:
        """Counts one more request of that user or operator. Raises `RateLimited`."""
        limit = self._of_caller if declared.caller_limit is None else declared.caller_limit
        self._check("caller", f"{declared.operation_id} {rule}", limit, caller_id)

    def check_back_end(self, rule: str, declared: Endpoint, key_id: str) -> None:
        """Counts one more request with that server key. Raises `RateLimited`."""
        if declared.key_limit is None:
            self.check_caller(rule, declared, key_id)
        else:
            self._check("back end", f"{declared.operation_id} {rule}", declared.key_limit, key_id)

    def _check(self, kind: str, route: str, limit: int, name: str) -> None:
        if not limit:
            return
        key = (kind, route)
        # Two threads may both make the first window: one of them forgets one request.
        window = self._windows.get(key) or self._windows.setdefault(
            key, Window(limit, WINDOW_SECONDS, self._clock)
        )
        wait_seconds = window.wait_seconds(name)
        if wait_seconds:
            raise RateLimited(retry_after_seconds=math.ceil(wait_seconds))


def network_of(address: str) -> str:
    """What stands for one client: an IPv4 address, or the 64 bits that a provider assigns to a
    subscriber with IPv6, who chooses the rest anew as often as they like."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, _IPV6_PREFIX), strict=False).network_address)
