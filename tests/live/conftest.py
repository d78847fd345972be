"""One simulated vendor for a module; a world of its own for each test."""

from collections.abc import Iterator

import pytest

from devstack.simulators.assemblyai.sockets import SpeechSockets
from tests.live.relay_world import RelayWorld, make_world, simulated


@pytest.fixture(scope="module")
def sockets() -> Iterator[SpeechSockets]:
    found = simulated()
    yield found
    found.stop()


@pytest.fixture
def world(sockets: SpeechSockets) -> RelayWorld:
    return make_world(sockets)
