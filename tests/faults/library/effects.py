"""Every fault that an effect can meet: whether and when its request arrives, and what its sender is
told.

Reads change nothing, so that losing the request, losing the answer and being late are one fault to
them."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an effect is, as far as its faults go."""

    READ = "read"
    WRITE = "write"
    CREATE = "create"
    QUERY = "query"


class Arrives(StrEnum):
    """When a request reaches its end."""

    NEVER = "never"
    NOW = "now"
    SOON = "between the sender's next call and the one after"
    STEP_OVER = "when its sender has given up and answered"
    NEXT_STEP = "in the middle of whatever comes next"
    SETTLED = "when every job has ended"


class Told(StrEnum):
    """What the sender comes to know."""

    TRUTH = "the truth"
    DEATH = "nothing, for it dies"
    SILENCE = "nothing until its timeout"
    THROTTLED = "throttled"
    CONFLICTED = "a conflict"
    BROKEN = "an error of the server"
    UNREACHED = "no connection"
    HTML = "a gateway's page"
    NO_ID = "accepted, but no id"
    UNSEEN = "no such task"


class Meanwhile(StrEnum):
    """What others do while the sender stands still."""

    NOTHING = ""
    WORKER = "the worker settles every open job"
    TWIN = "a twin asks with the same key"


@dataclass(frozen=True)
class Fault:
    """`lasting`: every later call at the same door in this step is lost, and told the same.
    `stands_after`: the sender stands still with its answer in hand instead of before it sends."""

    name: str
    arrives: Arrives
    told: Told
    lasting: bool = False
    meanwhile: Meanwhile = Meanwhile.NOTHING
    stands_after: bool = False


_OVERTAKEN = (
    Fault("paused", Arrives.NOW, Told.TRUTH, meanwhile=Meanwhile.WORKER),
    Fault("twin", Arrives.NOW, Told.TRUTH, meanwhile=Meanwhile.TWIN),
)
_READ = (
    Fault("killed", Arrives.NOW, Told.DEATH),
    Fault("lost", Arrives.NEVER, Told.SILENCE),
    Fault("throttled", Arrives.NEVER, Told.THROTTLED),
    Fault("conflicted", Arrives.NEVER, Told.CONFLICTED),
    Fault("outage", Arrives.NEVER, Told.SILENCE, lasting=True),
    Fault("storm", Arrives.NEVER, Told.THROTTLED, lasting=True),
)
_WRITE = (
    Fault("killed-before", Arrives.NEVER, Told.DEATH),
    Fault("killed-after", Arrives.NOW, Told.DEATH),
    Fault("killed-in-flight", Arrives.STEP_OVER, Told.DEATH),
    Fault("killed-landing-next", Arrives.NEXT_STEP, Told.DEATH),
    Fault("lost-request", Arrives.NEVER, Told.SILENCE),
    Fault("lost-answer", Arrives.NOW, Told.SILENCE),
    Fault("slow", Arrives.SOON, Told.SILENCE),
    Fault("late-after-the-answer", Arrives.STEP_OVER, Told.SILENCE),
    Fault("late-in-the-next-step", Arrives.NEXT_STEP, Told.SILENCE),
    Fault("late-after-the-release", Arrives.SETTLED, Told.SILENCE),
    Fault("throttled", Arrives.NEVER, Told.THROTTLED),
    Fault("conflicted", Arrives.NEVER, Told.CONFLICTED),
    Fault("error-not-applied", Arrives.NEVER, Told.BROKEN),
    Fault("error-applied", Arrives.NOW, Told.BROKEN),
    Fault("outage", Arrives.NEVER, Told.SILENCE, lasting=True),
    Fault("outage-applied", Arrives.NOW, Told.SILENCE, lasting=True),
    Fault("outage-landing-late", Arrives.STEP_OVER, Told.SILENCE, lasting=True),
    Fault("storm", Arrives.NEVER, Told.THROTTLED, lasting=True),
    Fault("never-connected", Arrives.NEVER, Told.UNREACHED),
    Fault("unreachable", Arrives.NEVER, Told.UNREACHED, lasting=True),
    Fault("paused-after", Arrives.NOW, Told.TRUTH, meanwhile=Meanwhile.WORKER, stands_after=True),
)
_CREATE = (
    Fault("killed-before", Arrives.NEVER, Told.DEATH),
    Fault("killed-after", Arrives.NOW, Told.DEATH),
    Fault("killed-in-flight", Arrives.STEP_OVER, Told.DEATH),
    Fault("never-connected", Arrives.NEVER, Told.UNREACHED),
    Fault("lost-request", Arrives.NEVER, Told.SILENCE),
    Fault("lost-answer", Arrives.NOW, Told.SILENCE),
    Fault("late-after-the-answer", Arrives.STEP_OVER, Told.SILENCE),
    Fault("late-in-the-next-step", Arrives.NEXT_STEP, Told.SILENCE),
    Fault("late-after-the-release", Arrives.SETTLED, Told.SILENCE),
    Fault("error-not-taken", Arrives.NEVER, Told.BROKEN),
    Fault("error-taken", Arrives.NOW, Told.BROKEN),
    Fault("html-not-taken", Arrives.NEVER, Told.HTML),
    Fault("html-taken", Arrives.NOW, Told.HTML),
    Fault("no-id", Arrives.NOW, Told.NO_ID),
    Fault("outage", Arrives.NEVER, Told.UNREACHED, lasting=True),
)
_QUERY = (
    Fault("killed", Arrives.NOW, Told.DEATH),
    Fault("lost", Arrives.NEVER, Told.SILENCE),
    Fault("error", Arrives.NEVER, Told.BROKEN),
    Fault("html", Arrives.NEVER, Told.HTML),
    Fault("unseen", Arrives.NEVER, Told.UNSEEN),
)
FAULTS = {
    Kind.READ: _READ + _OVERTAKEN,
    Kind.WRITE: _WRITE + _OVERTAKEN,
    Kind.CREATE: _CREATE + _OVERTAKEN,
    Kind.QUERY: _QUERY + _OVERTAKEN,
}


def fault(kind: Kind, name: str) -> Fault:
    """Raises `LookupError`."""
    for each in FAULTS[kind]:
        if each.name == name:
            return each
    raise LookupError(f"a {kind} knows no fault {name!r}")
