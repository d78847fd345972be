from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.stack.live_stack import LiveStack


@pytest.fixture
def start(client: Any, table_name: str) -> Iterator[Callable[..., LiveStack]]:
    """Starts the service, its worker and the simulators on free ports; settings and simulator
    settings by name."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(
            LiveStack(client.meta.endpoint_url, table_name, **settings)
        )


@pytest.fixture
def stack(start: Callable[..., LiveStack]) -> LiveStack:
    return start()
