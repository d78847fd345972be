"""The vendor's own records: every task and its status, running tasks and prepaid units."""

import hashlib
import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.kling.codes import KlingError
from devstack.simulators.kling.pricing import units
from devstack.simulators.kling.video_requests import VideoRequest
from devstack.simulators.time_scale import TimeScale
from service.core.clock import Clock

SUBMITTED, PROCESSING, SUCCEED, FAILED = "submitted", "processing", "succeed", "failed"
FINAL = frozenset({SUCCEED, FAILED})
MAX_TASKS = 200_000

_PROCESSING_FROM = 0.25
_IDS_PER_MILLISECOND = 100_000


@dataclass(frozen=True)
class Task:
    """One task. `outcome` is the message of the failure it will end with, empty if it will succeed;
    `units` is its price on success.

    Times are epoch milliseconds; `image_sha256` is the hash of the image field as sent.
    """

    task_id: str
    request: VideoRequest
    status: str
    outcome: str
    units: Decimal
    image_sha256: str
    created_at: int
    updated_at: int

    @property
    def charged_units(self) -> Decimal:
        """Failed tasks cost nothing. This is an assumption: the vendor's documentation does not
        say."""
        return self.units if self.status == SUCCEED else Decimal(0)


Changed = Callable[[Task], None]


def finished(task: Task, at: int) -> Task:
    """The task in its final status."""
    return replace(task, status=FAILED if task.outcome else SUCCEED, updated_at=at)


class TaskStore:
    """All tasks of the account, under one lock. `changed` is called with every new status, in
    order, and must not block."""

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

    def create(self, request: VideoRequest, outcome: str = "") -> Task:
        """Creates a task in status `submitted`. It will fail with `outcome` if given, or if its
        image is invalid.

        Raises `KlingError`: 1201 external id already used, 1303 too many running tasks, 1102 not
        enough units, 5000 store full."""
        with self._lock:
            self._catch_up()
            price = units(request)
            self._check_room(request, price)
            task = self._new_task(request, outcome or request.failure, price)
            self._enter(task)
            return task

    def _check_room(self, request: VideoRequest, price: Decimal) -> None:
        if (
            self._settings.kling_unique_external_ids
            and request.external_task_id in self._by_external
        ):
            raise KlingError(1201, f"External_task_id {request.external_task_id} already exists")
        if self._running >= self._settings.kling_concurrency:
            raise KlingError(1303)
        if price > self._units_left():
            raise KlingError(1102)
        if len(self._tasks) >= MAX_TASKS:
            raise KlingError(5000, f"the simulator holds {MAX_TASKS} tasks and takes no more")

    def _units_left(self) -> Decimal:
        return Decimal(str(self._settings.kling_units)) - self._spent - self._reserved

    def _new_task(self, request: VideoRequest, outcome: str, price: Decimal) -> Task:
        """Ids start from the time, so that they stay unique when the simulators are restarted: the
        service still knows those from before."""
        now = self._clock.now()
        number = now * _IDS_PER_MILLISECOND + next(self._counter) % _IDS_PER_MILLISECOND
        digest = hashlib.sha256(request.image.encode("utf-8", "surrogatepass")).hexdigest()
        return Task(str(number), request, SUBMITTED, outcome, price, digest, now, now)

    def _enter(self, task: Task) -> None:
        self._tasks[task.task_id] = task
        if task.request.external_task_id:
            self._by_external[task.request.external_task_id] = task.task_id
        self._running += 1
        self._reserved += task.units
        start, task_view = self._speed.passed_seconds(), self._settings.video_seconds
        end = finished(task, task.created_at).status
        heapq.heappush(
            self._due, (start + _PROCESSING_FROM * task_view, 0, task.task_id, PROCESSING)
        )
        heapq.heappush(self._due, (start + task_view, 1, task.task_id, end))
        self._changed(task)

    def find(self, identifier: str) -> Task:
        """Returns the task with that task id or external id (the latest, if several share it).
        Raises `KlingError` 1201, as the vendor does, though its documentation names 1203."""
        with self._lock:
            self._catch_up()
            task = self._tasks.get(identifier) or self._tasks.get(
                self._by_external.get(identifier, "")
            )
        if task is None:
            raise KlingError(1201, f"Task not found by id/external id: {identifier}")
        return task

    def page(self, number: int, size: int) -> list[Task]:
        """One page of tasks, newest first; the first page has `number` 1."""
        with self._lock:
            self._catch_up()
            start = (number - 1) * size
            return list(itertools.islice(reversed(self._tasks.values()), start, start + size))

    def everything(self) -> tuple[list[Task], int, Decimal]:
        """All tasks in order of creation, the number running, and the units left."""
        with self._lock:
            self._catch_up()
            return list(self._tasks.values()), self._running, self._units_left()

    def reset(self) -> None:
        """Deletes all tasks and restores all units."""
        with self._lock:
            self._clear()

    def catch_up(self) -> None:
        """Moves every task to the status that simulated time requires."""
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
