"""Notifications over DynamoDB Local, with receivers and a mail provider whose responses a test
decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.admin.entities import Action
from service.admin.webhooks import WebhookActions
from service.ledger.low_balance import LowBalance
from service.notifications.dead_letters import DeadLetter, DeadLetters
from service.notifications.deliveries import Deliveries
from service.notifications.endpoints import Endpoints
from service.notifications.entities import Attempt, Endpoint, EndpointEdit, Event, EventType
from service.notifications.mail import MailBox
from service.notifications.mail_entities import MailAttempt, MailResult, OutgoingMail
from service.notifications.mail_sender import MailSender
from service.notifications.mail_sending import MailSending
from service.notifications.operations import Outbox
from service.notifications.sender import Sender
from service.providers.base import TaskStatus
from tests.admin.actions import action
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

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


@dataclass
class Postbox:
    """The mail provider: responds with the planned attempts, then accepts."""

    mails: list[OutgoingMail] = field(default_factory=list)
    planned: list[MailAttempt] = field(default_factory=list)

    def send(self, mail: OutgoingMail) -> MailAttempt:
        self.mails.append(mail)
        accepted = MailAttempt(MailResult.SENT, sent_id=f"ses-{len(self.mails)}")
        return self.planned.pop(0) if self.planned else accepted


class NotifyingHarness(ServiceHarness):
    """A process whose webhooks go to `receivers`, and its mails to `postbox`. Several may share a
    table and a clock."""

    def __init__(self, client: Any, table_name: str, **options: Any) -> None:
        clock = options.pop("clock", None) or FakeClock()
        self.receivers = options.pop("receivers", None) or Receivers(clock)
        self.postbox = options.pop("postbox", None) or Postbox()
        super().__init__(
            client,
            table_name,
            clock=clock,
            jitter=lambda: 0.5,
            replacements={Sender: self.receivers, MailSender: self.postbox},
            **options,
        )
        self.outbox = self.parts.get(Outbox)
        self.endpoints = self.parts.get(Endpoints)
        self.deliveries = self.parts.get(Deliveries)
        self.mail_box = self.parts.get(MailBox)
        self.sending = self.parts.get(MailSending)
        self.dead_letters = self.parts.get(DeadLetters)
        self.low_balance = self.parts.get(LowBalance)
        self.operators = self.parts.get(WebhookActions)
        self._actions = 0

    def endpoint(self, url: str = URL, *events: Any) -> Endpoint:
        """For every type but that of sign-ups, unless it names some."""
        events = events or tuple(set(EventType) - {EventType.USER_CREATED})
        return self.endpoints.add(url, events, "")[0]

    def action(self, **changes: Any) -> Action:
        """An action of an operator, each with a key of its own."""
        self._actions += 1
        return action(
            **{"subject": None, "idempotency_key": f"key-{id(self)}-{self._actions}", **changes}
        )

    def edit(self, endpoint_id: str, **changes: Any) -> Endpoint:
        edit = EndpointEdit(**changes)
        return self.operators.edit(self.action(), endpoint_id, edit).endpoint

    def resend(self, endpoint_id: str, event_id: str) -> None:
        self.operators.resend(self.action(), endpoint_id, event_id)

    def redrive(self, letter: DeadLetter) -> None:
        """As an operator does, with each kind of dead letter."""
        if letter.endpoint_id is not None:
            self.resend(letter.endpoint_id, letter.event_id)
        else:
            self.operators.redrive(self.action(subject=letter.user_id), letter.event_id)

    def items_of(self, prefix: str) -> list[dict[str, Any]]:
        """But for the events of sign-ups, which every user begins with."""
        found = [item for item in self.items() if item["SK"]["S"].startswith(prefix)]
        return [item for item in found if not _is_sign_up(item)]

    def sign_up_events(self) -> list[dict[str, Any]]:
        return [item for item in self.items() if _is_sign_up(item)]

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


def _is_sign_up(item: dict[str, Any]) -> bool:
    is_event = item["SK"]["S"].startswith("OUTBOX#")
    return is_event and f'"type":"{EventType.USER_CREATED}"' in item["body"]["S"]


@pytest.fixture
def world(memory: MemoryBehind) -> NotifyingHarness:
    return NotifyingHarness(memory, memory.name)
