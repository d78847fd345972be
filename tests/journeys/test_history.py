"""What a user can read of their own credits: the balance, every change of it, and the same as a
file for a spreadsheet."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack

CSV = {"Accept": "text/csv"}


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


def history(stack: LiveStack, query: str = "", sub: str = "ann") -> dict[str, Any]:
    response = stack.get(f"/credits/history{query}", sub)
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


@pytest.fixture
def two_jobs(start: Callable[..., LiveStack]) -> LiveStack:
    """A stack on which one of ann's jobs was delivered and another failed."""
    stack = start()
    stack.settled(stack.submitted())
    stack.fault("create", "job-fails")
    stack.settled(stack.submitted())
    return stack


def test_a_delivered_job_is_one_line_and_a_failed_one_two(two_jobs: LiveStack) -> None:
    lines = history(two_jobs)["transactions"]
    assert [(each["type"], each["amount"], each["balanceAfter"]) for each in lines] == [
        ("RELEASE", 1, 2),
        ("USAGE", -1, 1),
        ("USAGE", -1, 2),
        ("INITIAL", 3, 3),
    ]
    balance = two_jobs.get("/credits").json()["data"]
    assert balance["balance"] == balance["credits"] == lines[0]["balanceAfter"]
    assert balance["totalSpent"] == 1
    assert balance["freeCredits"] + balance["paidCredits"] == balance["balance"]


def test_a_line_names_its_job_and_the_request_that_made_it(start: Callable[..., LiveStack]) -> None:
    stack = start()
    response = stack.post_video()
    [usage, initial] = history(stack)["transactions"]
    facts = usage["metadata"]
    assert facts["jobId"] == response.json()["data"]["jobId"]
    assert facts["requestId"] == response.headers["X-Request-Id"]
    assert (facts["provider"], facts["operation"]) == ("kling", "image2video")
    assert facts["timestamp"] == usage["createdAt"]
    assert initial["metadata"]["source"] == "signup_bonus"
    assert initial["description"] == "Welcome bonus - 3 free credits"


def test_pages_are_followed_by_their_tokens_to_the_end(two_jobs: LiveStack) -> None:
    token, found = None, []
    while True:
        page = history(two_jobs, f"?limit=1&nextToken={token}" if token else "?limit=1")
        found += page["transactions"]
        token = page["nextToken"]
        if token is None:
            break
    assert found == history(two_jobs)["transactions"]


def test_a_type_and_days_leave_the_others_out(two_jobs: LiveStack) -> None:
    lines = history(two_jobs)["transactions"]
    today = lines[0]["createdAt"][:10]
    assert history(two_jobs, "?type=RELEASE")["transactions"] == lines[:1]
    assert history(two_jobs, f"?from={today}&to={today}")["transactions"] == lines
    assert history(two_jobs, "?to=2020-01-01")["transactions"] == []


def test_a_token_of_another_filter_or_user_is_refused(two_jobs: LiveStack) -> None:
    api = ApiClient(two_jobs)
    token = history(two_jobs, "?limit=1")["nextToken"]
    for query, sub in (("&type=USAGE", "ann"), ("", "bob"), ("&to=2030-01-01", "ann")):
        refused = two_jobs.get(f"/credits/history?limit=1&nextToken={token}{query}", sub)
        api.assert_refused(refused, 400, "PAGE_TOKEN_INVALID")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("type=HOLD", "type"),
        ("type=usage", "type"),
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("from=20261121", "from"),
        ("to=2026-11-21T00:00:00Z", "to"),
        ("to=0000-01-01", "to"),
        ("from=2026-11-22&to=2026-11-21", "to"),
    ],
)
def test_a_query_out_of_bounds_is_refused_by_its_name(
    api: ApiClient, query: str, field: str
) -> None:
    response = api.get(f"/credits/history?{query}")
    assert list(api.assert_refused(response, 400, "VALIDATION_FAILED")["fields"]) == [field]


@pytest.mark.parametrize("query", ["from=0001-01-01", "to=9999-12-31", "limit=100&type=USAGE"])
def test_the_outermost_values_are_accepted(api: ApiClient, query: str) -> None:
    assert api.get(f"/credits/history?{query}").json()["data"] == {
        "transactions": [],
        "nextToken": None,
    }


def test_the_file_has_every_line_under_its_column(two_jobs: LiveStack) -> None:
    response = two_jobs.get("/credits/history?limit=1", headers=CSV)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["Content-Disposition"] == 'attachment; filename="credit-history.csv"'
    assert "Accept" in response.headers["Vary"]
    assert response.headers["Cache-Control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    lines = history(two_jobs)["transactions"]
    assert [(row["type"], float(row["amount"]), row["jobId"]) for row in rows] == [
        (line["type"], line["amount"], line["metadata"]["jobId"] or "") for line in lines
    ]
    assert [row["createdAt"] for row in rows] == [line["createdAt"] for line in lines]
    assert response.text.count("\r\n") == len(lines) + 1


def test_a_file_without_lines_has_its_head(api: ApiClient) -> None:
    response = api.stack.call("GET", "/credits/history", api.token, headers=CSV)
    assert response.text.startswith('"createdAt","type","amount","balanceAfter","description",')
    assert response.text.count("\r\n") == 1


def test_a_refusal_is_in_the_envelope_whatever_is_accepted(api: ApiClient) -> None:
    call = api.stack.call
    bad = call("GET", "/credits/history?type=x", api.token, headers=CSV)
    api.assert_refused(bad, 400, "VALIDATION_FAILED")
    api.assert_refused(call("GET", "/credits/history", headers=CSV), 401, "AUTHENTICATION_REQUIRED")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/json, text/csv", "text/csv;q=0.5, */*", ""]
)
def test_json_is_returned_unless_csv_is_preferred(api: ApiClient, accept: str) -> None:
    response = api.stack.call("GET", "/credits/history", api.token, headers={"Accept": accept})
    assert response.headers["Content-Type"] == "application/json"
    assert "Accept" in response.headers["Vary"]


def test_a_request_id_that_could_be_a_formula_is_text_in_the_file(
    start: Callable[..., LiveStack],
) -> None:
    stack = start()
    token = stack.token("ann")
    body = {"Fingerprint": "ann's own phone", "promptKey": "foo_prompt"}
    body["imageUrl"] = "https://images.example.com/a.jpg"
    sent = stack.call("POST", "/videos", token, json=body, headers={"X-Request-Id": "-1-2"})
    assert sent.status_code == 200, sent.text
    rows = csv.DictReader(io.StringIO(stack.get("/credits/history", headers=CSV).text, newline=""))
    assert [row["requestId"] for row in rows] == ["'-1-2", ""]
