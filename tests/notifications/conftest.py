"""Notifications over DynamoDB Local, with a receiver whose responses a test decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.ledger.low_balance import LowBalance
from service.notifications.dead_letters import DeadLetters
from service.notifications.deliveries import Deliveries
from service.notifications.endpoints import Endpoints
from service.notifications.entities import Attempt, Endpoint, Event
from service.notifications.operations import Outbox
from service.notifications.sender import Sender
from service.providers.base import TaskStatus
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness

URL = "https://hooks.example.com/farebox"


@dataclass(frozen=True)
class Sent:
    url: str
    event: Event
    secrets: tuple[str, ...]


@dataclass
class Receivers:
    """Every receiver of the house: responds with the planned statuses, then with 204. None stands
    for no response."""

    clock: FakeClock
    sent: list[Sent] = field(default_factory=list)
    plans: dict[str, list[int | None]] = field(default_factory=dict)
    wait_milliseconds: int = 0

    def plan(self, *statuses: int | None, url: str = URL) -> None:
        self.plans.setdefault(url, []).extend(statuses)

    def send(self, url: str, happened: Event, secrets: Sequence[str]) -> Attempt:
        self.sent.append(Sent(url, happened, tuple(secrets)))
        planned = self.plans.get(url)
        status = planned.pop(0) if planned else 204
        error = "no response" if status is None else ""
        now = self.clock.now()
        return Attempt(now, 7, status, error, "body", self.wait_milliseconds)

    @property
    def event_ids(self) -> list[str]:
        return [each.event.event_id for each in self.sent]

    @property
    def types(self) -> list[str]:
        return [each.event.type for each in self.sent]


class NotifyingHarness(ServiceHarness):
    """A process whose webhooks go to `receivers`. Several may share a table and a clock."""

    def __init__(self, client: Any, table_name: str, **options: Any) -> None:
        clock = options.pop("clock", None) or FakeClock()
        self.receivers = options.pop("receivers", None) or Receivers(clock)
        super().__init__(
            client,
            table_name,
            clock=clock,
            jitter=lambda: 0.5,
            replacements={Sender: self.receivers},
            **options,
        )
        self.outbox = self.parts.get(Outbox)
        self.endpoints = self.parts.get(Endpoints)
        self.deliveries = self.parts.get(Deliveries)
        self.dead_letters = self.parts.get(DeadLetters)
        self.low_balance = self.parts.get(LowBalance)

    def endpoint(self, url: str = URL, *events: Any) -> Endpoint:
        return self.endpoints.add(url, events, "")[0]

    def items_of(self, prefix: str) -> list[dict[str, Any]]:
        return [item for item in self.items() if item["SK"]["S"].startswith(prefix)]

    def finish(
        self, status: TaskStatus = TaskStatus.SUCCEEDED, user_id: str = "ann", device: str = "phone"
    ) -> None:
        """A job from its hold to its end."""
        job_id = self.submit(user_id, device).job.job_id
        self.provider.book(job_id, status)
        self.settlement.resolve(user_id, job_id)

    def settle(self) -> None:
        """The worker, until nothing is due at this moment."""
        for _ in range(5):
            self.work()


@pytest.fixture
def world(client: Any, table_name: str) -> NotifyingHarness:
    return NotifyingHarness(client, table_name)
