"""A user's mails as a whole: what an export shows of them, and what an erasure takes out.

In a file of its own because nothing is sent here."""

from collections.abc import Iterator
from dataclasses import replace

from service.core.clock import Clock, iso
from service.core.erasure import StepOutcome
from service.notifications import keys, mail_store
from service.notifications.mail_entities import MailTemplate, StoredMail
from service.storage.table import ConditionFailed, Table

PAGE = 50
ERASED = "the user's data has been erased"


class MailRecords:
    """Reads a user's mails page by page. Raises `StorageUnavailable`."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def exported(self, user_id: str) -> Iterator[dict[str, object]]:
        """The user's mails of the last weeks. What one says is forgotten once it is sent."""
        for stored in self._all(user_id):
            yield {
                "template": stored.mail.template,
                "createdAt": iso(stored.created_at),
                "state": stored.progress.state,
                "endedAt": None if stored.ended_at is None else iso(stored.ended_at),
            }

    def erase(self, user_id: str) -> StepOutcome:
        """Cancels what has not been sent, but for the mail that reports the erasure. Idempotent.
        `WAITING` while a worker is at one of them."""
        outcome = StepOutcome.DONE
        for stored in self._all(user_id):
            if stored.mail.content is None or stored.mail.template is MailTemplate.ACCOUNT_ERASED:
                continue
            now = self._clock.now()
            ended = replace(
                stored, progress=stored.progress.cancelled(), error=ERASED, ended_at=now
            )
            try:
                self._table.write(mail_store.mail_change(stored, ended, now))
            except ConditionFailed:
                outcome = StepOutcome.WAITING
        return outcome

    def _all(self, user_id: str) -> Iterator[StoredMail]:
        after, more = "", True
        while more:
            found = self._table.query(
                keys.mails(user_id), keys.MAIL_PREFIX, limit=PAGE, after=after
            )
            yield from map(mail_store.mail_from, found.items)
            more = found.more
            after = str(found.items[-1]["SK"]) if found.items else ""
