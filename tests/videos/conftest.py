"""Videos that are copied: the real parts over a table in memory, the simulated S3, and Kling's own
video file as the simulators serve it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.kling.routes import VIDEO
from devstack.simulators.server import SimulatorServer
from service.core.clock import Clock
from service.core.ids import RandomIds
from service.outbound.network import Network
from service.outbound.trust import public_roots
from service.providers.base import TaskStatus
from service.providers.downloads import Downloads
from service.storage.media_bucket import MediaBucket
from tests.doubles.clock import FakeClock
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

API = "https://api.example.com"
FILE = VIDEO.read_bytes()
_TLS = public_roots()


class FromSimulator:
    """Downloads every video from the simulated Kling, whatever its address says."""

    def __init__(self, clock: Clock, url: str, max_bytes: int = 1_000_000) -> None:
        self._downloads = Downloads(Network(clock), _TLS, clock, max_bytes)
        self.url = f"{url}/kling/videos/1.mp4"
        self.fetched = 0

    @contextmanager
    def pieces(self, url: str, piece_bytes: int, until: float) -> Iterator[Iterator[bytes]]:
        assert url.startswith("https://")
        self.fetched += 1
        with self._downloads.pieces(self.url, piece_bytes, until) as pieces:
            yield pieces


@dataclass
class Copying:
    """A service that copies videos. `broken` arms a fault of the simulators."""

    service: ServiceHarness
    bucket: MediaBucket
    downloads: FromSimulator
    simulators: SimulatorServer
    clock: FakeClock

    def finished(self, user_id: str = "ann") -> str:
        """A job whose video is there at Kling."""
        job = self.service.submit(user_id, f"device-of-{user_id}").job
        self.service.provider.book(job.job_id, TaskStatus.SUCCEEDED)
        return job.job_id

    def work(self, times: int = 1, step: float = 30.0) -> None:
        """The worker, so often."""
        for _ in range(times):
            self.clock.advance(step)
            self.service.work()

    def copies(self) -> list[dict[str, Any]]:
        """What lies in the bucket."""
        return [each for each in self._books()["objects"] if each["bucket"] == self.bucket._bucket]

    def calls(self, service: str = "s3") -> list[str]:
        """The operations that the simulators were called for since the last time."""
        simulators: Any = self.simulators._simulators
        journal = simulators.control._journal
        found = [str(each["operation"]) for each in journal.listed(service)]
        journal.reset()
        return found

    def broken(
        self, service: str, operation: str, fault: str, count: int = 1, seconds: float = 0.0
    ) -> None:
        simulators: Any = self.simulators._simulators
        simulators.control._faults.arm(service, operation, fault, count, seconds)

    def mended(self) -> None:
        simulators: Any = self.simulators._simulators
        simulators.control._faults.reset()

    def _books(self) -> dict[str, Any]:
        simulators: Any = self.simulators._simulators
        books: dict[str, Any] = simulators.s3.objects().get_json()
        return books


def memory_world_of(copying: Copying, **settings: object) -> ServiceHarness:
    """A later service over the same table and bucket."""
    service = copying.service
    return _service(
        *(service.where, copying.clock, service.provider, copying.bucket, copying.downloads),
        **settings,
    )


def _service(
    behind: MemoryBehind,
    clock: FakeClock,
    provider: LikeKling,
    bucket: MediaBucket,
    downloads: FromSimulator,
    **settings: object,
) -> ServiceHarness:
    return ServiceHarness(
        behind,
        behind.name,
        clock=clock,
        provider=provider,
        public_url=API,
        replacements={MediaBucket: bucket, Downloads: downloads},
        **({"uploads_bucket": "files"} | settings),
    )


@pytest.fixture(scope="session")
def simulators() -> Iterator[SimulatorServer]:
    with SimulatorServer(SimulatorSettings(port=0)) as server:
        yield server


@pytest.fixture(scope="session")
def connected(simulators: SimulatorServer) -> tuple[Any, Any]:
    """Clients of S3, made once: that takes as long as ten tests."""
    return MediaBucket.of("us-east-1", "b", f"{simulators.url}/s3", "")._clients()


@pytest.fixture
def copying(simulators: SimulatorServer, connected: tuple[Any, Any]) -> Iterator[Copying]:
    clock = FakeClock()
    bucket = MediaBucket(lambda: connected, RandomIds().new("b", 0).replace("_", "-"))
    downloads = FromSimulator(clock, simulators.url)
    service = _service(MemoryBehind(), clock, LikeKling(), bucket, downloads, videos_copy_days=90)
    made = Copying(service, bucket, downloads, simulators, clock)
    made.calls()
    yield made
    made.mended()
