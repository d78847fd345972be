"""Outgoing webhooks: posts a simulated vendor's events to the caller's address in the background,
so that no response waits for them."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from devstack.simulators.background import Background
from devstack.simulators.journal import Journal

LANES = 4
MAX_QUEUED = 10_000
RETRY_SECONDS = (0.5, 2.0)
_TIMEOUT = Timeout(connect=2.0, read=5.0)
_STOP_SECONDS = 0.6

Headers = Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class Delivery:
    """One webhook. `headers` is called for each attempt, so that each has its own timestamp and
    signature. Deliveries with the same `subject` are sent in the order they were queued. Each
    entry of `retry_seconds` is a further attempt, so long after the one before, unless the status
    of the response `is_final`. `ended` receives the status of each attempt that had a
    response."""

    service: str
    subject: str
    url: str
    body: bytes
    headers: Headers
    fault: str | None = None
    attempt: int = 1
    operation: str = "callback"
    retry_seconds: tuple[float, ...] = RETRY_SECONDS
    is_final: Callable[[int], bool] = lambda _: False
    ended: Callable[[int], None] = lambda _: None


class Deliverer:
    """Four threads with a bounded queue each. A delivery gets its attempts until a 2xx
    response.

    The journal shows every attempt as the delivery's operation, with the receiver's status (None:
    no response)."""

    def __init__(self, journal: Journal, background: Background, logger: logging.Logger) -> None:
        self._journal = journal
        self._background = background
        self._logger = logger
        self._stopping = threading.Event()
        self._queues: list[queue.Queue[Delivery | None]] = [
            queue.Queue(MAX_QUEUED) for _ in range(LANES)
        ]
        self._threads = [
            threading.Thread(
                target=self._run, args=(lane,), name="simulators-callbacks", daemon=True
            )
            for lane in self._queues
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns within a second; deliveries that are still queued are dropped."""
        self._stopping.set()
        for lane in self._queues:
            with contextlib.suppress(queue.Full):
                lane.put_nowait(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_STOP_SECONDS / LANES)

    def send(self, delivery: Delivery) -> None:
        """Queues the delivery and returns at once. With a full queue it is never sent, as with a
        vendor that is overloaded."""
        lane = self._queues[sum(delivery.subject.encode()) % LANES]
        try:
            lane.put_nowait(delivery)
        except queue.Full:
            self.record_undelivered(replace(delivery, fault="overflow"))

    def record_undelivered(self, delivery: Delivery) -> None:
        """Adds a delivery to the journal that is never sent."""
        entry = self._journal.open(
            delivery.service, delivery.operation, "POST", delivery.url, {}, delivery.body
        )
        self._journal.close(entry, None, delivery.fault)

    def _run(self, lane: "queue.Queue[Delivery | None]") -> None:
        with PoolManager(retries=False, timeout=_TIMEOUT) as connections:
            while not self._stopping.is_set():
                delivery = lane.get()
                if delivery is not None:
                    self._attempt(connections, delivery)

    def _attempt(self, connections: PoolManager, delivery: Delivery) -> None:
        try:
            waits = delivery.retry_seconds
            if not self._posted(connections, delivery) and delivery.attempt <= len(waits):
                again = replace(delivery, attempt=delivery.attempt + 1)
                self._background.later(waits[delivery.attempt - 1], lambda: self.send(again))
        except Exception:
            self._logger.exception("a callback of the simulators could not be sent")

    def _posted(self, connections: PoolManager, delivery: Delivery) -> bool:
        headers = {"Content-Type": "application/json", **delivery.headers()}
        entry = self._journal.open(
            delivery.service, delivery.operation, "POST", delivery.url, headers, delivery.body
        )
        status: int | None = None
        try:
            response = connections.request(
                "POST",
                delivery.url,
                body=delivery.body,
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            status = response.status
            response.close()
        except (HTTPError, OSError, UnicodeError):
            status = None
        self._journal.close(entry, status, delivery.fault)
        if status is None:
            return False
        delivery.ended(status)
        return 200 <= status < 300 or delivery.is_final(status)
