"""AssemblyAI's client and a simulated AssemblyAI, one for all tests of a file."""

from collections.abc import Iterator

import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from tests.providers.assemblyai.harness import AssemblyAiHarness


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with SimulatorServer(SimulatorSettings(port=0, transcript_seconds=0.0)) as server:
        yield server.url


@pytest.fixture
def world(simulator: str) -> Iterator[AssemblyAiHarness]:
    harness = AssemblyAiHarness(simulator)
    yield harness
    harness.reset()
