"""What is to be rehearsed, and what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.drain.fleet import Stop
from tests.drain.load import Client
from tests.drain.readers import Reader
from tests.drain.talkers import BROKEN, RESTART, Talker
from tests.drain.user import User

# In fewer it may happen that no one is in the way.
MANY_DEPLOYMENTS = 10


@dataclass(frozen=True)
class Plan:
    """`deployments` of a fleet with `size` web processes, relays and workers, under load of so many
    clients, and as many who read texts and who speak; after `seconds` none is begun any more.
    `drain_seconds` is what a web process or relay gets for leaving; the balancer looks eight times
    as often. Every other deployment is announced to the balancer, which then cuts what takes longer
    than `delay_seconds`. With each deployment so many callbacks get lost."""

    deployments: int
    size: int
    clients: int
    seconds: float
    drain_seconds: float = 2.0
    delay_seconds: float = 4.0
    dropped_callbacks: int = 9

    @property
    def users(self) -> int:
        return 3 * self.clients


@dataclass(frozen=True)
class Tally:
    """What the users had in the end: videos, whole texts, and sockets that were closed with each
    code. `broken` and `waiting` count the streams that ended before their texts did, and `resumed`
    the sessions that began where another was ended."""

    requests: int
    videos: int
    texts: int
    broken: int
    waiting: int
    talks: int
    closes: Counter[int]
    resumed: int

    @property
    def ended(self) -> int:
        """Sockets that a replacement ended."""
        return self.closes[RESTART] + self.closes[BROKEN]


def tally(load: Sequence[User]) -> Tally:
    clients = [user for user in load if isinstance(user, Client)]
    readers = [user for user in load if isinstance(user, Reader)]
    talkers = [user for user in load if isinstance(user, Talker)]
    return Tally(
        sum(user.requests for user in load),
        sum(user.delivered for user in clients),
        sum(user.whole for user in readers),
        sum(user.broken for user in readers),
        sum(user.waiting for user in readers),
        sum(user.talks for user in talkers),
        sum((user.closes for user in talkers), Counter[int]()),
        sum(user.resumed for user in talkers),
    )


@dataclass(frozen=True)
class Outcome:
    """What a rehearsal showed; `faults` says everything that is not as it should be, `log` what the
    processes warned of last."""

    plan: Plan
    kind: str
    deployments: int
    tally: Tally
    stops: tuple[Stop, ...]
    failures: tuple[str, ...]
    audit: str
    seconds: float
    log: tuple[str, ...]

    @property
    def requests(self) -> int:
        return self.tally.requests

    @property
    def replacements(self) -> int:
        """Web processes replaced, and as many relays and workers."""
        return self.deployments * self.plan.size

    @property
    def faults(self) -> tuple[str, ...]:
        unclean = [
            f"{stop.name} ended with {stop.ending} after {stop.seconds:.1f} s"
            for stop in self.stops
            if not stop.clean
        ]
        audit = [] if self.audit == "clean" else [f"audit: {self.audit}"]
        short = (
            [] if self.deployments == self.plan.deployments else ["not every deployment was made"]
        )
        return (*self.failures, *unclean, *audit, *short, *self._untried())

    def _untried(self) -> list[str]:
        found = self.tally
        wanted = {
            "no video was made": found.videos,
            "no text was written": found.texts,
            "no one has spoken to the end": found.talks,
        }
        if self.plan.deployments >= MANY_DEPLOYMENTS:
            wanted["no replacement ended a stream"] = found.broken + found.waiting
            wanted["no relay ended a socket"] = found.closes[RESTART]
            wanted["no balancer cut a socket"] = found.closes[BROKEN]
        lost = found.ended - found.resumed
        return [
            *(what for what, count in wanted.items() if not count),
            *([f"{lost} sockets were not resumed"] if lost else []),
        ]

    def summary(self) -> str:
        """One line."""
        found = self.tally
        return (
            f"{self.replacements} replacements of web, relay and worker as {self.kind} under load: "
            f"{found.requests} requests by {self.plan.users} users, {len(self.failures)} failed; "
            f"{found.videos} videos delivered; {found.texts} texts whole, of which the streams of "
            f"{found.broken + found.waiting} were ended; sockets {found.closes[RESTART]} times "
            f"closed with 1012 and {found.closes[BROKEN]} times cut, {found.resumed} resumed, "
            f"{found.talks} talks to their end; "
            f"stopped cleanly {sum(stop.clean for stop in self.stops)}/{len(self.stops)}, "
            f"web within {self._slowest('web'):.1f} s, "
            f"relay within {self._slowest('relay'):.1f} s, "
            f"worker within {self._slowest('worker'):.1f} s; audit {self.audit}; "
            f"{self.seconds:.0f} s"
        )

    def _slowest(self, name: str) -> float:
        return max((stop.seconds for stop in self.stops if stop.name == name), default=0.0)
