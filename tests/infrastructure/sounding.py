"""Runs a CloudWatch alarm minute by minute: statistics, percentiles, metric math, missing data
(Amazon CloudWatch User Guide, Using alarms; Using metric math).

Samples of a minute are pairs of a value and how often it was reported.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Samples = Sequence[tuple[float, int]]
Series = Mapping[int, Samples]
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_MISSING = ("notBreaching", "breaching", "ignore")


@dataclass(frozen=True)
class Run:
    """What an alarm did: the minute when it first went off, and whether it was on at the end."""

    sounded: int | None
    is_on: bool


def run(
    alarm: Mapping[str, Any],
    data: Mapping[str, Series],
    key: Callable[[Mapping[str, Any]], str],
    minutes: int,
) -> Run:
    """The alarm over that time, on metrics named by `key`. All was well before.

    Raises `LookupError` or `ValueError` for an alarm that CloudWatch would refuse.
    """
    treat = alarm["TreatMissingData"]
    if treat not in _MISSING:
        raise LookupError(treat)
    compared, threshold = _COMPARED[alarm["ComparisonOperator"]], float(alarm["Threshold"])
    period, points = _points(alarm, data, key, minutes)
    last = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm", last))
    if not 1 <= needed <= last:
        raise ValueError(f"{needed} of {last} points")
    sounded, is_on = None, False
    recent: list[bool | None] = [False] * last
    for place, value in enumerate(points, 1):
        over = compared(value, threshold) if value is not None else None
        recent = [*recent[1:], over]
        if over is None and treat == "ignore":
            continue
        bad = sum(treat == "breaching" if point is None else point for point in recent)
        is_on = bad >= needed
        if is_on and sounded is None:
            sounded = place * period
    return Run(sounded, is_on)


def _points(
    alarm: Mapping[str, Any],
    data: Mapping[str, Series],
    key: Callable[[Mapping[str, Any]], str],
    minutes: int,
) -> tuple[int, list[float | None]]:
    """The minutes of a period, and the value of each period; None where there is no data."""
    if "MetricName" in alarm:
        how = str(alarm["Statistic"] if "Statistic" in alarm else alarm["ExtendedStatistic"])
        period = _minutes(alarm["Period"])
        return period, _values(data.get(key(alarm), {}), how, period, minutes)
    queries = [query for query in alarm["Metrics"] if "MetricStat" in query]
    (judged,) = (query for query in alarm["Metrics"] if "Expression" in query)
    if judged.get("ReturnData", True) is not True or any(q["ReturnData"] for q in queries):
        raise ValueError("an alarm needs exactly one result, its expression")
    (period,) = {_minutes(query["MetricStat"]["Period"]) for query in queries}
    columns = {}
    for query in queries:
        stat = query["MetricStat"]
        series = data.get(key(stat["Metric"]), {})
        columns[str(query["Id"])] = _values(series, str(stat["Stat"]), period, minutes)
    rows = zip(*columns.values(), strict=True)
    return period, [
        _math(judged["Expression"], dict(zip(columns, row, strict=True))) for row in rows
    ]


def _minutes(seconds: Any) -> int:
    if int(seconds) % 60 or int(seconds) <= 0:
        raise ValueError(f"a period of {seconds} s")
    return int(seconds) // 60


def _values(series: Series, how: str, period: int, minutes: int) -> list[float | None]:
    return [
        _statistic(
            [pair for minute in range(start, start + period) for pair in series.get(minute, ())],
            how,
        )
        for start in range(0, minutes - minutes % period, period)
    ]


def _statistic(samples: list[tuple[float, int]], how: str) -> float | None:
    count = sum(times for _, times in samples)
    if not count:
        return None
    total = sum(value * times for value, times in samples)
    if re.fullmatch(r"p\d+(\.\d+)?", how):
        return _percentile(samples, float(how[1:]), count)
    known: Mapping[str, float] = {
        "Sum": total,
        "Average": total / count,
        "SampleCount": count,
        "Maximum": max(value for value, _ in samples),
        "Minimum": min(value for value, _ in samples),
    }
    return known[how]


def _percentile(samples: list[tuple[float, int]], percent: float, count: int) -> float:
    rank, passed = math.ceil(percent / 100 * count), 0
    for value, times in sorted(samples):
        passed += times
        if passed >= rank:
            return value
    raise ValueError(percent)


def _math(expression: str, row: Mapping[str, float | None]) -> float | None:
    if expression == "SUM(METRICS())":
        there = [value for value in row.values() if value is not None]
        return sum(there) if there else None
    known: dict[str, Any] = {
        "IF": lambda condition, yes, no: yes if condition else no,
        "FILL": lambda value, instead: instead if value is None else value,
    }
    try:
        result: float = eval(expression, {"__builtins__": {}}, known | dict(row))
    except (TypeError, ZeroDivisionError):
        return None
    return result
