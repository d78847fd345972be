"""How many mails one address receives: no one can have someone else's mailbox flooded.

In a file of its own because it counts addresses, whoever's they are."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from service.core.clock import Clock
from service.core.keyring import Pepper
from service.core.mailboxes import mailbox_of
from service.notifications import keys
from service.notifications.entities import HOUR
from service.notifications.mail_entities import SealedMail
from service.storage.codec import Item, whole_number
from service.storage.table import ConditionFailed, Conflicted, Table
from service.storage.writes import Update, When

MAX_MAILS = 5
PERIOD_MILLISECONDS = HOUR
MAX_TRIES = 5


class MailLimits:
    """Lets five mails of one template go to one mailbox in any hour, by whichever of its addresses.
    Templates are counted apart:
    otherwise, whoever has five mails of one kind sent to an address would keep its owner from
    resetting the password."""

    def __init__(self, table: Table, peppers: Sequence[Pepper], clock: Clock) -> None:
        self._table = table
        self._pepper = max(peppers, key=lambda pepper: pepper.version).key
        self._clock = clock

    def allow(self, to: str, mail: SealedMail) -> bool:
        """Counts that mail, once however often it is tried, and returns whether it may go. Raises
        `StorageUnavailable`."""
        key = keys.address_count(self._digest(f"mailbox\n{mailbox_of(to)}"), mail.template)
        name = self._digest(f"mail\n{mail.user_id}\n{mail.mail_id}")
        for _ in range(MAX_TRIES):
            now, item = self._clock.now(), self._table.get(key) or {}
            found: Any = item.get("sent", {})
            before = {each: whole_number(at) for each, at in found.items()}
            if name in before:
                return True
            after = counted(before, name, now)
            if after is None:
                return False
            kept_until = (now + PERIOD_MILLISECONDS) // 1000 + 1
            change: Item = {"sent": after, "expiresAt": kept_until}
            try:
                guard = When(equals={"sent": found if item else None})
                self._table.write(Update(key, guard, set=change))
            except ConditionFailed:
                continue
            return True
        raise Conflicted

    def _digest(self, text: str) -> str:
        return hmac.new(self._pepper, f"mail limit\n{text}".encode(), hashlib.sha256).hexdigest()[
            :32
        ]


def counted(sent: Mapping[str, int], name: str, now: int) -> dict[str, int] | None:
    """What went to an address in the last hour, that mail included; None if it is one too many.
    Pure."""
    recent = {each: at for each, at in sent.items() if at > now - PERIOD_MILLISECONDS}
    return None if len(recent) >= MAX_MAILS else {**recent, name: now}
