"""A live stack whose table is in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.enumeration.tables import MemoryBehind
from tests.stack.live_stack import LiveStack

# Nothing listens there, and nothing is sent there.
_NOWHERE = "http://127.0.0.1:1"


@contextmanager
def stack_in_memory(memory: MemoryBehind | None = None, **settings: Any) -> Iterator[LiveStack]:
    """For tests about something else than money, races and DynamoDB; over a table of its own unless
    one is given."""
    behind = memory or MemoryBehind()
    with LiveStack(_NOWHERE, behind.name, behind, **settings) as stack:
        yield stack
