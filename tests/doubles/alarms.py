"""Metrics of which only the number of times that each was counted is of interest."""

from collections import Counter

from service.core.metrics import Metric, NoMetrics


class Alarms(NoMetrics):
    """Keeps how often each metric was counted."""

    def __init__(self) -> None:
        self._counts: Counter[Metric] = Counter()

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None:
        del dimensions
        self._counts[metric] += int(value)

    def of(self, metric: Metric) -> int:
        return self._counts[metric]
