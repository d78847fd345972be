"""How long and how many texts are written at once."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, more_than, setting
from service.ledger.settings import LedgerSettings
from service.text.models import MODELS
from service.web.settings import WebSettings

CLOCK_SKEW_SECONDS = 60.0
# Storing a result: a chunk after the other, each tried again while the table is busy.
RESULT_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class TextSettings(Section):
    text_default_model: str = setting(
        "gpt-4.1-mini", "model of a request that names none", choices=tuple(MODELS)
    )
    text_limit_seconds: float = setting(
        300.0, "longest time for one text, from its request to its last word"
    )
    text_grace_seconds: float = setting(
        120.0, "how long after that its process may still store and settle it"
    )
    text_places: int = setting(250, "texts that one web process writes at once; more get 503")
    user_text_places: int = setting(5, "how many of them one user may have; more get 429")
    text_drain_seconds: float = setting(
        20.0, "how long a process that drains lets its texts go on before it ends them"
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        ledger = settings.section(LedgerSettings)
        needed = ledger.transaction_deadline_seconds + RESULT_SECONDS + CLOCK_SKEW_SECONDS
        what = f"TRANSACTION_DEADLINE_SECONDS + {RESULT_SECONDS + CLOCK_SKEW_SECONDS:g}"
        yield from more_than([("TEXT_GRACE_SECONDS", self.text_grace_seconds, what, needed)])
        if self.text_places >= settings.section(WebSettings).web_connections:
            yield "TEXT_PLACES must be less than WEB_CONNECTIONS"
        if self.user_text_places > self.text_places:
            yield "USER_TEXT_PLACES must not be more than TEXT_PLACES"
