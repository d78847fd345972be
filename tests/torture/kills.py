"""Who is killed when: each victim has a killer with a random generator of its own, which waits
until the victim is up again."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from tests.stack.killable_stack import WORKERS, KillableStack, Web
from tests.torture.clients import Traffic

WHOLE_GROUP = 0.08
INTO_A_REQUEST = 0.8
MAX_RESPONSES = 5
MAX_REQUEST_SECONDS = 0.12
MAX_ROUND_SECONDS = 0.5
MAX_WAIT_SECONDS = 2.0
MAX_LIFE_SECONDS = 20.0
"""While the table is down no request succeeds; a few processes are killed even then."""
POLL_SECONDS = 0.05

Say = Callable[[str], None]


class Quota:
    """How many kills there are to be, and how many of each kind there were."""

    def __init__(self, kills: int, deadline: float, on_kill: Say) -> None:
        self._kills = kills
        self._deadline = deadline
        self._on_kill = on_kill
        self._guard = threading.Lock()
        self.by_kind: Counter[str] = Counter()
        self.amid_requests = 0

    @property
    def done(self) -> int:
        with self._guard:
            return self.by_kind.total()

    @property
    def is_over(self) -> bool:
        """All kills were made, or the time (monotonic seconds) is over."""
        return self.done >= self._kills or time.monotonic() >= self._deadline

    def note(self, kind: str, victim: str, *, amid: bool = False) -> None:
        with self._guard:
            self.by_kind[kind] += 1
            self.amid_requests += amid
        self._on_kill(f"kill -9 {kind} {victim}{' amid a request' if amid else ''}")


class Killer(threading.Thread):
    """Kills one victim again and again, whenever it is up: its children, which its master replaces,
    or the whole group."""

    kind = ""

    def __init__(self, seed: int, victim: str, site: KillableStack, quota: Quota) -> None:
        super().__init__(name=f"killer of {victim}", daemon=True)
        self._random = Random(f"{seed} {self.name}")
        self._victim = victim
        self._site = site
        self._quota = quota

    def run(self) -> None:
        while not self._quota.is_over:
            if not self.is_up():
                time.sleep(POLL_SECONDS)
                continue
            self.await_moment(self._random.randint(0, MAX_RESPONSES))
            self._kill()

    def is_up(self) -> bool:
        raise NotImplementedError

    def await_moment(self, responses: int) -> None:
        """Returns when it is to be killed: after so many responses or its maximum life, at a random
        moment of what comes next."""
        raise NotImplementedError

    def is_amid_a_request(self) -> bool:
        return False

    def _kill(self) -> None:
        amid, group = self.is_amid_a_request(), self._random.random() < WHOLE_GROUP
        if self._site.kill_group(self._victim) if group else self._site.kill_children(self._victim):
            self._quota.note(
                f"{self.kind} {'groups' if group else 'processes'}", self._victim, amid=amid
            )


class WebKiller(Killer):
    """Mostly strikes while a request is on its way."""

    kind = "web"

    def __init__(
        self, seed: int, web: Web, site: KillableStack, traffic: Traffic, quota: Quota
    ) -> None:
        super().__init__(seed, web.name, site, quota)
        self._web = web
        self._traffic = traffic

    def is_up(self) -> bool:
        return self._site.is_up(self._web)

    def await_moment(self, responses: int) -> None:
        self._traffic.await_responses([self._web], responses, MAX_LIFE_SECONDS)
        if self._random.random() < INTO_A_REQUEST:
            self._traffic.await_next(self._web, MAX_WAIT_SECONDS)
            time.sleep(self._random.uniform(0, MAX_REQUEST_SECONDS))

    def is_amid_a_request(self) -> bool:
        return self._traffic.is_met(self._web)


class WorkerKiller(Killer):
    """Strikes a background worker at any moment of its rounds."""

    kind = "worker"

    def __init__(
        self, seed: int, victim: str, site: KillableStack, traffic: Traffic, quota: Quota
    ) -> None:
        super().__init__(seed, victim, site, quota)
        self._traffic = traffic

    def await_moment(self, responses: int) -> None:
        self._traffic.await_responses(self._site.webs, responses, MAX_LIFE_SECONDS)
        time.sleep(self._random.uniform(0, MAX_ROUND_SECONDS))

    def is_up(self) -> bool:
        return self._site.await_worker(self._victim, POLL_SECONDS)


class EverySoManyKills(threading.Thread):
    """Does something after every so many kills, and at least once in a run of two or more. `done`
    counts how often."""

    def __init__(
        self, name: str, seed: int, between: int, quota: Quota, act: Callable[[], bool]
    ) -> None:
        """`act` returns whether it could be done; it is repeated until it is."""
        super().__init__(name=name, daemon=True)
        self._random = Random(f"{seed} {name}")
        self._between = max(2, between)
        self._quota = quota
        self._act = act
        self.done = 0

    def run(self) -> None:
        wanted = self._random.randint(1, self._between // 2)
        while not self._quota.is_over:
            if self._quota.done >= wanted and self._act():
                self.done += 1
                wanted += self._between
            time.sleep(POLL_SECONDS)


def killers(
    seed: int, site: KillableStack, traffic: Traffic, quota: Quota
) -> list[threading.Thread]:
    return [
        *(WebKiller(seed, web, site, traffic, quota) for web in site.webs),
        *(WorkerKiller(seed, name, site, traffic, quota) for name in WORKERS),
    ]
