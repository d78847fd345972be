"""Mails to users: sent at least once, by one process at a time, and never shown in clear."""

from tests.mutants.mutant import Mutant, mutant

MAIL = "tests/notifications/test_mail.py"
SENDER = "tests/notifications/test_mail_sender.py"
ALERTS = "tests/notifications/test_alert_mails.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "mail-of-two-processes",
        MAIL,
        "notifications.mail_sending:MailSending._claimed",
        "self._changed(S, C)",
        "(self._changed(S, C) or True)",
    ),
    mutant(
        "refused-mail-repeated",
        MAIL,
        "notifications.mail_sending:MailSending._after",
        "progress.dead()",
        "progress.failed(self._clock.now(), self._jitter())",
    ),
    mutant(
        "unknown-outcome-a-refusal",
        SENDER,
        "notifications.mail_sender:_refusal",
        "code in _REFUSED and status == 400",
        "True",
    ),
    mutant(
        "refusal-of-any-status",
        SENDER,
        "notifications.mail_sender:_refusal",
        "code in _REFUSED and status == 400",
        "code in _REFUSED",
    ),
    mutant(
        "sent-mail-keeps-its-words",
        MAIL,
        "notifications.mail_store:mail_change",
        "after.progress.state not in is_kept",
        "False",
    ),
    mutant(
        "mail-counted-at-every-try",
        MAIL,
        "notifications.mail_limits:MailLimits.allow",
        "name in before",
        "False",
    ),
    mutant(
        "mailbox-flooded",
        MAIL,
        "notifications.mail_limits:counted",
        "len(recent) >= MAX_MAILS",
        "False",
    ),
    mutant(
        "mail-outlives-its-link",
        MAIL,
        "notifications.mail_entities:new_progress",
        "min(end, useful_until)",
        "end",
    ),
    mutant(
        "strangers-make-data-keys",
        MAIL,
        "notifications.mail_entities:Mail.sealed_for",
        "HOUSE if self.template in _SEALED_BY_HOUSE else self.user_id",
        "self.user_id",
    ),
    mutant(
        "alert-no-one-wants",
        ALERTS,
        "notifications.alert_mails:AlertMails.publish",
        "found is None or not self._preferences.wants_mail(happened.user_id)",
        "found is None",
    ),
    mutant(
        "erasure-not-reported",
        ALERTS,
        "notifications.mail_records:MailRecords.erase",
        "stored.mail.content is None or stored.mail.template is MailTemplate.ACCOUNT_ERASED",
        "stored.mail.content is None",
    ),
)
