"""Injects faults into the simulated Kling at random times."""

import threading
from random import Random

from tests.faults.library.provider_faults import draw_provider_fault
from tests.stack.killable_stack import KillableStack
from tests.torture.notes import Notes

MAX_WAITING = 12
MAX_PAUSE_SECONDS = 1.0


class FaultSchedule(threading.Thread):
    """Adds one fault after the other while it runs; at most a dozen wait to be met."""

    def __init__(self, seed: int, site: KillableStack, notes: Notes, stop: threading.Event) -> None:
        super().__init__(name="fault-schedule", daemon=True)
        self._random = Random(f"{seed} {self.name}")
        self._site = site
        self._notes = notes
        self._stop_event = stop

    def run(self) -> None:
        while not self._stop_event.wait(self._random.uniform(0.1, MAX_PAUSE_SECONDS)):
            try:
                self._add_fault()
            except OSError as error:
                self._notes.strange.append(f"the simulators do not take a fault: {error}")

    def _add_fault(self) -> None:
        drawn = draw_provider_fault(self._random)
        if len(self._site.steer("GET", "/__faults")["faults"]) < MAX_WAITING:
            self._site.steer("POST", "/__faults", drawn)
            self._notes.count("faults", int(str(drawn["count"])))

    def clear(self) -> None:
        """Removes all faults; those that were not met are not counted."""
        waiting = self._site.steer("GET", "/__faults")["faults"]
        self._notes.count("faults", -sum(int(fault["count"]) for fault in waiting))
        self._site.steer("DELETE", "/__faults")
