"""`GET /admin/analytics`: everybody's sums, for operators alone."""

import csv
import io
from datetime import date
from typing import Any

import pytest

from service.analytics.closed_days import ClosedDays
from service.core.days import end_of, start_of
from service.providers.base import TaskStatus
from tests.admin.admin_api import AdminApi
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

FIRST = date(2027, 3, 1)
DAY = "2027-03-01"


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """One day on which ann had two videos and a failure, and bob one video; it is closed."""
    world = ServiceHarness(memory, memory.name, welcome_credits=5)
    world.clock.advance((start_of(FIRST) - world.clock.now()) / 1000)
    delivered, failed = TaskStatus.SUCCEEDED, TaskStatus.FAILED
    for user_id, status in (
        ("ann", delivered),
        ("ann", delivered),
        ("ann", failed),
        ("bob", delivered),
    ):
        job_id = world.submit(user_id, device=f"device of {user_id}").job.job_id
        world.clock.advance(30)
        world.provider.book(job_id, status)
        world.settlement.resolve(user_id, job_id)
    world.clock.advance((end_of(FIRST) - world.clock.now()) / 1000 + 3600)
    world.auditor.audit(closing=world.parts.get(ClosedDays))
    return world


@pytest.fixture
def api(world: ServiceHarness) -> AdminApi:
    return AdminApi(world)


def analytics(api: AdminApi, query: str = f"?from={DAY}") -> dict[str, Any]:
    status, body = api.get(f"/admin/analytics{query}")
    assert status == 200, body
    data: dict[str, Any] = body["data"]
    return data


def test_a_closed_day_has_the_sums_of_all_users(api: AdminApi) -> None:
    data = analytics(api)
    [row] = data["usage"]
    assert (row["day"], row["provider"], row["operation"]) == (DAY, "kling", "image2video")
    assert (row["count"], row["failures"], row["credits"]) == (4, 1, 3)
    assert (row["averageLatencySeconds"], row["maxLatencySeconds"]) == (30, 30)
    [day] = data["days"]
    assert (day["spent"], day["spenders"], day["wallets"]) == (3, 2, 2)
    assert day["charged"] == {"free": 3, "promo": 0, "subscription": 0, "paid": 0}
    assert day["liability"] == {"free": 7, "promo": 0, "subscription": 0, "paid": 0}
    assert day["averageBalance"] == 3.5
    assert day["granted"] == {"count": 2, "credits": 10}
    assert day["breakage"] == day["adjustedUp"] == day["adjustedDown"] == day["clawedBack"]
    assert [(each["userId"], each["credits"], each["jobs"]) for each in day["topUsers"]] == [
        ("ann", 2, 2),
        ("bob", 1, 1),
    ]
    assert data["topUsers"] == day["topUsers"]
    assert (data["from"], data["to"], data["timeZone"]) == (DAY, "2027-03-02", "UTC")
    assert data["totals"]["credits"] == 3
    assert data["missing"] == []


def test_today_and_refusals_say_where_they_are_counted(api: AdminApi) -> None:
    data = analytics(api)
    assert data["today"]["day"] == "2027-03-02"
    assert data["today"]["source"] == data["insufficientCredits"]["source"] == "metrics"
    assert analytics(api, f"?from={DAY}&to={DAY}")["today"] is None


def test_a_day_that_no_one_has_closed_is_missing(api: AdminApi) -> None:
    assert analytics(api, "?from=2027-02-27&to=2027-03-01")["missing"] == [
        "2027-02-27",
        "2027-02-28",
    ]


def test_margin_needs_what_a_bought_credit_brought_in(api: AdminApi) -> None:
    totals = analytics(api)["totals"]
    assert totals["revenueMicros"] is totals["marginMicros"] is None
    valued = analytics(api, f"?from={DAY}&creditValueMicros=50000&currency=USD")["totals"]
    # Free credits bring in nothing, and their work costs all the same.
    assert valued["revenueMicros"] == 0
    assert valued["marginMicros"] == -valued["providerCostMicros"].get("USD", 0)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?from=2027-01-01&to=2027-12-31", "RANGE_TOO_LARGE"),
        ("?from=x", "VALIDATION_FAILED"),
        ("?creditValueMicros=1", "VALIDATION_FAILED"),
        ("?currency=USD", "VALIDATION_FAILED"),
        ("?creditValueMicros=-1&currency=USD", "VALIDATION_FAILED"),
    ],
)
def test_what_cannot_be_summed_up_is_refused(api: AdminApi, query: str, code: str) -> None:
    status, body = api.get(f"/admin/analytics{query}")
    assert (status, body["code"]) == (400, code)


def test_the_rows_come_as_a_file(api: AdminApi, world: ServiceHarness) -> None:
    path = f"/admin/analytics?from={DAY}"
    headers = api.signer.sign("GET", path, world.clock.now() / 1000, b"")
    response = api.client.get(path, headers={**headers, "Accept": "text/csv"})
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    [row] = csv.DictReader(io.StringIO(response.get_data(as_text=True), newline=""))
    shown = [row[name] for name in ("day", "operation", "count", "failures", "credits")]
    assert shown == [DAY, "image2video", "4", "1", "3"]
    assert row["houseLoss"] == "0"


def test_no_one_else_may_read_it(api: AdminApi) -> None:
    before = api.world.items()
    response = api.client.get("/admin/analytics")
    assert response.status_code == 401
    bare = api.client.get("/admin/analytics", headers={"X-Google-ID": "ann"})
    assert bare.status_code in (401, 403)
    assert api.world.items() == before
