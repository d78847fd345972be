"""Metrics of which only how often each was counted, and the highest of each gauge, is of
interest."""

from collections import Counter

from service.core.metrics import Metric, NoMetrics


class Alarms(NoMetrics):
    """Keeps how often each metric was counted, and how high each gauge was."""

    def __init__(self) -> None:
        self._counts: Counter[Metric] = Counter()
        self._peaks: dict[Metric, float] = {}

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None:
        del dimensions
        self._counts[metric] += int(value)

    def of(self, metric: Metric) -> int:
        return self._counts[metric]

    def gauge(self, metric: Metric, value: float, **dimensions: str) -> None:
        del dimensions
        self._peaks[metric] = max(value, self.peak(metric))

    def peak(self, metric: Metric) -> float:
        """0 if it was never measured."""
        return self._peaks.get(metric, 0.0)
