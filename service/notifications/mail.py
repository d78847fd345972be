"""Mail to users: a second channel of the outbox.

    box.put_once(Mail(mail_id, user_id, to, MailTemplate.ACCOUNT_EXISTS))

or, for a mail that belongs to a transaction, `sealed = box.seal(mail)` before it, and
`mail_write(sealed, now)` among its writes. The worker sends it: at least once, for three days."""

import json
from dataclasses import replace

from service.core.clock import Clock
from service.notifications import mail_store
from service.notifications.mail_entities import Mail, MailTemplate, SealedMail
from service.storage.data_keys import DataKeys
from service.storage.table import ConditionFailed, Table
from service.storage.writes import ABSENT, Put

__all__ = ["Mail", "MailBox", "MailTemplate", "SealedMail", "mail_write"]


def mail_write(mail: SealedMail, now: int) -> Put:
    """The write that queues a mail, for the transaction that causes it. It replaces one with the
    same id: what follows a transaction must not make it fail. Pure."""
    return mail_store.mail_put(mail, now)


class MailBox:
    """Queues mails. Nothing is sent during a request."""

    def __init__(self, table: Table, data_keys: DataKeys, clock: Clock) -> None:
        self._table = table
        self._data_keys = data_keys
        self._clock = clock

    def seal(self, mail: Mail) -> SealedMail:
        """The mail with its address and fields encrypted. Writes nothing but, at its first use, a
        user's data key. Raises `DataErased`, `DataKeyUnavailable`, `DataUnreadable`,
        `StorageUnavailable`."""
        sealed = SealedMail(
            mail.mail_id, mail.user_id, mail.template, mail.sealed_for, None, mail.useful_until
        )
        text = json.dumps({"to": mail.to, "fields": dict(mail.fields)}, separators=(",", ":"))
        content = self._data_keys.seal(mail.sealed_for, *mail_store.content_place(sealed), text)
        return replace(sealed, content=content)

    def put_once(self, mail: Mail) -> bool:
        """Queues a mail that belongs to no transaction. Returns whether it is new. Raises what
        `seal` raises."""
        put = mail_store.mail_put(self.seal(mail), self._clock.now(), ABSENT)
        try:
            self._table.write(put)
        except ConditionFailed:
            return False
        return True
