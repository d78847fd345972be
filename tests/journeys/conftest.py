from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from service.core.clock import SystemClock
from tests.identity.issuer import publishing
from tests.journeys.api_client import ApiClient
from tests.journeys.issuers import RealTimeIssuer
from tests.stack.live_stack import WITHOUT_JOBS, LiveStack, separate_stack

PAGE = "https://app.example.com"


@pytest.fixture
def start(client: Any, table_name: str) -> Iterator[Callable[..., LiveStack]]:
    """Starts stacks; takes settings of the service and of the simulators by name."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(
            LiveStack(client.meta.endpoint_url, table_name, **settings)
        )


@pytest.fixture
def stack(start: Callable[..., LiveStack]) -> LiveStack:
    return start()


@pytest.fixture(scope="module")
def api(client: Any) -> Iterator[ApiClient]:
    """A client of one stack in real time, for tests that write nothing."""
    settings: dict[str, Any] = {"clock": SystemClock(), "cors_allowed_origins": (PAGE,)}
    with separate_stack(client, **settings, **WITHOUT_JOBS) as stack:
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
