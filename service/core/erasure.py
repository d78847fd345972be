"""What features contribute to the erasure of one user's data, and to its export. Types alone:
`service.erasure` runs them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class StepOutcome(StrEnum):
    """How far one step has come. `WAITING`: something else has to happen first (a job is still
    running); the step is run again later."""

    DONE = "done"
    WAITING = "waiting"


class DependencyUnavailable(Exception):
    """What a step raises when another system does not respond, or not as expected: it passes by
    itself. The erasure is held up by the name of the class."""


class ErasurePhase(IntEnum):
    """When a step runs: once every step of the phases before it is done. Steps of one phase do not
    wait for each other, so that an outage of one dependency delays nothing else."""

    # What lets someone act as the user: sessions, keys.
    ACCESS = 1
    # What has begun and must end before its records can go: open jobs.
    SETTLE = 2
    # Personal data, in the table, in buckets and at other companies.
    REMOVE = 3
    # The names by which a step of `REMOVE` finds the user elsewhere: linked identities, a
    # customer's id.
    FORGET = 4


@dataclass(frozen=True)
class ErasureStep:
    """One part of a user's erasure. `run` receives the user id and returns once everything of that
    part is gone, or `WAITING`. It is idempotent, and may be run by two workers at once: a process
    may die anywhere in it, and then it is run again from its beginning. Whatever it raises has it
    run again later; it is never given up.

    `name` is in lower case with underscores. It is stored with each erasure and shown to users:
    never rename one."""

    name: str
    run: Callable[[str], StepOutcome]
    phase: ErasurePhase = ErasurePhase.REMOVE


@dataclass(frozen=True)
class ExportPart:
    """One member of the document that a user receives of everything held on them. `read` receives
    the user id and returns what `json.dumps` takes, credits as `credits_number`; or an iterator of
    such, which becomes an array and is read while it is sent. `name` is in camelCase."""

    name: str
    read: Callable[[str], object]
