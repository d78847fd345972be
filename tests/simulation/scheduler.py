"""One scheduler, one virtual clock: every task runs alone until it waits, and the seeds alone
decide who goes on.

Tasks are greenlets. A task belongs to a process; when the process dies its tasks unwind where they
stand and everything they held in memory is gone, while what they sent is still on its way."""

import contextlib
import heapq
import random
import threading
from collections.abc import Callable
from typing import Any

import greenlet

START_SECONDS = 1_790_000_000.0


def stream(*words: object) -> random.Random:
    """Random numbers of one purpose's own, the same in every run."""
    return random.Random("\n".join(map(str, words)))


class Process:
    """What dies, sleeps and has a wrong clock together."""

    def __init__(self, scheduler: "Scheduler", name: str, skew_seconds: float = 0.0) -> None:
        self.name = name
        self.dead = False
        self.ends_calls = False
        self.paused_until = 0.0
        self.clock = SimulatedClock(scheduler, skew_seconds)
        self.tasks: list[Task] = []


class Task:
    """One strand of work. `calls` counts its table and provider calls, `rng` decides whatever
    befalls it."""

    def __init__(
        self,
        scheduler: "Scheduler",
        process: Process,
        name: str,
        work: Callable[[], object],
        rng: random.Random,
    ) -> None:
        self.name = name
        self.process = process
        self.rng = rng
        self.calls = 0
        self.last_call_at = 0.0
        self.done = False
        self.ended_by: BaseException | None = None
        self.result: Any = None
        self.job_ids: list[str] = []
        self._work = work
        self._scheduler = scheduler
        self.strand = greenlet.greenlet(self._run, scheduler.strand)

    def _run(self, _: object = None) -> None:
        try:
            self.result = self._work()
        except greenlet.GreenletExit:
            pass
        except Exception as error:
            self.ended_by = error
        self.done = True


class Scheduler:
    """Runs events in the order of virtual time."""

    def __init__(self) -> None:
        self.strand = greenlet.getcurrent()
        self.now = 0.0
        self.current: Task | None = None
        self.events = 0
        self.broken: list[Task] = []
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._pushed = 0
        self._processes: dict[int, Process] = {}

    def at(self, when: float, act: Callable[..., None], *arguments: Any) -> None:
        """Does that at that time (now, if the time has passed), outside every task."""
        self._pushed += 1
        heapq.heappush(self._heap, (max(when, self.now), self._pushed, act, arguments))

    def spawn(
        self,
        process: Process,
        name: str,
        work: Callable[[], object],
        rng: random.Random,
        after: float,
    ) -> Task:
        task = Task(self, process, name, work, rng)
        process.tasks.append(task)
        self._processes[id(process)] = process
        self.at(self.now + after, self.resume, task, None)
        return task

    def run(self, until: float, enough: Callable[[], bool]) -> None:
        """Event after event, until the time is over or `enough` says so."""
        while self._heap and self._heap[0][0] <= until and not enough():
            self.now, _, act, arguments = heapq.heappop(self._heap)
            self.events += 1
            act(*arguments)

    def resume(self, task: Task, response: Any) -> None:
        """Resumes a task that waits for this value; a paused process gets it when it wakes."""
        process = task.process
        if process.dead or task.done:
            return
        if process.paused_until > self.now:
            self.at(process.paused_until, self.resume, task, response)
            return
        self.current = task
        task.strand.switch(response)
        self.current = None
        if task.done:
            process.tasks.remove(task)
            if task.ended_by is not None:
                self.broken.append(task)

    def wait(self) -> Any:
        """Yields to the scheduler until this task is resumed. Returns the value it is resumed
        with."""
        task = self.running()
        if task.process.dead:
            raise greenlet.GreenletExit
        return self.strand.switch()

    def sleep(self, seconds: float) -> None:
        self.at(self.now + max(0.0, seconds), self.resume, self.running(), None)
        self.wait()

    def running(self) -> Task:
        if self.current is None:
            raise RuntimeError("only a task can wait")
        return self.current

    def chance(self) -> float:
        """A random number of the running task."""
        return self.running().rng.random()

    def end(self) -> None:
        """Ends everything that still waits. A task that stands still in the middle is never
        collected, and keeps its world."""
        for process in self._processes.values():
            self.kill(process)

    def kill(self, process: Process) -> None:
        """Ends every task of the process where it stands. Called outside every task."""
        process.dead = True
        tasks, process.tasks = process.tasks, []
        for task in tasks:
            self.current = task
            if task.strand:
                task.strand.throw(greenlet.GreenletExit)
            task.done = True
        self.current = None


