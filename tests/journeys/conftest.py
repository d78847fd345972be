from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from service.core.clock import SystemClock
from tests.faults.enumeration.tables import MemoryBehind
from tests.identity.issuer import publishing
from tests.journeys.api_client import ApiClient
from tests.journeys.issuers import RealTimeIssuer
from tests.stack.live_stack import WITHOUT_JOBS, LiveStack
from tests.stack.memory_stack import stack_in_memory

PAGE = "https://app.example.com"


@pytest.fixture
def start(client: Any, table_name: str) -> Iterator[Callable[..., LiveStack]]:
    """Starts stacks; takes settings of the service and of the simulators by name."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(
            LiveStack(client.meta.endpoint_url, table_name, **settings)
        )


@pytest.fixture
def start_in_memory(memory: MemoryBehind) -> Iterator[Callable[..., LiveStack]]:
    """As `start`, for files about something else than money, races and DynamoDB."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(stack_in_memory(memory, **settings))


@pytest.fixture
def stack(start: Callable[..., LiveStack]) -> LiveStack:
    return start()


@pytest.fixture(scope="module")
def api() -> Iterator[ApiClient]:
    """A client of one stack in real time, for tests that write nothing."""
    settings: dict[str, Any] = {"clock": SystemClock(), "cors_allowed_origins": (PAGE,)}
    with stack_in_memory(**settings, **WITHOUT_JOBS) as stack:
        yield ApiClient(stack)


@pytest.fixture
def nothing_written(api: ApiClient) -> Iterator[None]:
    """Asserts after the test that `api` has written nothing and called no provider."""
    yield
    assert api.stack.items() == []
    assert api.stack.journal("create") == []


@pytest.fixture(scope="module")
def issuer() -> Iterator[RealTimeIssuer]:
    with publishing() as publisher:
        yield RealTimeIssuer(publisher)
