"""Every fault that an effect can meet: whether and when its request arrives, and what is reported
to its sender.

Reads change nothing, so a lost request, a lost response and a late arrival are the same fault for
them."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an effect is, as far as its faults go."""

    READ = "read"
    WRITE = "write"
    CREATE = "create"
    QUERY = "query"
    STREAM = "stream"


class Arrives(StrEnum):
    """When a request reaches its end."""

    NEVER = "never"
    NOW = "now"
    SOON = "between the sender's next call and the one after"
    STEP_OVER = "when its sender has given up and responded"
    NEXT_STEP = "in the middle of whatever comes next"
    SETTLED = "when every job has ended"


class Reported(StrEnum):
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
    USER = "the user cancels"
    DRAIN = "the process is drained"


@dataclass(frozen=True)
class Fault:
    """`lasting`: every later call to the same endpoint in this step meets the same fault.
    `stands_after`: the sender pauses with the response in hand instead of before it sends."""

    name: str
    arrives: Arrives
    reported: Reported
    lasting: bool = False
    meanwhile: Meanwhile = Meanwhile.NOTHING
    stands_after: bool = False


_OVERTAKEN = (
    Fault("paused", Arrives.NOW, Reported.TRUTH, meanwhile=Meanwhile.WORKER),
    Fault("twin", Arrives.NOW, Reported.TRUTH, meanwhile=Meanwhile.TWIN),
)
_READ = (
    Fault("killed", Arrives.NOW, Reported.DEATH),
    Fault("html", Arrives.NEVER, Reported.HTML),
    Fault("lost", Arrives.NEVER, Reported.SILENCE),
    Fault("throttled", Arrives.NEVER, Reported.THROTTLED),
    Fault("conflicted", Arrives.NEVER, Reported.CONFLICTED),
    Fault("outage", Arrives.NEVER, Reported.SILENCE, lasting=True),
    Fault("storm", Arrives.NEVER, Reported.THROTTLED, lasting=True),
)
_WRITE = (
    Fault("killed-before", Arrives.NEVER, Reported.DEATH),
    Fault("killed-after", Arrives.NOW, Reported.DEATH),
    Fault("killed-in-flight", Arrives.STEP_OVER, Reported.DEATH),
    Fault("killed-landing-next", Arrives.NEXT_STEP, Reported.DEATH),
    Fault("lost-request", Arrives.NEVER, Reported.SILENCE),
    Fault("lost-answer", Arrives.NOW, Reported.SILENCE),
    Fault("slow", Arrives.SOON, Reported.SILENCE),
    Fault("late-after-the-answer", Arrives.STEP_OVER, Reported.SILENCE),
    Fault("late-in-the-next-step", Arrives.NEXT_STEP, Reported.SILENCE),
    Fault("late-after-the-release", Arrives.SETTLED, Reported.SILENCE),
    Fault("throttled", Arrives.NEVER, Reported.THROTTLED),
    Fault("conflicted", Arrives.NEVER, Reported.CONFLICTED),
    Fault("error-not-applied", Arrives.NEVER, Reported.BROKEN),
    Fault("error-applied", Arrives.NOW, Reported.BROKEN),
    Fault("html-not-applied", Arrives.NEVER, Reported.HTML),
    Fault("html-applied", Arrives.NOW, Reported.HTML),
    Fault("outage", Arrives.NEVER, Reported.SILENCE, lasting=True),
    Fault("outage-applied", Arrives.NOW, Reported.SILENCE, lasting=True),
    Fault("outage-landing-late", Arrives.STEP_OVER, Reported.SILENCE, lasting=True),
    Fault("storm", Arrives.NEVER, Reported.THROTTLED, lasting=True),
    Fault("never-connected", Arrives.NEVER, Reported.UNREACHED),
    Fault("unreachable", Arrives.NEVER, Reported.UNREACHED, lasting=True),
    Fault(
        "paused-after", Arrives.NOW, Reported.TRUTH, meanwhile=Meanwhile.WORKER, stands_after=True
    ),
)
_CREATE = (
    Fault("killed-before", Arrives.NEVER, Reported.DEATH),
    Fault("killed-after", Arrives.NOW, Reported.DEATH),
    Fault("killed-in-flight", Arrives.STEP_OVER, Reported.DEATH),
    Fault("never-connected", Arrives.NEVER, Reported.UNREACHED),
    Fault("lost-request", Arrives.NEVER, Reported.SILENCE),
    Fault("lost-answer", Arrives.NOW, Reported.SILENCE),
    Fault("late-after-the-answer", Arrives.STEP_OVER, Reported.SILENCE),
    Fault("late-in-the-next-step", Arrives.NEXT_STEP, Reported.SILENCE),
    Fault("late-after-the-release", Arrives.SETTLED, Reported.SILENCE),
    Fault("error-not-taken", Arrives.NEVER, Reported.BROKEN),
    Fault("error-taken", Arrives.NOW, Reported.BROKEN),
    Fault("html-not-taken", Arrives.NEVER, Reported.HTML),
    Fault("html-taken", Arrives.NOW, Reported.HTML),
    Fault("no-id", Arrives.NOW, Reported.NO_ID),
    Fault("outage", Arrives.NEVER, Reported.UNREACHED, lasting=True),
)
_QUERY = (
    Fault("killed", Arrives.NOW, Reported.DEATH),
    Fault("lost", Arrives.NEVER, Reported.SILENCE),
    Fault("error", Arrives.NEVER, Reported.BROKEN),
    Fault("html", Arrives.NEVER, Reported.HTML),
    Fault("unseen", Arrives.NEVER, Reported.UNSEEN),
)
_STREAM = (
    Fault("killed-before", Arrives.NEVER, Reported.DEATH),
    Fault("killed-after", Arrives.NOW, Reported.DEATH),
    Fault("cut-before", Arrives.NEVER, Reported.UNREACHED),
    Fault("cut-after", Arrives.NOW, Reported.UNREACHED),
    Fault("stalled-before", Arrives.NEVER, Reported.SILENCE),
    Fault("stalled-after", Arrives.NOW, Reported.SILENCE),
    Fault("error", Arrives.NEVER, Reported.BROKEN),
    Fault("cancelled", Arrives.NOW, Reported.TRUTH, meanwhile=Meanwhile.USER),
    Fault("drained", Arrives.NOW, Reported.TRUTH, meanwhile=Meanwhile.DRAIN),
)
FAULTS = {
    Kind.READ: _READ + _OVERTAKEN,
    Kind.WRITE: _WRITE + _OVERTAKEN,
    Kind.CREATE: _CREATE + _OVERTAKEN,
    Kind.QUERY: _QUERY + _OVERTAKEN,
    Kind.STREAM: _STREAM + _OVERTAKEN,
}


def fault(kind: Kind, name: str) -> Fault:
    """Raises `LookupError`."""
    for each in FAULTS[kind]:
        if each.name == name:
            return each
    raise LookupError(f"a {kind} knows no fault {name!r}")
