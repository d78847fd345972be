"""`GET /credits/usage` over HTTP: sums by day and operation, as JSON and as a file."""

from collections.abc import Callable

import pytest

from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack

CSV = {"Accept": "text/csv"}


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


def test_usage_is_summed_up_by_day_and_operation(start: Callable[..., LiveStack]) -> None:
    stack = start()
    stack.settled(stack.submitted())
    stack.fault("create", "job-fails")
    stack.settled(stack.submitted())
    api = ApiClient(stack)
    response = stack.get("/credits/usage")
    described = api.document["paths"]["/credits/usage"]["get"]["responses"]["200"]["content"]
    api.assert_as_documented(response, described["application/json"]["schema"])
    assert "text/csv" in described
    data = response.json()["data"]
    [row] = data["usage"]
    assert (row["provider"], row["operation"]) == ("kling", "image2video")
    assert (row["count"], row["failures"], row["credits"]) == (2, 1, 1)
    assert row["averageLatencySeconds"] == row["maxLatencySeconds"] > 0
    assert data["to"] == row["day"]
    assert (data["timeZone"], data["totals"]["count"]) == ("UTC", 2)
    assert data["totals"]["credits"] == stack.get("/credits").json()["data"]["totalSpent"]
    text = stack.get("/credits/usage", headers=CSV).text
    head = (
        '"day","provider","operation","count","failures","credits",'
        '"averageLatencySeconds","maxLatencySeconds"'
    )
    latency = f"{row['maxLatencySeconds']:.3f}"
    assert text.splitlines() == [
        head,
        f'"{row["day"]}","kling","image2video",2,1,1,"{latency}","{latency}"',
    ]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("from=2026-01-01&to=2026-12-31", "RANGE_TOO_LARGE"),
        ("from=0001-01-01&to=9999-12-31", "RANGE_TOO_LARGE"),
        ("from=x", "VALIDATION_FAILED"),
        ("from=2026-11-22&to=2026-11-21", "VALIDATION_FAILED"),
    ],
)
def test_a_range_that_cannot_be_summed_up_is_refused(api: ApiClient, query: str, code: str) -> None:
    api.assert_refused(api.get(f"/credits/usage?{query}"), 400, code)


@pytest.mark.parametrize("query", ["", "?from=9999-12-31", "?to=0001-01-01"])
def test_someone_without_an_account_has_no_usage(api: ApiClient, query: str) -> None:
    assert api.get(f"/credits/usage{query}").json()["data"]["usage"] == []
