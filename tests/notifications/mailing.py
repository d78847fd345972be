"""Mails over a table in memory, whose worker does nothing but hand on events and send mails."""

from typing import Any

from service.notifications import keys
from service.notifications.mail import Mail, MailTemplate
from service.notifications.mail_entities import FIELDS, StoredMail
from service.notifications.mail_store import mail_from
from tests.doubles.memory_client import memory_client
from tests.notifications.conftest import NotifyingHarness, Postbox

TOKEN = "secret-token-of-this-mail"
ADDRESS = "ann@mail.example"


class MailHarness(NotifyingHarness):
    """A process over a table in memory, whose worker does nothing but send mails."""

    def __init__(
        self, other: "MailHarness | None" = None, postbox: Postbox | None = None, **more: Any
    ) -> None:
        options = {"clock": other.clock, "connected": other.dynamodb} if other else {}
        usual = {"connected": memory_client()}
        super().__init__(None, "Memory", **(usual | options | more), postbox=postbox)

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.dynamodb.wire.items()  # type: ignore[attr-defined]
        return found

    def settle(self) -> None:
        for hit in hits(self):
            self.sending.dispatch(hit)

    def hand_on(self) -> None:
        """The outbox, and then the mails that it has queued."""
        for partition in keys.DUE_MESSAGES.partitions:
            for hit in self.outbox.due(partition, 25):
                self.outbox.dispatch(hit)
        self.settle()

    def send_until(self, seconds: float) -> None:
        """What the worker does in that time, from one due time to the next."""
        end = self.clock.now() + seconds * 1000
        while (at := self._next_due()) is not None and at <= end:
            self.clock.advance(max(0, at - self.clock.now()) / 1000)
            self.settle()
        self.clock.advance((end - self.clock.now()) / 1000)

    def _next_due(self) -> int | None:
        due = [item["GSI2SK"]["S"] for item in self.items_of("MAIL#") if "GSI2SK" in item]
        dead = [hit.key for hit in self.table.query_index("GSI2", "DUE#DEAD_LETTER#0", limit=25)]
        return None if dead or not due else int(min(due))


def mail(
    mail_id: str = "m1",
    template: MailTemplate = MailTemplate.PASSWORD_CHANGED,
    to: str = ADDRESS,
    user_id: str = "ann",
) -> Mail:
    values = {
        "token": TOKEN,
        "valid_for": "24 hours",
        "changed_at": "2026-11-29T15:00:00.000Z",
        "expires_at": "2026-12-03T00:00:00.000Z",
        "credits": "4.5",
        "threshold": "5",
        "what_happened": "Your card was not charged.",
        "what_follows": "Automatic top-up is off now.",
    }
    fields = {name: values[name] for name in FIELDS[template]}
    return Mail(mail_id, user_id, to, template, fields)


def stored(world: MailHarness, mail_id: str = "m1", user_id: str = "ann") -> StoredMail:
    item = world.table.get(keys.mail(user_id, mail_id))
    assert item is not None
    return mail_from(item)


def hits(world: MailHarness) -> list[Any]:
    found = [world.sending.due(partition, 25) for partition in keys.DUE_MAILS.partitions]
    return [hit for page in found for hit in page]
