"""What the service counts, as CloudWatch embedded metrics: one JSON line each, which CloudWatch
reads as numbers (Amazon CloudWatch User Guide, "Embedded metric format specification")."""

import contextlib
import json
import threading
from enum import StrEnum
from typing import Protocol, TextIO

from service.core.clock import Clock

NAMESPACE = "Farebox"
MAX_LABEL = 100


class Metric(StrEnum):
    """Every metric the code emits; alarms and dashboards are checked against this list."""

    REQUESTS = "Requests"
    REQUEST_LATENCY = "RequestLatency"
    REFUSALS = "Refusals"
    ACCESS_REFUSALS = "AccessRefusals"
    SIGN_UPS = "SignUps"
    REFRESH_TOKENS_REUSED = "RefreshTokensReused"
    PASSKEY_COPIES = "PasskeyCopies"
    SIGN_UP_REVIEWS = "SignUpReviews"
    USER_CAP_REFUSALS = "UserCapRefusals"
    BULK_GRANTS = "BulkGrants"
    PROMO_REDEMPTIONS = "PromoRedemptions"
    USER_CAP_USED = "UserCapUsedPercent"
    HOLDS = "Holds"
    HOUSE_BUDGET_USED = "HouseBudgetUsedPercent"
    HOUSE_LIMIT_REFUSALS = "HouseLimitRefusals"
    CAPTURES = "Captures"
    RELEASES = "Releases"
    HOUSE_LOSS = "HouseLossCredits"
    JOB_DURATION = "JobDuration"
    JOB_ALARMS = "JobAlarms"
    OLDEST_DUE_JOB_SECONDS = "OldestDueJobSeconds"
    PROVIDER_LATENCY = "ProviderLatency"
    PROVIDER_ERRORS = "ProviderErrors"
    PROVIDER_REFUSES_US = "ProviderRefusesUs"
    PROVIDER_NOT_REACHED = "ProviderNotReached"
    PROVIDER_SILENT = "ProviderSilent"
    PROVIDER_FOREIGN_TASKS = "ProviderForeignTasks"
    USAGE_FAULTS = "UsageFaults"
    VIDEO_COPY_FAILURES = "VideoCopyFailures"
    LIVE_SESSIONS = "LiveSessions"
    LIVE_ENDINGS = "LiveEndings"
    LIVE_NOT_SETTLED = "LiveNotSettled"
    EVENTS = "Events"
    REFUSAL_ALERTS = "RefusalAlerts"
    WEBHOOK_DELIVERIES = "WebhookDeliveries"
    WEBHOOKS_DISABLED = "WebhooksDisabled"
    DEAD_LETTERS = "DeadLetters"
    MAILS = "Mails"
    STRIPE_EVENTS = "StripeEvents"
    STRIPE_EVENTS_MISSED = "StripeEventsMissed"
    STRIPE_SEARCH_AGE_SECONDS = "StripeSearchAgeSeconds"
    STRIPE_DEAD_EVENTS = "StripeDeadEvents"
    STRIPE_EVENT_AGE_SECONDS = "StripeEventAgeSeconds"
    STRIPE_WEBHOOKS_REFUSED = "StripeWebhooksRefused"
    STRIPE_WEBHOOKS_NOT_STORED = "StripeWebhooksNotStored"
    ERASURES = "Erasures"
    ERASURE_AGE_SECONDS = "ErasureAgeSeconds"
    LEDGER_DAMAGED = "LedgerDamaged"
    GRANT_ALARMS = "GrantAlarms"
    ORDER_MISMATCHES = "OrderMismatches"
    PAYMENT_ALARMS = "PaymentAlarms"
    MONEY_BACK_DEBT = "MoneyBackDebtCredits"
    AUDIT_VIOLATIONS = "AuditViolations"


class Metrics(Protocol):
    """Counts, times (milliseconds) and gauges with a few dimensions."""

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None: ...

    def timing(self, metric: Metric, milliseconds: float, **dimensions: str) -> None: ...

    def gauge(self, metric: Metric, value: float, **dimensions: str) -> None: ...


class NoMetrics:
    """Discards every measurement: for a developer's terminal."""

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None:
        pass

    def timing(self, metric: Metric, milliseconds: float, **dimensions: str) -> None:
        pass

    def gauge(self, metric: Metric, value: float, **dimensions: str) -> None:
        pass


class EmbeddedMetrics:
    """Writes each measurement as one whole line of the embedded metric format, from any thread.

    Dimensions must come from small, closed sets: AWS bills each combination as a metric."""

    def __init__(self, out: TextIO, clock: Clock, stage: str, service: str) -> None:
        self._out = out
        self._clock = clock
        self._common = {"Stage": stage, "Service": service}
        self._guard = threading.Lock()

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None:
        self._write(metric, value, "Count", dimensions)

    def timing(self, metric: Metric, milliseconds: float, **dimensions: str) -> None:
        self._write(metric, round(milliseconds, 3), "Milliseconds", dimensions)

    def gauge(self, metric: Metric, value: float, **dimensions: str) -> None:
        self._write(metric, value, "None", dimensions)

    def _write(self, metric: Metric, value: float, unit: str, dimensions: dict[str, str]) -> None:
        labels = self._common | {
            name: text[:MAX_LABEL] or "none" for name, text in dimensions.items()
        }
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(self._common), list(labels)]
            if dimensions
            else [list(self._common)],
            "Metrics": [{"Name": metric.value, "Unit": unit}],
        }
        line = {
            "_aws": {"Timestamp": self._clock.now(), "CloudWatchMetrics": [directive]},
            **labels,
            metric.value: value,
        }
        text = json.dumps(line, separators=(",", ":")) + "\n"
        # A number that cannot be written must not stop an order between its hold and its send.
        with self._guard, contextlib.suppress(OSError, ValueError):
            self._out.write(text)
            self._out.flush()
