"""The armed faults: what the next calls of an operation meet instead of a normal response."""

import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

# Faults of every operation that has a response; each service adds its own.
RESPONSE_FAULTS = frozenset({"status", "html", "reset", "lost-answer", "slow", "garbage"})
MAX_SECONDS = 600.0
MAX_ARMED = 1_000
MAX_COUNT = 1_000_000
UNTIL_RESET = -1

Operations = Mapping[str, frozenset[str]]
Known = Mapping[str, Operations]

_STATUS = re.compile(r"status:([2-5]\d\d)(?::([A-Za-z0-9_.-]{1,64}))?")
_HTML = re.compile(r"html(?::([2-5]\d\d))?")
_EVENT = re.compile(r"(error-event(?:-late)?)(?::([A-Za-z0-9_.-]{1,64}))?")
_DEFAULT_SECONDS = 1.0


class FaultError(Exception):
    """An unknown fault, or an invalid value; the message says which, in one sentence."""


@dataclass(frozen=True)
class Fault:
    """One fault. `kind` is its name, `text` the fault as armed; `status` is only set for the kinds
    `status` and `html`, `code` for `status` and the errors inside of streams."""

    kind: str
    text: str
    seconds: float = 0.0
    status: int = 0
    code: str | None = None


@dataclass
class _Armed:
    service: str
    operation: str
    fault: Fault
    left: int


class FaultBoard:
    """The armed faults; of those for one operation, the oldest is met first. Thread-safe.

    `known` maps service -> operation -> its kinds of fault. Holds at most 1,000 armed faults.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._lock = threading.Lock()
        self._armed: deque[_Armed] = deque()

    @property
    def known(self) -> dict[str, dict[str, list[str]]]:
        """Every service, operation and kind of fault."""
        return {
            service: {name: sorted(kinds) for name, kinds in operations.items()}
            for service, operations in self._known.items()
        }

    def arm(
        self, service: str, operation: str, text: str, count: int = 1, seconds: float | None = None
    ) -> None:
        """Arms a fault for the next `count` calls of the operation (-1: all until reset), after
        those armed earlier.

        Raises `FaultError` if anything is unknown or out of range.
        """
        kinds = self._known.get(service, {}).get(operation)
        if kinds is None:
            raise FaultError("there is no such service or operation")
        fault = parse(text, _DEFAULT_SECONDS if seconds is None else seconds)
        if fault.kind not in kinds:
            raise FaultError(f"{service} {operation} knows no fault {fault.kind!r}")
        if count != UNTIL_RESET and not 1 <= count <= MAX_COUNT:
            raise FaultError(f"count must be {UNTIL_RESET} or from 1 to {MAX_COUNT}")
        with self._lock:
            if len(self._armed) >= MAX_ARMED:
                raise FaultError(f"{MAX_ARMED} faults are armed already")
            self._armed.append(_Armed(service, operation, fault, count))

    def take(self, service: str, operation: str) -> Fault | None:
        """Returns the fault of this call and reduces its count; None for a normal call."""
        with self._lock:
            for armed in self._armed:
                if (armed.service, armed.operation) == (service, operation):
                    return self._use(armed)
            return None

    def _use(self, armed: _Armed) -> Fault:
        if armed.left != UNTIL_RESET:
            armed.left -= 1
        if armed.left == 0:
            self._armed.remove(armed)
        return armed.fault

    def listed(self) -> list[dict[str, object]]:
        """The armed faults, with the calls that each has left."""
        with self._lock:
            return [
                {
                    "service": armed.service,
                    "operation": armed.operation,
                    "fault": armed.fault.text,
                    "count": armed.left,
                    "seconds": armed.fault.seconds,
                }
                for armed in self._armed
            ]

    def reset(self) -> None:
        """Disarms all faults."""
        with self._lock:
            self._armed.clear()


def parse(text: str, seconds: float) -> Fault:
    """`status:<HTTP status>[:<vendor code>]`, `html[:<status>]` (502), `error-event[:<code>]` (or
    `error-event-late`), or a plain name. Raises `FaultError`."""
    if not 0 <= seconds <= MAX_SECONDS:
        raise FaultError(f"seconds must be from 0 to {MAX_SECONDS:.0f}")
    if matched := _STATUS.fullmatch(text):
        return Fault("status", text, seconds, int(matched[1]), matched[2])
    if matched := _HTML.fullmatch(text):
        return Fault("html", text, seconds, int(matched[1] or 502))
    if matched := _EVENT.fullmatch(text):
        return Fault(matched[1], text, seconds, code=matched[2])
    if text.startswith(("status", "html")):
        raise FaultError("write status:<200-599>[:<vendor code>] or html:<200-599>")
    return Fault(text, text, seconds)
