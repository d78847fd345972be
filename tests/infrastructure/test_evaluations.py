"""The evaluation of alarms and of firewall statements, on which the checks rely."""

from typing import Any

import pytest

from tests.infrastructure.alarms import MINUTES, fires
from tests.infrastructure.statements import Request, counted, matches

QUIET = [0] * MINUTES


def alarm(**changes: Any) -> dict[str, Any]:
    made = {
        "MetricName": "Errors",
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 10,
    }
    return {**made, "ComparisonOperator": "GreaterThanOrEqualToThreshold", **changes}


def math(expression: str, period: int) -> dict[str, Any]:
    stated = [
        {"Id": name.lower(), "MetricStat": {"Metric": {"MetricName": name}, "Period": period}}
        for name in ("Errors", "Requests")
    ]
    return {
        "Metrics": [{"Id": "judged", "Expression": expression}, *stated],
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 20,
    }


@pytest.mark.parametrize(
    ("minutes", "sound"),
    [
        ({4: 10, 6: 10}, True),
        ({4: 10, 7: 10}, False),
        ({4: 9, 5: 9, 6: 9}, False),
        ({14: 20}, False),
    ],
)
def test_an_alarm_needs_enough_points_over_its_threshold(
    minutes: dict[int, int], sound: bool
) -> None:
    counts = [minutes.get(minute, 0) for minute in range(MINUTES)]
    assert fires(alarm(), {"Errors": counts}) is sound


def test_a_longer_period_adds_up_what_lies_in_it() -> None:
    seldom = {"Errors": [1] * MINUTES}
    assert not fires(alarm(EvaluationPeriods=1, DatapointsToAlarm=1), seldom)
    assert fires(alarm(EvaluationPeriods=1, DatapointsToAlarm=1, Period=900), seldom)


@pytest.mark.parametrize(
    ("expression", "sound"),
    [
        ("100 * errors / requests", False),
        ("100 * errors / (errors + FILL(requests, 0))", True),
        ("IF(errors >= 16, 100, 0)", False),
        ("SUM(METRICS())", False),
    ],
)
def test_missing_data_stays_missing_unless_it_is_filled(expression: str, sound: bool) -> None:
    assert fires(math(expression, 900), {"Errors": [1] * MINUTES, "Requests": QUIET}) is sound


def test_a_request_without_the_header_is_not_counted_by_it() -> None:
    rate = {"CustomKeys": [{"Header": {"Name": "authorization"}}]}
    assert counted(rate, Request("GET", "/", {"authorization": "x"}))
    assert not counted(rate, Request("GET", "/"))


def test_a_path_is_compared_as_it_is_transformed() -> None:
    def beginning(step: str) -> dict[str, Any]:
        how = {"PositionalConstraint": "STARTS_WITH", "SearchString": "/videos"}
        return {
            "ByteMatchStatement": {
                "FieldToMatch": {"UriPath": {}},
                "TextTransformations": [{"Priority": 0, "Type": step}],
                **how,
            }
        }

    assert matches(beginning("URL_DECODE"), Request("POST", "/%76ideos"))
    assert not matches(beginning("NONE"), Request("POST", "/%76ideos"))
    assert matches({"NotStatement": {"Statement": beginning("NONE")}}, Request("POST", "/%76ideos"))
