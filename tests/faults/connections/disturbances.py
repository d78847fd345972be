"""Everything that a server, a balancer or a network does to a connection, by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.storage.outcomes import Applied, NeverSent, PossiblyApplied, Refused
from tests.faults.connections import greetings, requests, responses
from tests.faults.connections.server import Disturb, Greet, serve

Outcomes = tuple[type, ...]

NEVER: Outcomes = (NeverSent,)
POSSIBLY: Outcomes = (PossiblyApplied,)
APPLIED: Outcomes = (Applied,)
REFUSED: Outcomes = (Refused,)
# No byte may have arrived, but the client cannot know.
CUT: Outcomes = (NeverSent, PossiblyApplied)
# A response that a reset can overtake.
HASTY: Outcomes = (Applied, PossiblyApplied)


@dataclass(frozen=True)
class Disturbance:
    """`outcomes` are those that are right, given what the server then did. `slow` ones end by the
    client's time limit alone. A greeting disturbs a new connection, before TLS; `unreachable` is
    where nothing even accepts one."""

    name: str
    outcomes: Outcomes
    disturb: Disturb | None = None
    greet: Greet | None = None
    slow: bool = False
    only: str = ""
    unreachable: str = ""
    race: bool = False


def _greetings(greets: Mapping[str, Greet], outcomes: Outcomes, only: str) -> list[Disturbance]:
    slow = greets is greetings.HANGING
    ending = "" if only == "https" else ", plain"
    return [
        Disturbance(name + ending, outcomes, greet=greet, only=only, slow=slow)
        for name, greet in greets.items()
    ]


def _served(
    disturbs: Mapping[str, Disturb], outcomes: Outcomes, *, slow: bool = False, only: str = ""
) -> list[Disturbance]:
    return [
        Disturbance(name, outcomes, disturb, slow=slow, only=only)
        for name, disturb in disturbs.items()
    ]


DISTURBANCES: tuple[Disturbance, ...] = (
    Disturbance("no one listens", NEVER, unreachable="refused"),
    Disturbance("no one accepts", NEVER, unreachable="hangs", slow=True),
    Disturbance("an idle connection closes as it is used", HASTY, serve, race=True),
    *_greetings(greetings.ENDING, NEVER, "https"),
    *_greetings(greetings.HANGING, NEVER, "https"),
    *_greetings(greetings.AT_ONCE, NEVER, "https"),
    *_greetings(greetings.AT_ONCE, CUT, "http"),
    *_greetings(greetings.AFTER_HANDSHAKE, CUT, "https"),
    *_served(requests.CUT, POSSIBLY),
    *_served(requests.STUCK, POSSIBLY, slow=True),
    Disturbance("refused before all came", (Refused, PossiblyApplied), requests.refuse_early),
    *_served(responses.APPLIED, APPLIED),
    *_served(responses.REFUSED, REFUSED),
    *_served(responses.HASTY, HASTY),
    *_served(responses.BROKEN, POSSIBLY),
    *_served(responses.SLOW, POSSIBLY, slow=True),
    *_served(responses.ENCRYPTED_ONLY, POSSIBLY, only="https"),
)
