"""Sends the mails that are due: each until the provider has accepted or refused it, for three days.

In a file of its own because it is the other half of `mail`, as deliveries are of the outbox.

A mail is sent at least once: a response that is lost, or a process that dies between the provider's
response and our record of it, has it sent again, under the same `X-Farebox-Mail-Id`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.notifications import keys, mail_store, store
from service.notifications.entities import SECOND, Progress, State
from service.notifications.mail_entities import (
    MailAttempt,
    MailResult,
    SealedMail,
    StoredMail,
)
from service.notifications.mail_limits import MailLimits
from service.notifications.mail_sender import MailSender
from service.notifications.mail_texts import MailTexts
from service.storage.data_keys import DataKeys
from service.storage.table import ConditionFailed, IndexHit, StorageUnavailable, Table
from service.storage.wrapping import DataKeyUnavailable

log = structlog.get_logger()

# Longer than any request to the provider may take.
LEASE_MILLISECONDS = 120 * SECOND
ERASED = "the user's data has been erased"
LIMITED = "the address has received as many of these as it may in an hour"


class MailSending:
    """The worker's part. Implements `DueWork`."""

    def __init__(
        self,
        table: Table,
        data_keys: DataKeys,
        limits: MailLimits,
        texts: MailTexts,
        sender: MailSender,
        clock: Clock,
        metrics: Metrics,
        jitter: Callable[[], float],
    ) -> None:
        self._table = table
        self._data_keys = data_keys
        self._limits = limits
        self._texts = texts
        self._sender = sender
        self._clock = clock
        self._metrics = metrics
        self._jitter = jitter

    def due(self, partition: str, limit: int) -> Sequence[IndexHit]:
        """Mails that are due in that partition, oldest first."""
        return store.read_due(self._table, partition, self._clock.now(), limit)

    def dispatch(self, hit: IndexHit) -> bool:
        """Sends the mail that an index says is due. Returns whether the provider accepted it; False
        also when another process is at it. Raises `StorageUnavailable` and
        `DataKeyUnavailable`: the mail is due again when its lease ends."""
        stored = self._claimed(hit)
        if stored is None:
            return False
        attempt = self._attempted(stored.mail)
        if isinstance(attempt, str):
            self._end(stored, stored.progress.cancelled(), MailAttempt(MailResult.REFUSED, attempt))
            return False
        self._end(stored, self._after(stored.progress, attempt), attempt)
        return attempt.result is MailResult.SENT

    def _claimed(self, hit: IndexHit) -> StoredMail | None:
        """The mail, which no other process sends until the lease ends; None if another has it, or
        it is no longer due."""
        now, item = self._clock.now(), self._table.get(hit.key)
        stored = mail_store.mail_from(item) if item else None
        if stored is None or stored.progress.due_at is None or stored.progress.due_at > now:
            return None
        claimed = replace(stored, progress=stored.progress.claimed(now + LEASE_MILLISECONDS))
        return claimed if self._changed(stored, claimed) else None

    def _attempted(self, mail: SealedMail) -> MailAttempt | str:
        """What the attempt has come to, or why no one is to receive the mail. A mistake of ours
        counts as a failed attempt: it must become a dead letter, and not be tried for ever."""
        try:
            return self._sent(mail)
        except (StorageUnavailable, DataKeyUnavailable):
            # Passes by itself: due again when the lease ends.
            raise
        except Exception as error:
            # No traceback: its locals, and the message of an error, could hold what a mail says.
            reason = f"not attempted: {type(error).__name__}"
            log.error("mail_not_attempted", user_id=mail.user_id, mail_id=mail.mail_id, why=reason)
            return MailAttempt(MailResult.FAILED, reason)

    def _sent(self, mail: SealedMail) -> MailAttempt | str:
        if mail.content is None:
            raise ValueError("a mail that says nothing is due")
        place = mail_store.content_place(mail)
        text = self._data_keys.open(mail.sealed_for, *place, mail.content)
        if text is None:
            return ERASED
        content: Any = json.loads(text)
        to: str = content["to"]
        if not self._limits.allow(to, mail):
            return LIMITED
        return self._sender.send(self._texts.outgoing(mail, to, content["fields"]))

    def _after(self, progress: Progress, attempt: MailAttempt) -> Progress:
        match attempt.result:
            case MailResult.SENT:
                return progress.delivered()
            case MailResult.REFUSED:
                return progress.dead()
            case MailResult.FAILED:
                return progress.failed(self._clock.now(), self._jitter())

    def _end(self, stored: StoredMail, progress: Progress, attempt: MailAttempt) -> None:
        ended_at = None if progress.state is State.PENDING else self._clock.now()
        after = replace(
            stored,
            progress=progress,
            error=attempt.error,
            sent_id=attempt.sent_id,
            ended_at=ended_at,
        )
        if not self._changed(stored, after):
            log.warning(
                "mail_lease_lost", item=str(keys.mail(stored.mail.user_id, stored.mail.mail_id))
            )
        outcome = "failed" if progress.state is State.PENDING else progress.state
        self._metrics.count(Metric.MAILS, outcome=outcome, template=stored.mail.template)
        facts = {
            "user_id": stored.mail.user_id,
            "mail_id": stored.mail.mail_id,
            "template": stored.mail.template,
            "why": attempt.error,
        }
        if progress.state is State.DEAD:
            log.error("mail_dead_letter", **facts)
        elif progress.state is not State.DELIVERED:
            log.warning("mail_not_sent", outcome=outcome, **facts)

    def _changed(self, before: StoredMail, after: StoredMail) -> bool:
        try:
            self._table.write(mail_store.mail_change(before, after, self._clock.now()))
        except ConditionFailed:
            return False
        return True
