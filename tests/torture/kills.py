"""Who is killed when: each victim has an executioner with dice of their own, who waits until it is up again."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from tests.torture.clients import Traffic
from tests.torture.site import WORKERS, Site, Web

WHOLE_GROUP = 0.12
INTO_A_REQUEST = 0.8
LONGEST_REQUEST_SECONDS = 0.12
LONGEST_LIFE_SECONDS = 2.0
KILLS_BETWEEN_TABLE_RESTARTS = 60
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

    def note(self, kind: str, victim: str, *, amid: bool) -> None:
        with self._guard:
            self.by_kind[kind] += 1
            self.amid_requests += amid
        self._on_kill(f"kill -9 {kind} {victim}{' amid a request' if amid else ''}")


class WebKiller(threading.Thread):
    """Kills the workers of one web group, now and then the whole group, mostly while a request is on its way."""

    def __init__(self, seed: int, web: Web, site: Site, traffic: Traffic, quota: Quota) -> None:
        super().__init__(name=f"killer of {web.name}", daemon=True)
        self._dice = Random(f"{seed} {self.name}")
        self._web = web
        self._site = site
        self._traffic = traffic
        self._quota = quota

    def run(self) -> None:
        while not self._quota.is_over:
            if not self._site.is_up(self._web):
                time.sleep(POLL_SECONDS)
                continue
            time.sleep(self._dice.uniform(0, LONGEST_LIFE_SECONDS))
            if self._dice.random() < INTO_A_REQUEST:
                self._traffic.await_next(self._web, LONGEST_LIFE_SECONDS)
                time.sleep(self._dice.uniform(0, LONGEST_REQUEST_SECONDS))
            self._kill()

    def _kill(self) -> None:
        amid = self._traffic.is_met(self._web)
        group = self._dice.random() < WHOLE_GROUP
        if self._site.kill_group(self._web.name) if group else self._site.kill_web_worker(self._web):
            self._quota.note("web group" if group else "web worker", self._web.name, amid=amid)


class WorkerKiller(threading.Thread):
    """Kills one background worker at any moment of its rounds."""

    def __init__(self, seed: int, name: str, site: Site, quota: Quota) -> None:
        super().__init__(name=f"killer of {name}", daemon=True)
        self._dice = Random(f"{seed} {self.name}")
        self._victim = name
        self._site = site
        self._quota = quota

    def run(self) -> None:
        while not self._quota.is_over:
            if not self._site.await_worker(self._victim, 1.0):
                continue
            time.sleep(self._dice.uniform(0, LONGEST_LIFE_SECONDS))
            if self._site.kill_group(self._victim):
                self._quota.note("background worker", self._victim, amid=False)


class TableRestarter(threading.Thread):
    """Restarts DynamoDB Local after every so many kills, and at least once in a run."""

    def __init__(self, seed: int, kills: int, site: Site, quota: Quota, on_restart: Say) -> None:
        super().__init__(name="restarter of the table", daemon=True)
        self._dice = Random(f"{seed} {self.name}")
        self._between = min(KILLS_BETWEEN_TABLE_RESTARTS, max(1, kills // 2))
        self._site = site
        self._quota = quota
        self._on_restart = on_restart
        self.restarts = 0

    def run(self) -> None:
        wanted = self._dice.randint(1, self._between)
        while not self._quota.is_over:
            if self._quota.done >= wanted and self._site.restart_table():
                self.restarts += 1
                wanted += self._between
                self._on_restart("SIGTERM dynamodb")
            time.sleep(POLL_SECONDS)


def killers(seed: int, site: Site, traffic: Traffic, quota: Quota) -> list[threading.Thread]:
    return [
        *(WebKiller(seed, web, site, traffic, quota) for web in site.webs),
        *(WorkerKiller(seed, name, site, quota) for name in WORKERS),
    ]
