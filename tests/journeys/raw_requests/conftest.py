"""One service under gunicorn for all of these requests. None of them may write anything."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.clock import SystemClock
from service.ledger import keys
from service.storage.codec import encode_item
from tests.journeys.gate import FaultInjector, opened
from tests.journeys.raw_requests.raw_client import Post
from tests.stack.live_stack import WITHOUT_JOBS, LiveStack, separate_stack

# The only item that a start writes.
SCALE_RECORD = encode_item({**keys.SCALE.attributes(), "scale": SCALE})


@pytest.fixture(scope="package")
def stack(client: Any) -> Iterator[LiveStack]:
    with separate_stack(client, clock=SystemClock(), callbacks=False, **WITHOUT_JOBS) as stack:
        yield stack


@pytest.fixture(scope="package")
def gate(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultInjector]:
    with opened(stack, tmp_path_factory.mktemp("gate")) as gate:
        yield gate
        lines = gate.log.read_text().splitlines()
    assert "Traceback" not in "".join(lines)
    assert [line for line in lines if not isinstance(json.loads(line), dict)] == []


@pytest.fixture(scope="package")
def token(stack: LiveStack) -> str:
    return stack.token("ann", expires_in=10**6)


@pytest.fixture(autouse=True)
def _nothing_written(stack: LiveStack) -> Iterator[None]:
    yield
    assert [item for item in stack.items() if item != SCALE_RECORD] == []
    assert stack.journal("create") == []


@pytest.fixture(scope="package")
def post(token: str) -> Post:
    return Post(token)
