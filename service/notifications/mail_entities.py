"""A mail to a user, what each template says, and what has become of it. Pure.

In a file of its own because an event goes to the house's own systems, and a mail to a person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from service.core.ids import is_id
from service.notifications.entities import RETRY_MILLISECONDS, Progress
from service.storage.keys import HOUSE

MAX_FIELD = 2000
# RFC 5321, 4.5.3.1: a path of 256 octets, in angle brackets.
MAX_ADDRESS = 254
_MAIL_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_ADDRESS = re.compile(r"[^\s@<>\",;:\\()\[\]]+@[^\s@<>\",;:\\()\[\]]+")


class MailTemplate(StrEnum):
    VERIFY_EMAIL = "verify_email"
    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGED = "password_changed"
    ACCOUNT_EXISTS = "account_exists"
    LOW_BALANCE = "low_balance"
    CREDITS_EXPIRING = "credits_expiring"
    TOP_UP_FAILED = "top_up_failed"
    CREDITS_CLAWED_BACK = "credits_clawed_back"
    ACCOUNT_ERASED = "account_erased"


# What each template needs, neither more nor less. A `token` becomes a link; times are ISO 8601,
# amounts are numbers of credits, `valid_for` is a duration in words, such as "24 hours".
FIELDS: Mapping[MailTemplate, frozenset[str]] = {
    MailTemplate.VERIFY_EMAIL: frozenset({"token", "valid_for"}),
    MailTemplate.PASSWORD_RESET: frozenset({"token", "valid_for"}),
    MailTemplate.PASSWORD_CHANGED: frozenset({"changed_at"}),
    MailTemplate.ACCOUNT_EXISTS: frozenset(),
    MailTemplate.LOW_BALANCE: frozenset({"credits", "threshold"}),
    MailTemplate.CREDITS_EXPIRING: frozenset({"credits", "expires_at"}),
    MailTemplate.TOP_UP_FAILED: frozenset({"what_happened", "what_follows"}),
    MailTemplate.CREDITS_CLAWED_BACK: frozenset({"credits", "what_follows"}),
    MailTemplate.ACCOUNT_ERASED: frozenset(),
}
# Sealed with the house's data key. The first three are caused by requests that must take equally
# long whether the user exists or not, and perhaps for a user who never will: no data key may be
# made for those. The last is sent once the user's data key is destroyed.
_SEALED_BY_HOUSE = frozenset(
    {
        MailTemplate.VERIFY_EMAIL,
        MailTemplate.ACCOUNT_EXISTS,
        MailTemplate.PASSWORD_RESET,
        MailTemplate.ACCOUNT_ERASED,
    }
)


@dataclass(frozen=True)
class Mail:
    """A mail to be sent. `mail_id` is its business key: for one user, the same thing to be reported
    has the same id, and is one mail; it stands in a header of the mail, so it holds no secret.
    `fields` are those of the template (`FIELDS`). It is not sent after `useful_until` (epoch
    milliseconds), when its link has expired.

    Raises `ValueError` for fields that are not the template's, a `mail_id` of other characters
    than letters, digits and `_.:-`, or an address that no mail can go to."""

    mail_id: str
    user_id: str
    to: str = field(repr=False)
    template: MailTemplate
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    useful_until: int | None = None

    def __post_init__(self) -> None:
        if not is_mail_id(self.mail_id):
            raise ValueError("this cannot be a mail's id")
        if not is_address(self.to):
            raise ValueError("no mail can go to this address")
        if self.fields.keys() != FIELDS[self.template]:
            raise ValueError(f"{self.template} needs {sorted(FIELDS[self.template])}")
        if any(len(text) > MAX_FIELD for text in self.fields.values()):
            raise ValueError(f"a field of a mail has at most {MAX_FIELD} characters")

    @property
    def sealed_for(self) -> str:
        """Whose data key seals the address and the fields."""
        return HOUSE if self.template in _SEALED_BY_HOUSE else self.user_id


@dataclass(frozen=True)
class SealedMail:
    """A mail as the table may hold it: `content` is the address and the fields, encrypted with the
    data key of `sealed_for`. None once it is no longer needed."""

    mail_id: str
    user_id: str
    template: MailTemplate
    sealed_for: str
    content: bytes | None = field(repr=False)
    useful_until: int | None = None


class MailResult(StrEnum):
    """What one attempt has come to. After `FAILED` the mail may have been sent all the same; after
    `REFUSED` it was not, and never would be."""

    SENT = "sent"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class MailAttempt:
    """One request to send a mail. `sent_id` is the provider's id of what was sent."""

    result: MailResult
    error: str = ""
    sent_id: str = ""


@dataclass(frozen=True)
class StoredMail:
    """A mail and how far it has come. `error` is what the last attempt met, or why the mail was
    cancelled."""

    mail: SealedMail
    created_at: int
    progress: Progress
    error: str = ""
    sent_id: str = ""
    ended_at: int | None = None


@dataclass(frozen=True)
class OutgoingMail:
    """A mail as it is handed to the provider. `mail_id` stands in a header: a mail that is sent
    twice has the same one."""

    mail_id: str
    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


def new_progress(mail: SealedMail, now: int) -> Progress:
    """Due now, and tried for three days, or as long as it is useful."""
    end = now + RETRY_MILLISECONDS
    useful_until = end if mail.useful_until is None else max(now, mail.useful_until)
    return Progress(due_at=now, retry_until=min(end, useful_until))


def is_mail_id(text: str) -> bool:
    """Whether it can be a mail's id. The ids of events are those of messages in the outbox."""
    return _MAIL_ID.fullmatch(text) is not None and not is_id("evt", text)


def is_address(text: str) -> bool:
    """Whether a mail may be sent to it: one address and nothing else, which no reader of headers
    can take for more."""
    return len(text) <= MAX_ADDRESS and text.isprintable() and bool(_ADDRESS.fullmatch(text))
