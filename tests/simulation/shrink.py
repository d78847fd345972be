"""Makes a failing plan smaller while it still fails: fewer faults, fewer requests, fewer processes.
What is left is the trace."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.simulation.plan import Plan, PlannedRequest
from tests.simulation.world import Outcome, play

MAX_PLAYS = 400
_SIMPLER: tuple[dict[str, Any], ...] = (
    {"storms": ()},
    {"callbacks": False},
    {"drains": ()},
    {"skew": 0.0},
    {"lag": 0.0},
    {"webs": 1},
    {"workers": 1},
    {"price": 1},
)
_SIMPLER_REQUESTS: tuple[dict[str, Any], ...] = (
    {"repeats": (), "changed": False},
    {"retries": 0},
    {"twins": 1},
    {"twins": 2},
)


class Shrinker:
    """Greedy: a smaller plan that fails, in whatever way, is kept, until nothing gets smaller or
    the plays are used up."""

    def __init__(self, plan: Plan, play_plan: Callable[[Plan], Outcome] = play) -> None:
        self.plan = plan
        self.plays = 0
        self._play = play_plan

    def shrink(self) -> Plan:
        before = None
        while before != self.plan and self.plays < MAX_PLAYS:
            before = self.plan
            self._drop_requests()
            self._simplify()
            self._mute()
            self._simplify_requests()
        return self.plan

    def _keep_if_failing(self, plan: Plan) -> bool:
        if plan == self.plan or self.plays >= MAX_PLAYS:
            return False
        self.plays += 1
        failed = bool(self._play(plan).violation)
        if failed:
            self.plan = plan
        return failed

    def _drop_requests(self) -> None:
        """Delta debugging: halves first, then ever smaller pieces, down to single requests."""
        size = max(1, len(self.plan.requests) // 2)
        while size:
            start = 0
            while start < len(self.plan.requests):
                rest = self.plan.requests[:start] + self.plan.requests[start + size :]
                if not self._keep_if_failing(replace(self.plan, requests=rest)):
                    start += size
            size //= 2

    def _simplify(self) -> None:
        for change in _SIMPLER:
            self._keep_if_failing(replace(self.plan, **change))

    def _mute(self) -> None:
        """All faults but one at a time would be too bold; one by one they go."""
        for field in ("faults", "storm_faults", "text_faults"):
            for name in sorted(getattr(self.plan, field).chances):
                faults = getattr(self.plan, field).without([name])
                if faults.chances[name]:
                    self._keep_if_failing(replace(self.plan, **{field: faults}))

    def _simplify_requests(self) -> None:
        for place in range(len(self.plan.requests)):
            for change in _SIMPLER_REQUESTS:
                requests: list[PlannedRequest] = list(self.plan.requests)
                if change.get("twins", 0) < requests[place].twins:
                    requests[place] = replace(requests[place], **change)
                    self._keep_if_failing(replace(self.plan, requests=tuple(requests)))
