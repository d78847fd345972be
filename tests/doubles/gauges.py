"""Metrics of which only the gauges are of interest."""

from service.core.metrics import Metric, NoMetrics


class Gauges(NoMetrics):
    """Remembers what was measured."""

    def __init__(self) -> None:
        self.snapshot: list[float] = []

    def gauge(self, metric: Metric, value: float, **dimensions: str) -> None:
        self.snapshot.append(value)
