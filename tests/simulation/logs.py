"""The service's log while a world runs: counted, not written. What no world can bring about
honestly is kept."""

import contextlib
from collections.abc import Iterator
from typing import Any

import structlog

from tests.simulation.journal import Journal

INJECTED = "provider_create_failed"
NEVER = {"ledger_damaged", "job_damaged"}


@contextlib.contextmanager
def counted_logs(journal: Journal) -> Iterator[list[str]]:
    """Yields the list of log events that must not happen: damage, and unexpected exceptions."""
    broken: list[str] = []

    def count(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        name = str(event["event"])
        journal.count(f"log: {name}")
        if name in NEVER or (event.get("exc_info") and name != INJECTED):
            broken.append(f"{name} {event}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[count], cache_logger_on_first_use=False)
    try:
        yield broken
    finally:
        structlog.configure(**before)
