"""The vendor's own books: every task, its life, the slots and the units."""

import hashlib
import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.kling.codes import KlingRefusal
from devstack.simulators.kling.orders import Order
from devstack.simulators.kling.pricing import units
from devstack.simulators.time_scale import TimeScale
from service.core.clock import Clock

SUBMITTED, PROCESSING, SUCCEED, FAILED = "submitted", "processing", "succeed", "failed"
FINAL = frozenset({SUCCEED, FAILED})
MAX_TASKS = 200_000
BAD_IMAGE_MESSAGE = "Image pixel is invalid"

_PROCESSING_FROM = 0.25
_IDS_PER_MILLISECOND = 100_000


@dataclass(frozen=True)
class Task:
    """One task. `outcome` is the failure it is going to meet, empty for none; `units` what its
    success costs.

    Times are epoch milliseconds; `image_sha256` is the hash of the picture field as sent.
    """

    task_id: str
    order: Order
    status: str
    outcome: str
    units: Decimal
    image_sha256: str
    created_at: int
    updated_at: int

    @property
    def charged_units(self) -> Decimal:
        """Failed tasks cost nothing: an assumption, the vendor's own pages do not say."""
        return self.units if self.status == SUCCEED else Decimal(0)


Changed = Callable[[Task], None]


def finished(task: Task, at: int) -> Task:
    """The task as it will be in the end."""
    return replace(task, status=FAILED if task.outcome else SUCCEED, updated_at=at)


class TaskStore:
    """All tasks of the one account, under one lock. `changed` hears of every new status, in order,
    and must not block."""

    def __init__(
        self, settings: SimulatorSettings, clock: Clock, speed: TimeScale, changed: Changed
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._speed = speed
        self._changed = changed
        self._lock = threading.Lock()
        self._counter = itertools.count(1)
        self._clear()

    def _clear(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._by_external: dict[str, str] = {}
        self._due: list[tuple[float, int, str, str]] = []
        self._running = 0
        self._reserved = Decimal(0)
        self._spent = Decimal(0)

    def create(self, order: Order, outcome: str = "") -> Task:
        """A new task in status submitted; it fails in the end with `outcome` where given, or where
        its picture is spoilt.

        Raises `KlingRefusal`: 1201 external id used before, 1303 no free slot, 1102 no units, 5000
        books full. That a used external id is refused, and so, is an assumption: the vendor only
        says that it must be unique."""
        with self._lock:
            self._catch_up()
            price = units(order)
            self._check_room(order, price)
            task = self._new_task(
                order, outcome or (BAD_IMAGE_MESSAGE if order.invalid_image else ""), price
            )
            self._enter(task)
            return task

    def _check_room(self, order: Order, price: Decimal) -> None:
        if self._settings.kling_unique_external_ids and order.external_task_id in self._by_external:
            raise KlingRefusal(1201, "external_task_id must be unique, this one exists already")
        if self._running >= self._settings.kling_concurrency:
            raise KlingRefusal(1303)
        if price > self._units_left():
            raise KlingRefusal(1102)
        if len(self._tasks) >= MAX_TASKS:
            raise KlingRefusal(5000, f"the simulator holds {MAX_TASKS} tasks and takes no more")

    def _units_left(self) -> Decimal:
        return Decimal(str(self._settings.kling_units)) - self._spent - self._reserved

    def _new_task(self, order: Order, outcome: str, price: Decimal) -> Task:
        """Ids keep rising over restarts, so that none is given twice to a caller who remembers."""
        now = self._clock.now()
        number = now * _IDS_PER_MILLISECOND + next(self._counter) % _IDS_PER_MILLISECOND
        digest = hashlib.sha256(order.image.encode("utf-8", "surrogatepass")).hexdigest()
        return Task(str(number), order, SUBMITTED, outcome, price, digest, now, now)

    def _enter(self, task: Task) -> None:
        self._tasks[task.task_id] = task
        if task.order.external_task_id:
            self._by_external[task.order.external_task_id] = task.task_id
        self._running += 1
        self._reserved += task.units
        start, whole = self._speed.passed_seconds(), self._settings.video_seconds
        end = finished(task, task.created_at).status
        heapq.heappush(self._due, (start + _PROCESSING_FROM * whole, 0, task.task_id, PROCESSING))
        heapq.heappush(self._due, (start + whole, 1, task.task_id, end))
        self._changed(task)

    def find(self, identifier: str) -> Task:
        """The task with that task id or external id (of several with one, the latest). Raises
        `KlingRefusal` 1203."""
        with self._lock:
            self._catch_up()
            task = self._tasks.get(identifier) or self._tasks.get(
                self._by_external.get(identifier, "")
            )
        if task is None:
            raise KlingRefusal(1203, "the task does not exist")
        return task

    def page(self, number: int, size: int) -> list[Task]:
        """One page, newest first; `number` counts from 1."""
        with self._lock:
            self._catch_up()
            start = (number - 1) * size
            return list(itertools.islice(reversed(self._tasks.values()), start, start + size))

    def everything(self) -> tuple[list[Task], int, Decimal]:
        """All tasks in the order they came, how many run, and the units left."""
        with self._lock:
            self._catch_up()
            return list(self._tasks.values()), self._running, self._units_left()

    def reset(self) -> None:
        """Empty books, all slots free, all units back."""
        with self._lock:
            self._clear()

    def catch_up(self) -> None:
        """Lets every task be where simulated time says it is."""
        with self._lock:
            self._catch_up()

    def _catch_up(self) -> None:
        passed = self._speed.passed_seconds()
        while self._due and self._due[0][0] <= passed:
            _, _, task_id, status = heapq.heappop(self._due)
            self._move(replace(self._tasks[task_id], status=status, updated_at=self._clock.now()))

    def _move(self, task: Task) -> None:
        self._tasks[task.task_id] = task
        if task.status in FINAL:
            self._running -= 1
            self._reserved -= task.units
            self._spent += task.charged_units
        self._changed(task)
