"""How fast passwords may be tried. Pure rules, and their items.

Two counters slow guessing down. One counts the tries on an account from one network: whoever shares
it is slowed down together, and no one else. The other counts those on an account from all networks
that it was never used from: it slows down an attack from many networks, and never the owner where
they have signed in before. Elsewhere the owner can have a link mailed (`/auth/password/forgot`),
which neither counter slows down. An address that no one has registered is counted in the same way.

In a file of its own because it must be as true of unknown users as of known ones."""

import contextlib
import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from typing import Any

from service.core.clock import Clock
from service.core.errors import RateLimited
from service.passwords import keys
from service.storage.codec import Item, Value, whole_number
from service.storage.keys import Key
from service.storage.table import ConditionFailed, Table
from service.storage.writes import Update, When

MAX_RACES = 5
_IPV6_NETWORK = 64
_NAMES = ("tries", "nextAt", "forgetAt")


class TooManyTries(RateLimited):
    code = "TOO_MANY_TRIES"
    summary = (
        "Too many sign-ins failed for this e-mail address. It does not matter whether anyone has "
        "registered it."
    )
    advice = "Wait for `Retry-After` seconds, or have the password reset."


@dataclass(frozen=True)
class Delays:
    """So many tries are `free`; the next has to wait for `first_seconds`, and each further one for
    twice as long, at most for `max_seconds`. After `forget_seconds` without a try, all is
    forgotten."""

    free: int
    first_seconds: int
    max_seconds: int
    forget_seconds: int

    def wait_seconds(self, tries: int) -> int:
        """What the next try has to wait for after so many. Pure."""
        beyond = tries - self.free
        if beyond < 0:
            return 0
        # More doublings than that only make long numbers.
        return min(self.max_seconds, self.first_seconds << min(beyond, 32))


# 5 tries at once, then about 100 a day.
FROM_ONE_NETWORK = Delays(free=5, first_seconds=1, max_seconds=900, forget_seconds=86_400)
# 50 tries at once, then about 300 a day, on one account from the whole world.
FROM_UNKNOWN_NETWORKS = Delays(free=50, first_seconds=1, max_seconds=300, forget_seconds=86_400)
# For the sake of the calls alone: the counter of the network itself slows its tries down.
FROM_KNOWN_NETWORKS = Delays(free=50, first_seconds=0, max_seconds=0, forget_seconds=86_400)


@dataclass(frozen=True)
class Tries:
    """How often something was tried, when it may be tried again, and when that is forgotten, both
    in epoch milliseconds."""

    count: int
    next_at: int
    forget_at: int

    @classmethod
    def of_item(cls, item: Item) -> "Tries":
        found: Any = item
        return cls(*(whole_number(found[name]) for name in _NAMES))


def after_try(before: Tries | None, delays: Delays, now: int) -> Tries | None:
    """One more try; None: it has to wait. Pure."""
    forgotten = before is None or now >= before.forget_at
    if before is not None and not forgotten and now < before.next_at:
        return None
    count = 1 if before is None or forgotten else before.count + 1
    next_at = now + 1000 * delays.wait_seconds(count)
    return Tries(count, next_at, max(now, next_at) + 1000 * delays.forget_seconds)


def network_of(address: str) -> str:
    """The network of a client: an IPv4 address, or the 64 bits of IPv6 that one customer has at
    least. Pure."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found), _IPV6_NETWORK), strict=False))
    return str(found)


class Throttle:
    """Counts tries in the table, before they are made: parallel ones cannot outrun it."""

    def __init__(self, table: Table, clock: Clock, key: bytes) -> None:
        self._table = table
        self._clock = clock
        self._key = key

    def admit(self, name: str, delays: Delays) -> None:
        """Counts one more try. Raises `TooManyTries`; that is not counted. Raises
        `StorageUnavailable`."""
        key = keys.tries(self.digest(name))
        for _ in range(MAX_RACES):
            item = self._table.get(key)
            now = self._clock.now()
            before = Tries.of_item(item) if item else None
            after = after_try(before, delays, now)
            if after is None:
                raise TooManyTries(retry_after_seconds=_seconds_until(before, now))
            try:
                self._table.write(_tries_write(key, before, after))
            except ConditionFailed:
                continue
            return
        raise TooManyTries(retry_after_seconds=1)

    def forget(self, name: str) -> None:
        """After a success: the next try is the first again. Raises `StorageUnavailable`."""
        key, now = keys.tries(self.digest(name)), self._clock.now()
        change = Update(key, When(equals={"PK": key.pk}), set=_attributes(Tries(0, now, now)))
        with contextlib.suppress(ConditionFailed):
            self._table.write(change)

    def digest(self, name: str) -> str:
        """The name as the table knows it."""
        return hmac.new(self._key, f"tries\n{name}".encode(), hashlib.sha256).hexdigest()[:32]


def _tries_write(key: Key, before: Tries | None, after: Tries) -> Update:
    """Exactly over what was read."""
    read = dict.fromkeys(_NAMES) if before is None else _attributes(before, expiry=False)
    return Update(key, When(equals=read), set=_attributes(after))


def _attributes(tries: Tries, *, expiry: bool = True) -> dict[str, Value]:
    values: tuple[Value, ...] = (tries.count, tries.next_at, tries.forget_at)
    attributes = dict(zip(_NAMES, values, strict=True))
    return attributes | {"expiresAt": tries.forget_at // 1000 + 1} if expiry else attributes


def _seconds_until(tries: Tries | None, now: int) -> int:
    return 1 if tries is None else max(1, -(-(tries.next_at - now) // 1000))
