"""What was sent, as it was sent."""

import threading
from collections import deque
from dataclasses import asdict, dataclass

MAX_KEPT = 500


@dataclass(frozen=True)
class SentMail:
    """One mail that was accepted. `at` is in epoch milliseconds."""

    id: str
    at: int
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    headers: dict[str, str]
    configuration_set: str

    def shown(self) -> dict[str, object]:
        """The mail as JSON, with `from` as mails have it."""
        content: dict[str, object] = {
            "from" if name == "sender" else name: value for name, value in asdict(self).items()
        }
        content["to"] = list(self.to)
        content["configurationSet"] = content.pop("configuration_set")
        return content


class Mailbox:
    """The last 500 mails to anybody. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mails: deque[SentMail] = deque(maxlen=MAX_KEPT)

    def add(self, mail: SentMail) -> None:
        with self._lock:
            self._mails.append(mail)

    def listed(self, to: str | None = None) -> list[SentMail]:
        """Oldest first; those to that address alone if one is given, whatever its case."""
        wanted = None if to is None else to.casefold()
        with self._lock:
            return [
                mail
                for mail in self._mails
                if wanted is None or wanted in (each.casefold() for each in mail.to)
            ]

    def get(self, mail_id: str) -> SentMail | None:
        with self._lock:
            return next((mail for mail in self._mails if mail.id == mail_id), None)

    def empty(self) -> None:
        with self._lock:
            self._mails.clear()
