"""What the dashboard must show. That each of its metrics exists: watching.py."""

import json
from collections.abc import Iterator

from service.core.metrics import Metric
from service.live.entities import Ending
from service.text.entities import ROUTE as TEXT_ROUTE
from service.transcription.operations import ROUTE as TRANSCRIPTION_ROUTE
from tests.infrastructure.deployments import Deployment

# What the dashboard shows of each kind of work besides videos: a metric, and values of its labels.
SHOWN: tuple[tuple[str, ...], ...] = (
    (Metric.REQUEST_LATENCY, "web", TEXT_ROUTE),
    (Metric.REFUSALS, "web", "TEXT_SATURATED"),
    (Metric.REQUEST_LATENCY, "web", TRANSCRIPTION_ROUTE),
    (Metric.USAGE_FAULTS, "web"),
    (Metric.USAGE_FAULTS, "worker"),
)
SHOWN_LIVE: tuple[tuple[str, ...], ...] = (
    (Metric.LIVE_SESSIONS, "relay"),
    (Metric.LIVE_ENDINGS, "relay", Ending.VENDOR_FAULT),
    (Metric.LIVE_NOT_SETTLED, "relay"),
    (Metric.REFUSALS, "relay", "LIVE_SATURATED"),
    ("CPUUtilization", "<RelayService.Name>"),
)


def the_dashboard_shows_every_kind_of_work(deployment: Deployment) -> Iterator[str]:
    wanted = (*SHOWN, *SHOWN_LIVE) if deployment.relay else SHOWN
    for name, dashboard in deployment.service.of("CloudWatch::Dashboard").items():
        rows = [
            {part for part in row if isinstance(part, str)}
            for widget in json.loads(dashboard["DashboardBody"])["widgets"]
            for row in widget["properties"].get("metrics", [])
        ]
        yield from (
            f"{name} does not show {' '.join(parts)}"
            for parts in wanted
            if not any(set(parts) <= row for row in rows)
        )
