"""How long and how many catch-ups are written at once, and by which model."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, more_than, setting
from service.ledger.settings import LedgerSettings
from service.text.models import MODELS
from service.text.settings import CLOCK_SKEW_SECONDS, RESULT_SECONDS
from service.web.settings import WebSettings


@dataclass(frozen=True, kw_only=True)
class CatchUpSettings(Section):
    catch_up_model: str = setting(
        "gpt-4.1-mini",
        "model that writes catch-ups, where its vendor is configured",
        choices=tuple(MODELS),
    )
    catch_up_limit_seconds: float = setting(
        600.0, "longest time for one catch-up, from its request to its last word"
    )
    catch_up_grace_seconds: float = setting(
        120.0, "how long after that its process may still store and settle it"
    )
    catch_up_places: int = setting(
        20, "catch-ups that one web process writes at once; more get 503"
    )
    user_catch_up_places: int = setting(2, "how many of them one user may have; more get 429")

    def rules(self, settings: Sections) -> Iterator[str]:
        ledger = settings.section(LedgerSettings)
        needed = ledger.transaction_deadline_seconds + RESULT_SECONDS + CLOCK_SKEW_SECONDS
        what = f"TRANSACTION_DEADLINE_SECONDS + {RESULT_SECONDS + CLOCK_SKEW_SECONDS:g}"
        yield from more_than(
            [("CATCH_UP_GRACE_SECONDS", self.catch_up_grace_seconds, what, needed)]
        )
        if self.catch_up_places >= settings.section(WebSettings).web_connections:
            yield "CATCH_UP_PLACES must be less than WEB_CONNECTIONS"
        if self.user_catch_up_places > self.catch_up_places:
            yield "USER_CATCH_UP_PLACES must not be more than CATCH_UP_PLACES"
