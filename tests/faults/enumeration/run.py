"""One run of a flow: every request that reaches a door is an effect of it, numbered as it comes,
and meets its fault."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tests.doubles.clock import FakeClock
from tests.faults.library.effects import Arrives, Fault, Kind, Meanwhile, Reported

Response = TypeVar("Response")
LATENCY_SECONDS = 0.01
MAX_EFFECTS = 3000


class Killed(BaseException):
    """The process is dead: nothing may catch this, and nothing more of it reaches a door."""


@dataclass(frozen=True)
class Effect:
    """One call at a door. `what` is the operation and the items it names."""

    number: int
    step: str
    kind: Kind
    what: str

    def __str__(self) -> str:
        return f"effect {self.number} ({self.step}: {self.what})"


@dataclass
class _Late:
    """A request under way; it lands after `calls` more calls, at the latest when the step is
    over."""

    arrives: Arrives
    land: Callable[[], object]
    calls: int = 2


class Run:
    """Knows the plan (faults by effect number, and a flow's own by kind) and everything that has
    happened so far."""

    def __init__(
        self, clock: FakeClock, plan: Mapping[int, Fault], own: Mapping[Kind, Fault]
    ) -> None:
        self.clock = clock
        self.effects: list[Effect] = []
        self.met: set[int] = set()
        self.others: dict[Meanwhile, Callable[[], object]] = {}
        self._plan = plan
        self._own = dict(own)
        self._late: list[_Late] = []
        self._step = ""
        self._alive = True
        self._lasting: dict[str, Fault] = {}

    def step(self, name: str, act: Callable[[], Response]) -> Response | None:
        """Lets a fresh process do that; None when it died of it."""
        with self._process(name):
            try:
                return act()
            except Killed:
                return None
            finally:
                self._step_over()

    def meet(
        self,
        door: str,
        kind: Kind,
        what: str,
        send: Callable[[], Response],
        respond: Callable[[Reported], Response],
    ) -> Response:
        """One request at a door: `send` carries it out, `respond` is what the sender sees of a
        fault. Raises `Killed`."""
        if not self._alive:
            raise Killed
        self._count_down()
        effect = Effect(len(self.effects), self._step, kind, what)
        if effect.number >= MAX_EFFECTS:
            raise AssertionError("a run without end")
        self.effects.append(effect)
        self.clock.advance(LATENCY_SECONDS)
        fault = self._fault(door, effect)
        return send() if fault is None else self._suffer(fault, send, respond)

    def land(self, arrives: Arrives) -> bool:
        """Delivers every request that is due at that moment. Returns whether there was any."""
        landing = [late for late in self._late if late.arrives is arrives]
        for late in landing:
            self._late.remove(late)
            late.land()
        return bool(landing)

    @contextlib.contextmanager
    def _process(self, name: str) -> Iterator[None]:
        """What belongs to one process only; the one that stands still meanwhile keeps its own."""
        before = self._step, self._alive, self._lasting
        self._step, self._alive, self._lasting = name, True, {}
        try:
            yield
        finally:
            self._step, self._alive, self._lasting = before

    def _fault(self, door: str, effect: Effect) -> Fault | None:
        fault = self._plan.get(effect.number)
        if fault is None:
            return self._lasting.get(door) or self._own.pop(effect.kind, None)
        self.met.add(effect.number)
        self._own.pop(effect.kind, None)
        if fault.lasting:
            self._lasting[door] = Fault(fault.name, Arrives.NEVER, fault.reported)
        return fault

    def _suffer(
        self, fault: Fault, send: Callable[[], Response], respond: Callable[[Reported], Response]
    ) -> Response:
        others = self.others.get(fault.meanwhile, _nothing)
        if not fault.stands_after:
            others()
        if fault.arrives not in (Arrives.NEVER, Arrives.NOW):
            self._late.append(_Late(fault.arrives, send))
        response = send() if fault.arrives is Arrives.NOW else None
        if fault.stands_after:
            others()
        if fault.reported is Reported.DEATH:
            self._alive = False
            raise Killed
        if fault.reported is Reported.TRUTH:
            if response is None:
                raise AssertionError("there is no truth about a request that has not arrived")
            return response
        return respond(fault.reported)

    def _count_down(self) -> None:
        for late in [late for late in self._late if late.arrives is Arrives.SOON]:
            late.calls -= 1
            if not late.calls:
                self._late.remove(late)
                late.land()

    def _step_over(self) -> None:
        self.land(Arrives.SOON)
        self.land(Arrives.STEP_OVER)
        for late in self._late:
            if late.arrives is Arrives.NEXT_STEP:
                late.arrives = Arrives.SOON


def _nothing() -> None:
    """No one else does anything."""
