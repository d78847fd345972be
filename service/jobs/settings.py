"""The times of a job's life (docs/reliability.md), and how much is done at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from service.core.settings import Section, Sections, more_than, setting
from service.ledger.settings import LedgerSettings
from service.providers.assemblyai.settings import AssemblyAiSettings
from service.providers.kling.settings import KlingSettings
from service.storage.settings import CALL_WAIT_SECONDS, StorageSettings
from service.web.settings import WebSettings

# So many in the list keep the fullest wallet within 1 KB, which is what a write of it is priced by.
MAX_OPEN_JOBS = 5


@dataclass(frozen=True, kw_only=True)
class JobsSettings(Section):
    submit_seconds: float = setting(
        24.0, "window after the hold in which the request may send to the provider"
    )
    quarantine_seconds: float = setting(
        600.0, "how long a job that the provider does not know stays held after the window"
    )
    not_found_gap_seconds: float = setting(
        60.0, "shortest time between the two not-founds that release a job"
    )
    hard_limit_seconds: float = setting(86400.0, "after this a job that still runs is released")
    watch_seconds: float = setting(
        86400.0, "how long a job released as unresolved is monitored further"
    )
    poll_min_seconds: float = setting(
        5.0, "first interval between two polls of a running job, without PUBLIC_URL"
    )
    poll_max_seconds: float = setting(
        60.0, "longest interval between two polls of a running job, without PUBLIC_URL"
    )
    callback_poll_min_seconds: float = setting(
        60.0, "the same with PUBLIC_URL, when the provider calls back: first interval"
    )
    callback_poll_max_seconds: float = setting(
        120.0, "the same with PUBLIC_URL, when the provider calls back: longest interval"
    )
    watch_poll_seconds: float = setting(900.0, "interval between two polls of a monitored job")
    long_poll_limit: int = setting(
        1500, "requests that may wait for a job at once in one web process"
    )
    user_long_poll_limit: int = setting(50, "how many of them one user may have")
    submit_limit: int = setting(
        200, "jobs that one web process submits at once to one provider; more get 503"
    )
    user_submit_limit: int = setting(16, "how many of them one user may have; more get 429")
    max_open_jobs_per_user: int = setting(
        5,
        "jobs of one kind of work that a user may have in flight; more get 429. From 1 to "
        f"{MAX_OPEN_JOBS} in production: the wallet lists them; elsewhere 0: no limit",
        minimum=0,
    )
    max_credits_per_user_day: Decimal = setting(
        Decimal(0),
        "credits that a user may spend in a UTC day, open jobs included; more get 429, 0: no limit",
        minimum=0,
    )
    house_loss_per_user_day: Decimal = setting(
        Decimal(10),
        "credits' worth of uncharged work that vendors bill for one user in a UTC day; from then "
        "on paid requests get 429 until the day ends, 0: no limit",
        minimum=0,
    )
    house_credits_per_day: Decimal = setting(
        Decimal(0),
        "credits that all users together may spend in a UTC day; more get 503, 0: no limit",
        minimum=0,
    )
    worker_threads: int = setting(4, "jobs one worker process resolves side by side")
    worker_interval_seconds: float = setting(1.0, "pause between two runs of a sweep for due jobs")

    def rules(self, settings: Sections) -> Iterator[str]:
        yield from more_than(
            [
                self._submit_window(settings),
                *self._order(),
            ]
        )
        web = settings.section(WebSettings)
        # What waits long must leave connections for everything else, probes too.
        if self.long_poll_limit + self.submit_limit >= web.web_connections:
            yield ("LONG_POLL_LIMIT and SUBMIT_LIMIT together must be less than WEB_CONNECTIONS")
        if self.user_submit_limit > self.submit_limit:
            yield "USER_SUBMIT_LIMIT must not be more than SUBMIT_LIMIT"

    def production_rules(self) -> Iterator[str]:
        if not 1 <= self.max_open_jobs_per_user <= MAX_OPEN_JOBS:
            yield (
                f"MAX_OPEN_JOBS_PER_USER must be from 1 to {MAX_OPEN_JOBS} in production: the "
                "wallet lists the jobs in flight"
            )

    def _submit_window(self, settings: Sections) -> tuple[str, float, str, float]:
        """The wallet write, the two calls of its last attempt with their wait for a turn, and all
        sends fit into the window before the job may be looked up by others
        (docs/reliability.md)."""
        call_seconds = (
            settings.section(StorageSettings).dynamodb_read_timeout_seconds + CALL_WAIT_SECONDS
        )
        needed = (
            settings.section(LedgerSettings).transaction_deadline_seconds
            + 2 * call_seconds
            + self._create_seconds(settings)
        )
        what = (
            "TRANSACTION_DEADLINE_SECONDS"
            f" + 2 (DYNAMODB_READ_TIMEOUT_SECONDS + {CALL_WAIT_SECONDS:g} s for a turn)"
            " + KLING_CREATE_SECONDS, or ASSEMBLYAI_CREATE_SECONDS where that is longer"
        )
        return "SUBMIT_SECONDS", self.submit_seconds, what, needed

    def _create_seconds(self, settings: Sections) -> float:
        """The time for all sends of one job, with whichever vendor in use may take more."""
        assemblyai = settings.section(AssemblyAiSettings)
        kling_seconds = settings.section(KlingSettings).kling_create_seconds
        if not assemblyai.is_configured:
            return kling_seconds
        return max(kling_seconds, assemblyai.assemblyai_create_seconds)

    def _order(self) -> list[tuple[str, float, str, float]]:
        quarantine = ("QUARANTINE_SECONDS", self.quarantine_seconds)
        ended = self.submit_seconds + self.quarantine_seconds
        return [
            (*quarantine, "SUBMIT_SECONDS", self.submit_seconds),
            (*quarantine, "NOT_FOUND_GAP_SECONDS", self.not_found_gap_seconds),
            (
                "HARD_LIMIT_SECONDS",
                self.hard_limit_seconds,
                "SUBMIT_SECONDS + QUARANTINE_SECONDS",
                ended,
            ),
            (
                "POLL_MAX_SECONDS",
                self.poll_max_seconds,
                "POLL_MIN_SECONDS",
                self.poll_min_seconds - 0.001,
            ),
            (
                "CALLBACK_POLL_MAX_SECONDS",
                self.callback_poll_max_seconds,
                "CALLBACK_POLL_MIN_SECONDS",
                self.callback_poll_min_seconds - 0.001,
            ),
            (
                "WATCH_SECONDS",
                self.watch_seconds,
                "WATCH_POLL_SECONDS",
                self.watch_poll_seconds - 0.001,
            ),
        ]
