"""The vendor's bad days: faults of the simulated Kling, switched on at random."""

import threading
from random import Random

from tests.stack.killable_stack import Site
from tests.torture.notes import Notes

MAX_LATE_SECONDS = 18.0
"""How late a create may still act after its caller got an error: beyond window and quarantine, so
that it is house loss."""
MAX_WAITING = 12
MAX_PAUSE_SECONDS = 1.0

# (operation, fault, least seconds, most seconds, weight)
_FAULTS = (
    ("create", "lost-answer", 0.0, 0.0, 6),
    ("create", "slow", 0.5, 4.0, 3),
    ("create", "reset", 0.0, 0.0, 2),
    ("create", "status:500:5000", 0.0, 0.0, 2),
    ("create", "status:503:5001", 0.0, 0.0, 1),
    ("create", "html:502", 0.0, 0.0, 2),
    ("create", "garbage", 0.0, 0.0, 1),
    ("create", "no-task-id", 0.0, 0.0, 1),
    ("create", "job-fails", 0.0, 0.0, 8),
    ("create", "late", 0.0, 6.0, 2),
    ("create", "late", MAX_LATE_SECONDS - 1.0, MAX_LATE_SECONDS, 2),
    ("create", "status:429:1303", 0.0, 0.0, 3),
    ("create", "status:401:1000", 0.0, 0.0, 1),
    ("create", "status:400:1201", 0.0, 0.0, 1),
    ("create", "status:400:1301", 0.0, 0.0, 1),
    ("query", "lost-answer", 0.0, 0.0, 3),
    ("query", "slow", 0.5, 5.0, 2),
    ("query", "reset", 0.0, 0.0, 1),
    ("query", "status:500:5000", 0.0, 0.0, 3),
    ("query", "status:404:1203", 0.0, 0.0, 2),
    ("query", "html:502", 0.0, 0.0, 2),
    ("query", "garbage", 0.0, 0.0, 1),
    ("query", "empty", 0.0, 0.0, 2),
    ("callback", "drop", 0.0, 0.0, 2),
    ("callback", "double", 0.0, 0.0, 2),
    ("callback", "early", 0.0, 0.0, 2),
    ("callback", "slow", 0.5, 3.0, 1),
    ("callback", "forged", 0.0, 0.0, 1),
)


class FaultSchedule(threading.Thread):
    """Orders one fault after the other while it runs; never more than a dozen wait to be met."""

    def __init__(self, seed: int, site: Site, notes: Notes, stop: threading.Event) -> None:
        super().__init__(name="weather", daemon=True)
        self._random = Random(f"{seed} {self.name}")
        self._site = site
        self._notes = notes
        self._stop_event = stop

    def run(self) -> None:
        while not self._stop_event.wait(self._random.uniform(0.1, MAX_PAUSE_SECONDS)):
            try:
                self._worsen()
            except OSError as error:
                self._notes.strange.append(f"the simulators do not take a fault: {error}")

    def _worsen(self) -> None:
        operation, fault, min_seconds, max_seconds, _ = self._random.choices(
            _FAULTS, [weight for *_, weight in _FAULTS]
        )[0]
        count, seconds = self._random.randint(1, 3), self._random.uniform(min_seconds, max_seconds)
        if len(self._site.steer("GET", "/__faults")["faults"]) < MAX_WAITING:
            order = {
                "service": "kling",
                "operation": operation,
                "fault": fault,
                "count": count,
                "seconds": seconds,
            }
            self._site.steer("POST", "/__faults", order)
            self._notes.count("faults", count)

    def clear(self) -> None:
        """No more faults; what has not been met is not counted."""
        waiting = self._site.steer("GET", "/__faults")["faults"]
        self._notes.count("faults", -sum(int(fault["count"]) for fault in waiting))
        self._site.steer("DELETE", "/__faults")
