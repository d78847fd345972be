"""What an operator learns of one call of a vendor of text: log lines and metrics. Neither prompts
nor outputs nor a vendor's own words, which may repeat them, are logged."""

import structlog

from service.core.clock import Clock
from service.core.metrics import Metric, Metrics

log = structlog.get_logger()

_MAX_ID = 128


class TextReports:
    """Logs and counts for one call."""

    def __init__(self, provider: str, metrics: Metrics, clock: Clock, job_id: str) -> None:
        self._provider = provider
        self._metrics = metrics
        self._clock = clock
        self._started = clock.monotonic()
        self._log = log.bind(provider=provider, operation="generate", job_id=job_id)
        self._request_id: str | None = None

    def responded(self, status: int, request_id: str | None) -> None:
        """The head of a response has come in. The vendor's id of the request is what its support
        wants to know."""
        self._request_id = (request_id or "")[:_MAX_ID] or None
        self._log.info(
            "provider_responded",
            status=status,
            provider_request_id=self._request_id,
            seconds=self._seconds(),
        )

    def failed(self, code: str, *, ours: bool) -> None:
        """The vendor reports an error. `code` is of a small, closed set."""
        self._log.warning(
            "provider_error", provider_code=code, provider_request_id=self._request_id
        )
        self._metrics.count(Metric.PROVIDER_ERRORS, provider=self._provider, provider_code=code)
        if ours:
            self._metrics.count(Metric.PROVIDER_REFUSES_US, provider=self._provider)

    def interrupted(self, cause: str) -> None:
        """The response did not come to its end, though the request may have arrived."""
        self._log.warning(
            "provider_silent",
            cause=cause,
            seconds=self._seconds(),
            provider_request_id=self._request_id,
            next="not sent again",
        )
        self._metrics.count(Metric.PROVIDER_SILENT, provider=self._provider, operation="generate")

    def cut_short(self) -> None:
        """Our own time limit ended an output."""
        self._log.info(
            "provider_cut_short",
            seconds=self._seconds(),
            provider_request_id=self._request_id,
        )

    def not_reached(self, error: Exception) -> None:
        """Nothing was sent."""
        self._log.warning("provider_not_reached", reason=type(error).__name__)
        self._metrics.count(Metric.PROVIDER_NOT_REACHED, provider=self._provider)

    def _seconds(self) -> float:
        return round(self._clock.monotonic() - self._started, 1)
