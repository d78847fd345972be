from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from service.core.ids import RandomIds
from service.storage.media_bucket import MediaBucket
from service.storage.table import Table
from service.uploads.entities import MEGABYTE, Upload, UploadLimits
from service.uploads.operations import UploadKeys, Uploads
from service.uploads.personal_data import UploadData
from tests.doubles.clock import FakeClock
from tests.doubles.memory_client import memory_client
from tests.doubles.pictures import png
from tests.doubles.service_harness import MAC_KEY
from tests.doubles.upload_forms import post_form
from tests.faults.enumeration.tables import MemoryBehind

LIMITS = UploadLimits(
    max_audio_bytes=2 * MEGABYTE,
    max_open=3,
    max_bytes_a_day=20 * MEGABYTE,
    form_seconds=300,
    link_seconds=600,
    keep_days=7,
    waits_for_scan=False,
)
PNG = png()
# Users whose accounts are being erased.
CLOSING = frozenset({"leaving"})


@dataclass
class World:
    """Uploads over a table in memory and the simulated S3."""

    uploads: Uploads
    data: UploadData
    bucket: MediaBucket
    table: Table
    clock: FakeClock
    behind: MemoryBehind
    simulators: SimulatorServer

    def sent(self, file: bytes = PNG, kind: str = "image/png", user_id: str = "ann") -> str:
        """The id of an upload whose file was posted."""
        begun = self.uploads.begin(user_id, kind, len(file))
        response = post_form(begun.form.url, begun.form.fields, file)
        assert response.status_code == 204, response.text
        return begun.upload.upload_id

    def ready(self, file: bytes = PNG, kind: str = "image/png", user_id: str = "ann") -> Upload:
        return self.uploads.complete(user_id, self.sent(file, kind, user_id))

    def objects(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [
            each for each in self.books() if each["bucket"] == self.bucket._bucket
        ]
        return found

    def books(self) -> list[dict[str, Any]]:
        simulators: Any = self.simulators._simulators
        listed: list[dict[str, Any]] = simulators.s3.objects().get_json()["objects"]
        return listed

    def fault(self, operation: str, fault: str) -> None:
        simulators: Any = self.simulators._simulators
        simulators.control._faults.arm("s3", operation, fault, 1, 0.0)


@pytest.fixture(scope="session")
def simulators() -> Iterator[SimulatorServer]:
    with SimulatorServer(SimulatorSettings(port=0)) as server:
        yield server


@pytest.fixture(scope="session")
def connected(simulators: SimulatorServer) -> tuple[Any, Any]:
    """Clients of S3, made once: that takes as long as ten tests."""
    return MediaBucket.of("us-east-1", "b", f"{simulators.url}/s3", "")._clients()


@pytest.fixture
def world(
    simulators: SimulatorServer, connected: tuple[Any, Any], request: pytest.FixtureRequest
) -> World:
    behind, clock = MemoryBehind(), FakeClock()
    table = Table(memory_client(behind), "Table")
    bucket = MediaBucket(lambda: connected, RandomIds().new("b", 0).replace("_", "-"))
    object_keys = UploadKeys(MAC_KEY)
    limits: UploadLimits = getattr(request, "param", LIMITS)
    return World(
        Uploads(table, bucket, object_keys, limits, clock, RandomIds(), CLOSING.__contains__),
        UploadData(table, bucket, object_keys, clock, post_seconds=900),
        bucket,
        table,
        clock,
        behind,
        simulators,
    )
