"""Kling's client and a simulated Kling."""

from collections.abc import Iterator

import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from tests.providers.kling.harness import KlingHarness


@pytest.fixture
def world() -> Iterator[KlingHarness]:
    with SimulatorServer(SimulatorSettings(port=0, video_seconds=0.0)) as server:
        yield KlingHarness(server.url, [])
