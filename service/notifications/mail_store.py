"""Mails as items. Builds writes, sends none.

In a file of its own because what a mail says is sealed."""

from dataclasses import replace
from typing import Any

from service.core.clock import from_iso, iso
from service.notifications import keys
from service.notifications.entities import Progress, State
from service.notifications.mail_entities import (
    MailTemplate,
    SealedMail,
    StoredMail,
    new_progress,
)
from service.notifications.store import progress_attributes, progress_change, progress_from
from service.storage.codec import Item, Value, whole_number
from service.storage.keys import HOUSE, Key
from service.storage.writes import REPLACE, Put, Update, When

CONTENT = "content"
_BY_HOUSE, _BY_USER = "house", "user"
_CHANGING = (CONTENT, "error", "sentId", "endedAt")


def mail_put(mail: SealedMail, now: int, when: When = REPLACE) -> Put:
    """A mail that is due now."""
    stored = StoredMail(mail, now, new_progress(mail, now))
    return Put(keys.mail(mail.user_id, mail.mail_id), _item(stored, now), when)


def mail_from(item: Item) -> StoredMail:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that `mail_put` and `mail_change`
    never made."""
    fields: Any = item
    user_id = fields["PK"].removeprefix(keys.MAIL_PREFIX)
    content, ended_at = fields.get(CONTENT), fields.get("endedAt")
    if not isinstance(content, bytes | None):
        raise TypeError("the content of a mail is sealed")
    useful_until = fields.get("usefulUntil")
    mail = SealedMail(
        mail_id=fields["SK"].removeprefix(keys.MAIL_PREFIX),
        user_id=user_id,
        template=MailTemplate(fields["template"]),
        sealed_for={_BY_HOUSE: HOUSE, _BY_USER: user_id}[fields["sealedBy"]],
        content=content,
        useful_until=None if useful_until is None else whole_number(useful_until),
    )
    return StoredMail(
        mail,
        created_at=from_iso(fields["createdAt"]),
        progress=progress_from(item),
        error=fields.get("error", ""),
        sent_id=fields.get("sentId", ""),
        ended_at=None if ended_at is None else from_iso(ended_at),
    )


def mail_change(before: StoredMail, after: StoredMail, now: int) -> Update:
    """What has become of a mail that stands as it was read. What it says is kept only as long as
    it may still be sent; the address of someone who was erased no longer than it is tried."""
    is_erased = before.mail.template is MailTemplate.ACCOUNT_ERASED
    is_kept = {State.PENDING} if is_erased else {State.PENDING, State.DEAD}
    if after.progress.state not in is_kept:
        after = replace(after, mail=replace(after.mail, content=None))
    key = keys.mail(before.mail.user_id, before.mail.mail_id)
    return progress_change(key, before.progress, _item(after, now), _CHANGING)


def mail_redriven(before: StoredMail, progress: Progress, now: int) -> Update:
    """A mail that is due anew."""
    return mail_change(before, replace(before, progress=progress, ended_at=None), now)


def content_place(mail: SealedMail) -> tuple[Key, str]:
    """The item and the attribute for which the content is sealed."""
    return keys.mail(mail.user_id, mail.mail_id), CONTENT


def _item(stored: StoredMail, now: int) -> dict[str, Value]:
    mail = stored.mail
    due_id = f"{mail.user_id}{mail.mail_id}"
    return {
        "template": mail.template,
        "sealedBy": _BY_HOUSE if mail.sealed_for == HOUSE else _BY_USER,
        CONTENT: mail.content,
        "usefulUntil": mail.useful_until,
        "createdAt": iso(stored.created_at),
        **progress_attributes(stored.progress, keys.DUE_MAILS, due_id, now),
        "error": stored.error or None,
        "sentId": stored.sent_id or None,
        "endedAt": None if stored.ended_at is None else iso(stored.ended_at),
    }
