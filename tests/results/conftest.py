"""Results over the table in memory: what they are made of is the subject, not the table."""

from functools import cached_property
from typing import Any

import pytest

from service.core.ids import RandomIds
from service.results.entities import Owner, Verdict
from service.results.operations import Results
from service.results.sweeps import UnfinishedResults
from service.storage.data_keys import DataKeys
from service.storage.keys import data_key
from service.storage.table import Table
from service.storage.wrapping import LocalWrapping
from tests.doubles.clock import FakeClock
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import MAC_KEY, ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.faults.library.wire import Wire

OWNER = Owner("ann", "ann", "job_1")
VERDICT = Verdict({"seconds": 61}, facts={"model": "best"})
SMALL = {"text": "Grüße, 世界"}


def incompressible(kilobytes: int) -> dict[str, Any]:
    """A document that is as large sealed as it is plain, the same each time."""
    numbers = (pow(3, at, 1_000_003) for at in range(kilobytes * 128))
    return {"text": "".join(f"{each * 7919 % 16**8:08x}" for each in numbers)}


LARGE = incompressible(600)


class World:
    """Results alone; the service around them is built where a test needs it, which takes longer
    than all the rest."""

    def __init__(self) -> None:
        self.behind, self.clock = MemoryBehind(), FakeClock()
        self.client = memory_client(self.behind)
        self.table = Table(self.client, MemoryBehind.name)
        self.data_keys = DataKeys(self.table, MemoryBehind.name, LocalWrapping(MAC_KEY), self.clock)
        # Otherwise the first write of every test would be that of the data key.
        self.data_keys.seal("ann", data_key("ann"), "first", "")
        self.results = Results(self.table, self.data_keys, self.clock, RandomIds(), MAC_KEY)

    @cached_property
    def harness(self) -> ServiceHarness:
        return ServiceHarness(None, MemoryBehind.name, connected=self.client, clock=self.clock)

    def wire(self) -> Wire:
        return Wire(self.client)

    def sweep(self, hours: float = 2) -> None:
        self.clock.advance(hours * 3600)
        UnfinishedResults(self.results, lambda: False).run_once()

    def keys(self, prefix: str = "") -> list[str]:
        """Sort keys of everything that results have stored."""
        found = (item["SK"]["S"] for item in self.behind.items() if "RESULT#" in str(item))
        return sorted(key for key in found if key.startswith(prefix))

    def job_with_result(self, content: dict[str, Any] = SMALL, verdict: Verdict = VERDICT) -> str:
        """A job of `ann`, and a result of it."""
        job_id = self.harness.submit().job.job_id
        self.results.store(Owner("ann", "ann", job_id), verdict, content)
        return job_id

    def violations(self) -> list[str]:
        return [each.what for each in self.harness.audit().violations]


@pytest.fixture
def world() -> World:
    return World()
