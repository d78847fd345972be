"""Decides whether an alarm of the template would go off, from the counts of a quarter of an hour.

It knows sums and the few functions of metric math that the template uses
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html)."""

import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

MINUTES = 15
Counts = Mapping[str, Sequence[int]]
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
}


def fires(alarm: Mapping[str, Any], counts: Counts) -> bool:
    """Whether the alarm goes off.

    `counts` holds, for each series (see `series`), the count of each of the fifteen minutes; only
    zeros mean that there is no data. Raises `KeyError` or `NameError` for an alarm of another kind.
    """
    periods = {_period(alarm)} | {_period(query["MetricStat"]) for query in _stated(alarm)}
    minutes = max(periods) // 60
    points = [
        _judged(alarm, counts, start, start + minutes)
        for start in range(0, MINUTES - minutes + 1, minutes)
    ]
    compared = _COMPARED[alarm["ComparisonOperator"]]
    over = [point is not None and compared(point, float(alarm["Threshold"])) for point in points]
    last = int(alarm["EvaluationPeriods"])
    min_points = int(alarm.get("DatapointsToAlarm", last))
    return any(
        sum(over[start : start + last]) >= min_points
        for start in range(max(1, len(over) - last + 1))
    )


def watched_series(alarm: Mapping[str, Any]) -> set[str]:
    """The series that the alarm evaluates."""
    return {series(metric) for metric in _metrics(alarm).values()}


def series(metric: Mapping[str, Any]) -> str:
    """A metric by its name, its service and its code: "RequestCount", "Refusals web
    INTERNAL_ERROR"."""
    dimensions = {pair["Name"]: pair["Value"] for pair in metric.get("Dimensions", [])}
    return " ".join(
        [
            metric["MetricName"],
            *(dimensions[name] for name in ("Service", "code") if name in dimensions),
        ]
    )


def _metrics(alarm: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    own = {"": alarm} if "MetricName" in alarm else {}
    return own | {query["Id"]: query["MetricStat"]["Metric"] for query in _stated(alarm)}


def _judged(alarm: Mapping[str, Any], counts: Counts, start: int, end: int) -> float | None:
    values = {
        name: _sum(counts, series(metric), start, end) for name, metric in _metrics(alarm).items()
    }
    if "MetricName" in alarm:
        return values[""]
    (expression,) = (query["Expression"] for query in alarm["Metrics"] if "Expression" in query)
    return _value(expression, values)


def _value(expression: str, values: Mapping[str, float | None]) -> float | None:
    """None without data, unless the expression fills it."""
    if expression == "SUM(METRICS())":
        there = [value for value in values.values() if value is not None]
        return sum(there) if there else None
    known = {
        "IF": lambda condition, yes, no: yes if condition else no,
        "FILL": lambda value, instead: instead if value is None else value,
    }
    with suppress(TypeError, ZeroDivisionError):
        result: float = eval(expression, {"__builtins__": {}}, known | dict(values))
        return result
    return None


def _sum(counts: Counts, name: str, start: int, end: int) -> float | None:
    counts = counts.get(name, ())[start:end]
    return sum(counts) if any(counts) else None


def _stated(alarm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [query for query in alarm.get("Metrics", []) if "MetricStat" in query]


def _period(stated: Mapping[str, Any]) -> int:
    return int(stated.get("Period", 60))