class SimulatedClock:
    """A process's view of the virtual time: the wall clock may be wrong, the monotonic one runs
    true."""

    def __init__(self, scheduler: Scheduler, skew_seconds: float) -> None:
        self._scheduler = scheduler
        self._skew = skew_seconds

    def now(self) -> int:
        return int((START_SECONDS + self._scheduler.now + self._skew) * 1000)

    def monotonic(self) -> float:
        return self._scheduler.now

    def sleep(self, seconds: float) -> None:
        self._scheduler.sleep(seconds)


class SimulatedEvent:
    """`threading.Event` for tasks: waiting is a scheduling point in virtual time."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._set = False
        self._waiting: list[tuple[Task, int]] = []
        self._waits = 0

    def is_set(self) -> bool:
        return self._set

    def clear(self) -> None:
        self._set = False

    def set(self) -> None:
        self._set = True
        for task, number in self._waiting:
            self._scheduler.at(self._scheduler.now, self._wake, task, number)

    def wait(self, timeout: float | None = None) -> bool:
        if self._set:
            return True
        self._waits += 1
        mine = (self._scheduler.running(), self._waits)
        self._waiting.append(mine)
        if timeout is not None:
            self._scheduler.at(self._scheduler.now + timeout, self._wake, *mine)
        self._scheduler.wait()
        return self._set

    def _wake(self, task: Task, number: int) -> None:
        """Only the first of set and timeout wakes; a paused process is woken when its pause is
        over."""
        if (task, number) in self._waiting and not task.process.dead:
            if task.process.paused_until > self._scheduler.now:
                self._scheduler.at(task.process.paused_until, self._wake, task, number)
                return
            self._waiting.remove((task, number))
            self._scheduler.resume(task, None)


class SimulatedLock:
    """`threading.Lock` for tasks, which may wait for the table while they hold it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._released = SimulatedEvent(scheduler)
        self._held = False

    def __enter__(self) -> None:
        while self._held:
            self._released.clear()
            self._released.wait()
        self._held = True

    def __exit__(self, *_: object) -> None:
        self._held = False
        self._released.set()


class SimulatedCondition:
    """`threading.Condition` for tasks: whoever has it does not wait for anything else."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._changed = SimulatedEvent(scheduler)

    def __enter__(self) -> None:
        """Tasks run alone."""

    def __exit__(self, *_: object) -> None:
        """Tasks run alone."""

    def notify_all(self) -> None:
        self._changed.set()
        self._changed = SimulatedEvent(self._scheduler)

    def wait_for(self, predicate: Callable[[], bool], timeout: float) -> bool:
        until = self._scheduler.now + timeout
        while not predicate() and self._scheduler.now < until:
            self._changed.wait(until - self._scheduler.now)
        return predicate()


class SimulatedThreading:
    """What the product's modules find under the name `threading` while a world runs."""

    BoundedSemaphore = staticmethod(threading.BoundedSemaphore)

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def Event(self) -> SimulatedEvent:  # noqa: N802
        return SimulatedEvent(self._scheduler)

    def Lock(self) -> SimulatedLock:  # noqa: N802
        return SimulatedLock(self._scheduler)

    def Condition(self, lock: object = None) -> SimulatedCondition:  # noqa: N802
        del lock
        return SimulatedCondition(self._scheduler)


@contextlib.contextmanager
def in_place_of_threads(scheduler: Scheduler, *modules: Any) -> Any:
    """Lets those modules wait on the virtual clock instead of on threads."""
    before = [module.threading for module in modules]
    for module in modules:
        module.threading = SimulatedThreading(scheduler)
    try:
        yield
    finally:
        for module, threads in zip(modules, before, strict=True):
            module.threading = threads


class SimulatedExecutor:
    """`Executor.submit` with tasks of the same process, a few at a time."""

    def __init__(self, scheduler: Scheduler, process: Process, limit: int) -> None:
        self._scheduler = scheduler
        self._process = process
        self._limit = limit
        self._left: list[Callable[[], object]] = []
        self._runners = 0

    def submit(self, work: Callable[..., object], *arguments: object) -> None:
        self._left.append(lambda: work(*arguments))
        if self._runners == self._limit:
            return
        self._runners += 1
        parent = self._scheduler.running()
        rng = random.Random(parent.rng.getrandbits(64))
        name = f"{parent.name}.{self._runners}"
        self._scheduler.spawn(self._process, name, self._run, rng, 0.0)

    def _run(self) -> None:
        while self._left:
            self._left.pop(0)()
        self._runners -= 1
