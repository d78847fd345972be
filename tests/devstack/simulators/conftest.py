from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from tests.devstack.simulators.stack import START, Receiver, Stack, Start
from tests.doubles.clock import FakeClock


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server on a free port with the settings given, its clock standing still."""
    with ExitStack() as running:

        def started(**settings: Any) -> Stack:
            clock = FakeClock(START)
            server = SimulatorServer(SimulatorSettings(port=0, **settings), clock)
            return Stack(running.enter_context(server), clock)

        yield started


@pytest.fixture
def stack(start: Start) -> Stack:
    return start()


@pytest.fixture(scope="module")
def shared() -> Iterator[Stack]:
    """One server for a module whose tests leave nothing behind that another could see."""
    clock = FakeClock(START)
    with SimulatorServer(SimulatorSettings(port=0), clock) as server:
        yield Stack(server, clock)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
