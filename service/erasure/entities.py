"""Erasures: how far each has come, and when it is continued. Pure.

Times are epoch milliseconds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from typing import ClassVar

from service.core.erasure import DependencyUnavailable, ErasureStep, StepOutcome
from service.core.errors import Conflict, NotFound
from service.core.seals import holds, seal

BY_USER = "user"
MIN_PAUSE_MILLISECONDS = 5_000
MAX_PAUSE_MILLISECONDS = 15 * 60_000
# What is stored of a failure: the code of an error, or the name of an exception.
MAX_REASON = 80
CLOSING_STEP = "account"


class ErasureNotFound(NotFound):
    code = "ERASURE_NOT_FOUND"
    summary = "This account is not being erased, and has not been."


class ErasureRunning(Conflict):
    code = "ERASURE_RUNNING"
    summary = "This account is being erased already."
    details_example: ClassVar[Mapping[str, object]] = {}


class UserPoolUnavailable(DependencyUnavailable):
    """Amazon Cognito did not respond as expected, or does not let us."""


class ErasureState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"


class StepState(StrEnum):
    """`WAITING`: something else has to happen first; `FAILED`: it did not succeed and is run
    again."""

    PENDING = "pending"
    WAITING = "waiting"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True)
class Erasure:
    """One user's erasure. `requested_by` is `user`, or the id of the operator who requested it;
    `entry` is the version of the wallet's CLOSING entry. `done` has the time at which each step was
    done, `held_up` why a step was not, at the last attempt. `due_at` is the time of the next
    attempt (None: it has ended). `notice` is the mail that reports the end, sealed until then.
    `version` counts its changes; `mac` covers what was requested."""

    user_id: str
    requested_at: int
    requested_by: str
    entry: int
    due_at: int | None
    done: Mapping[str, int] = field(default_factory=dict)
    held_up: Mapping[str, str] = field(default_factory=dict)
    finished_at: int | None = None
    version: int = 1
    mac: str = ""
    notice: bytes | None = field(default=None, repr=False)

    @property
    def state(self) -> ErasureState:
        return ErasureState.RUNNING if self.finished_at is None else ErasureState.FINISHED

    def sealed(self, mac_key: bytes) -> "Erasure":
        return replace(self, mac=seal(self._facts(), mac_key))

    def is_sealed(self, mac_key: bytes) -> bool:
        """Whether this service wrote it so: no one is erased because a table editor wants it."""
        return holds(self.mac, self._facts(), mac_key)

    def _facts(self) -> list[object]:
        return ["erasure", self.user_id, self.requested_at, self.requested_by, self.entry]

    def is_due(self, now: int) -> bool:
        return self.due_at is not None and self.due_at <= now

    def age_milliseconds(self, now: int) -> int:
        return max(0, now - self.requested_at)

    def claimed(self, now: int) -> "Erasure":
        """As it stands while an attempt is made: if that dies, the next one is made then. The pause
        is a quarter of the erasure's age, within bounds."""
        pause = min(
            max(self.age_milliseconds(now) // 4, MIN_PAUSE_MILLISECONDS), MAX_PAUSE_MILLISECONDS
        )
        return replace(self, due_at=now + pause, version=self.version + 1)

    def with_done(self, step: str, now: int) -> "Erasure":
        held_up = {name: why for name, why in self.held_up.items() if name != step}
        return replace(
            self, done={**self.done, step: now}, held_up=held_up, version=self.version + 1
        )

    def with_held_up(self, held_up: Mapping[str, str]) -> "Erasure":
        return replace(self, held_up=dict(held_up), version=self.version + 1)

    def finished(self, now: int) -> "Erasure":
        return replace(
            self,
            done={**self.done, CLOSING_STEP: now},
            held_up={},
            due_at=None,
            finished_at=now,
            notice=None,
            version=self.version + 1,
        )

    def state_of(self, step: str) -> StepState:
        if step in self.done:
            return StepState.DONE
        why = self.held_up.get(step)
        if why is None:
            return StepState.PENDING
        return StepState.WAITING if why == StepOutcome.WAITING else StepState.FAILED


def requested(
    user_id: str, by: str, entry: int, now: int, mac_key: bytes, notice: bytes | None = None
) -> Erasure:
    return Erasure(user_id, now, by, entry, due_at=now, notice=notice).sealed(mac_key)


def phases(steps: Sequence[ErasureStep]) -> Iterator[tuple[ErasureStep, ...]]:
    """The steps of each phase, in the order of the phases."""
    ordered = sorted(steps, key=lambda step: step.phase)
    for _, of_phase in groupby(ordered, key=lambda step: step.phase):
        yield tuple(of_phase)


def step_names(steps: Iterable[ErasureStep]) -> tuple[str, ...]:
    """All that an erasure has to do, in order; closing the account is the last."""
    return (*(step.name for step in steps), CLOSING_STEP)
