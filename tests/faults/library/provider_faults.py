"""Faults of the simulated Kling for processes that run: how often each is drawn, and how long it
lasts."""

from dataclasses import dataclass
from random import Random

MAX_LATE_SECONDS = 18.0
"""How late a create may still act after its caller got an error: beyond window and quarantine, so
that it is house loss."""


@dataclass(frozen=True)
class ProviderFault:
    """`fault` in the words of the simulators' `/__faults`; it lasts between `min_seconds` and
    `max_seconds` where that matters."""

    operation: str
    fault: str
    min_seconds: float
    max_seconds: float
    weight: int


PROVIDER_FAULTS = (
    ProviderFault("create", "lost-answer", 0.0, 0.0, 6),
    ProviderFault("create", "slow", 0.5, 4.0, 3),
    ProviderFault("create", "reset", 0.0, 0.0, 2),
    ProviderFault("create", "status:500:5000", 0.0, 0.0, 2),
    ProviderFault("create", "status:503:5001", 0.0, 0.0, 1),
    ProviderFault("create", "html:502", 0.0, 0.0, 2),
    ProviderFault("create", "html:403", 0.0, 0.0, 1),
    ProviderFault("create", "garbage", 0.0, 0.0, 1),
    ProviderFault("create", "no-task-id", 0.0, 0.0, 1),
    ProviderFault("create", "job-fails", 0.0, 0.0, 8),
    ProviderFault("create", "late", 0.0, 6.0, 2),
    ProviderFault("create", "late", MAX_LATE_SECONDS - 1.0, MAX_LATE_SECONDS, 2),
    ProviderFault("create", "status:429:1303", 0.0, 0.0, 3),
    ProviderFault("create", "status:401:1000", 0.0, 0.0, 1),
    ProviderFault("create", "status:400:1201", 0.0, 0.0, 1),
    ProviderFault("create", "status:400:1301", 0.0, 0.0, 1),
    ProviderFault("query", "lost-answer", 0.0, 0.0, 3),
    ProviderFault("query", "slow", 0.5, 5.0, 2),
    ProviderFault("query", "reset", 0.0, 0.0, 1),
    ProviderFault("query", "status:500:5000", 0.0, 0.0, 3),
    ProviderFault("query", "status:404:1203", 0.0, 0.0, 2),
    ProviderFault("query", "html:502", 0.0, 0.0, 2),
    ProviderFault("query", "garbage", 0.0, 0.0, 1),
    ProviderFault("query", "empty", 0.0, 0.0, 2),
    ProviderFault("callback", "drop", 0.0, 0.0, 2),
    ProviderFault("callback", "double", 0.0, 0.0, 2),
    ProviderFault("callback", "early", 0.0, 0.0, 2),
    ProviderFault("callback", "slow", 0.5, 3.0, 1),
    ProviderFault("callback", "forged", 0.0, 0.0, 1),
)


def draw_provider_fault(random: Random) -> dict[str, object]:
    """A body for `/__faults`: one of the faults by weight, for one to three calls."""
    [drawn] = random.choices(PROVIDER_FAULTS, [fault.weight for fault in PROVIDER_FAULTS])
    return {
        "service": "kling",
        "operation": drawn.operation,
        "fault": drawn.fault,
        "count": random.randint(1, 3),
        "seconds": random.uniform(drawn.min_seconds, drawn.max_seconds),
    }
