"""The mail that reports the end of an erasure to whoever was erased.

In a file of its own because it is sealed when the erasure is requested: at its end the address is
gone, and the worker may make no data key, not even the house's."""

from collections.abc import Callable
from typing import Protocol

import structlog

from service.core.mailboxes import InvalidAddress, address_of
from service.notifications.mail import Mail, MailTemplate, SealedMail, mail_write
from service.storage.data_keys import DataErased, DataUnreadable
from service.storage.keys import HOUSE
from service.storage.wrapping import DataKeyUnavailable
from service.storage.writes import Put

log = structlog.get_logger()

_MAIL_ID = "account-erased"

Notice = Callable[[str], bytes | None]
"""Returns what the mail to a user says, sealed; None where there is none to be sent."""


class Mails(Protocol):
    """Seals mails, as `MailBox` does."""

    def seal(self, mail: Mail) -> SealedMail: ...


def no_notice(user_id: str) -> bytes | None:
    """Where no mail is sent at all."""
    del user_id
    return None


def notice_write(user_id: str, notice: bytes, now: int) -> Put:
    """Queues the mail. Pure."""
    template = MailTemplate.ACCOUNT_ERASED
    return mail_write(SealedMail(_MAIL_ID, user_id, template, HOUSE, notice), now)


class Notices:
    """Seals the mail to the user's verified address, with the house's data key."""

    def __init__(self, mails: Mails, verified_email: Callable[[str], str | None]) -> None:
        self._mails = mails
        self._verified_email = verified_email

    def sealed(self, user_id: str) -> bytes | None:
        """None as well where the address cannot be read now: no one has to stay because of a mail.
        Raises `StorageUnavailable`."""
        try:
            to = address_of(self._verified_email(user_id) or "").text
            mail = Mail(_MAIL_ID, user_id, to, MailTemplate.ACCOUNT_ERASED)
            return self._mails.seal(mail).content
        except InvalidAddress:
            return None
        except (DataKeyUnavailable, DataUnreadable, DataErased) as error:
            log.warning("erasure_without_mail", user_id=user_id, reason=type(error).__name__)
            return None
