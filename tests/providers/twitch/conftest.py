"""Twitch's client and a simulated Twitch, one for all tests of a file."""

from collections.abc import Iterator

import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from tests.providers.twitch.harness import TwitchHarness


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with SimulatorServer(SimulatorSettings(port=0)) as server:
        yield server.url


@pytest.fixture
def world(simulator: str) -> Iterator[TwitchHarness]:
    harness = TwitchHarness(simulator)
    yield harness
    harness.reset()
