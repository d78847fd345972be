import io
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from service.core.metrics import EmbeddedMetrics, Metric, Metrics, NoMetrics
from tests.doubles.clock import FakeClock

SERVICE = Path(__file__).parents[2] / "service"
NOW = 1_790_000_000_123


def measured(act: Any) -> list[dict[str, Any]]:
    out = io.StringIO()
    act(EmbeddedMetrics(out, FakeClock(NOW), "staging", "web"))
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_count_is_one_line_of_the_embedded_metric_format() -> None:
    [line] = measured(lambda metrics: metrics.count(Metric.REFUSALS, code="WALLET_BUSY"))
    assert line == {
        "_aws": {
            "Timestamp": NOW,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Farebox",
                    "Dimensions": [["Stage", "Service"], ["Stage", "Service", "code"]],
                    "Metrics": [{"Name": "Refusals", "Unit": "Count"}],
                }
            ],
        },
        "Stage": "staging",
        "Service": "web",
        "code": "WALLET_BUSY",
        "Refusals": 1,
    }


def test_without_dimensions_there_is_one_set_of_them() -> None:
    [line] = measured(lambda metrics: metrics.count(Metric.HOLDS, 3))
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Dimensions"], line["Holds"]) == ([["Stage", "Service"]], 3)


@pytest.mark.parametrize(
    ("act", "name", "unit", "value"),
    [
        (
            lambda metrics: metrics.timing(Metric.REQUEST_LATENCY, 12.34567),
            "RequestLatency",
            "Milliseconds",
            12.346,
        ),
        (
            lambda metrics: metrics.gauge(Metric.OLDEST_DUE_JOB_SECONDS, 0.5),
            "OldestDueJobSeconds",
            "None",
            0.5,
        ),
        (lambda metrics: metrics.count(Metric.HOUSE_LOSS, 0), "HouseLossCredits", "Count", 0),
    ],
)
def test_times_are_milliseconds_and_gauges_have_no_unit(
    act: Any, name: str, unit: str, value: float
) -> None:
    [line] = measured(act)
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Metrics"], line[name]) == ([{"Name": name, "Unit": unit}], value)


def test_a_dimension_has_1_to_100_characters() -> None:
    [line] = measured(lambda metrics: metrics.count(Metric.REFUSALS, code="x" * 5000, other=""))
    assert (line["code"], line["other"]) == ("x" * 100, "none")


def test_lines_of_many_threads_stay_whole() -> None:
    def act(metrics: Metrics) -> None:
        def count() -> None:
            for _ in range(100):
                metrics.count(Metric.HOLDS, code="x" * 100)

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(measured(act)) == 800


def test_a_developer_s_terminal_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    quiet: Metrics = NoMetrics()
    quiet.count(Metric.HOLDS)
    quiet.timing(Metric.REQUEST_LATENCY, 1.0)
    quiet.gauge(Metric.OLDEST_DUE_JOB_SECONDS, 1.0)
    assert capsys.readouterr() == ("", "")


def test_the_list_holds_exactly_what_the_code_emits() -> None:
    files = [file for file in SERVICE.rglob("*.py") if file.name != "metrics.py"]
    emitted = {
        name for file in files for name in re.findall(r"\bMetric\.([A-Z_]+)", file.read_text())
    }
    assert emitted == {metric.name for metric in Metric}


def test_names_are_fit_for_alarms_and_differ() -> None:
    assert all(re.fullmatch("([A-Z][a-z]*)+", metric.value) for metric in Metric)
    assert len({metric.value for metric in Metric}) == len(Metric)
