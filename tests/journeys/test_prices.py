"""What an operation costs, over HTTP: before it is requested, when it is, and after its price has
been replaced."""

from collections.abc import Callable
from typing import Any

import pytest

from service.admin.prices import Prices
from service.catalog.entities import IMAGE_TO_VIDEO
from service.catalog.pricing import Metered, Price, Rate, Terms
from service.core.clock import SystemClock
from tests.admin.actions import action
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack, video_body

COST = "/credits/cost?provider=kling&operation=image2video"
QUOTE = f"/credits/quote?operation={IMAGE_TO_VIDEO}"
LEAD_SECONDS = 300


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


class LaterClock(SystemClock):
    """The system's clock, and as much later as a test says."""

    later_seconds = 0.0

    def now(self) -> int:
        return super().now() + round(self.later_seconds * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self.later_seconds


def schedule(stack: LiveStack, terms: Terms, after_seconds: float = LEAD_SECONDS) -> None:
    start = stack.parts.core.clock.now() + round(after_seconds * 1000) + 500
    wanted = action(name="schedule price", subject=None, idempotency_key=str(start))
    stack.parts.get(Prices).schedule(wanted, Price(IMAGE_TO_VIDEO, terms, start))


def cost(stack: LiveStack) -> dict[str, Any]:
    response = stack.get(COST)
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def quote(stack: LiveStack, sub: str = "ann", **changes: Any) -> dict[str, Any]:
    body = video_body(sub) | changes
    response = stack.call("POST", QUOTE, stack.token(sub), json=body)
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


@pytest.mark.usefixtures("nothing_written")
def test_the_cost_is_that_of_every_prompt(api: ApiClient) -> None:
    response = api.get(COST)
    api.assert_as_documented(response, _schema(api, "/credits/cost", "get"))
    prompts = api.get("/prompts")
    api.assert_as_documented(prompts, _schema(api, "/prompts", "get"))
    assert {str(each["price"]) for each in prompts.json()["data"]["prompts"]} == {
        str(response.json()["data"])
    }


def _schema(api: ApiClient, path: str, method: str) -> dict[str, Any]:
    described = api.document["paths"][path][method]["responses"]["200"]
    schema: dict[str, Any] = described["content"]["application/json"]["schema"]
    return schema


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("operation", ["text2video", "image2video:", "image2video/../x", "%00"])
def test_an_operation_without_a_price_has_none(api: ApiClient, operation: str) -> None:
    response = api.get(f"/credits/cost?provider=kling&operation={operation}")
    if operation == "%00":
        api.assert_refused(response, 400, "VALIDATION_FAILED")
    else:
        details = api.assert_refused(response, 404, "PRICE_NOT_FOUND")
        assert details == {"operation": f"kling:{operation}"}


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("query", ["", "?provider=kling", "?operation=image2video"])
def test_both_names_are_needed(api: ApiClient, query: str) -> None:
    api.assert_refused(api.get(f"/credits/cost{query}"), 400, "VALIDATION_FAILED")


@pytest.mark.usefixtures("nothing_written")
def test_a_quote_of_a_stranger_writes_nothing(api: ApiClient) -> None:
    token = api.stack.token("stranger")
    response = api.stack.call("POST", QUOTE, token, json=video_body("stranger"))
    api.assert_as_documented(response, _schema(api, "/credits/quote", "post"))
    assert response.json()["data"] == {
        "operation": IMAGE_TO_VIDEO,
        "credits": 1,
        "available": 0,
        "affordable": 0,
        "sufficient": False,
        "priceVersion": "4cc84d4d",
        "registered": False,
    }


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"promptKey": "no_such_prompt"}, 400, "UNKNOWN_PROMPT_KEY"),
        ({"imageUrl": "https://127.0.0.1/a.jpg"}, 400, "IMAGE_URL_REFUSED"),
        ({"imageUrl": "neither"}, 400, "IMAGE_UNUSABLE"),
        ({"GoogleID": "somebody-else"}, 403, "GOOGLE_ID_MISMATCH"),
        ({"extra": 1}, 400, "VALIDATION_FAILED"),
    ],
)
def test_a_quote_refuses_what_the_paid_route_refuses(
    api: ApiClient, changes: dict[str, Any], status: int, code: str
) -> None:
    token, body = api.stack.token("ann"), video_body("ann") | changes
    api.assert_refused(api.stack.call("POST", QUOTE, token, json=body), status, code)
    api.assert_refused(api.stack.call("POST", "/videos", token, json=body), status, code)


@pytest.mark.usefixtures("nothing_written")
def test_a_quote_of_an_unknown_operation_names_those_there_are(api: ApiClient) -> None:
    path, body = "/credits/quote?operation=kling:other", video_body("ann")
    response = api.stack.call("POST", path, api.stack.token("ann"), json=body)
    details = api.assert_refused(response, 404, "OPERATION_NOT_FOUND")
    assert details["knownOperations"] == sorted(details["knownOperations"])
    assert IMAGE_TO_VIDEO in details["knownOperations"]
    unnamed = api.stack.call("POST", "/credits/quote", api.stack.token("ann"), json=body)
    api.assert_refused(unnamed, 400, "VALIDATION_FAILED")


def test_a_quote_says_what_the_job_then_holds(start: Callable[..., LiveStack]) -> None:
    clock = LaterClock()
    stack = start(welcome_credits=2, clock=clock)
    stack.settled(stack.submitted())
    before = stack.written()
    assert quote(stack)["sufficient"] is True
    assert (quote(stack)["credits"], quote(stack)["available"]) == (1, 1)
    assert stack.written() == before
    schedule(stack, Metered({Rate.SECOND: 250_000}, minimum=500))
    clock.later_seconds = LEAD_SECONDS + 1
    assert (quote(stack)["credits"], quote(stack)["affordable"]) == (1.25, 1)
    assert quote(stack)["sufficient"] is False
    refused = stack.post_video()
    assert (refused.status_code, refused.json()["code"]) == (403, "INSUFFICIENT_CREDITS")
    assert refused.json()["details"]["required"] == quote(stack)["credits"]
    assert len(stack.tasks()) == 1


def test_a_job_is_charged_what_it_was_quoted_after_its_price_has_changed(
    start: Callable[..., LiveStack],
) -> None:
    """On every process from the same moment on."""
    clock = LaterClock()
    stack = start(welcome_credits=10, clock=clock, simulator={"video_seconds": 3600})
    other_url = stack.open_app()
    schedule(stack, Metered({Rate.SECOND: 500_001, Rate.IMAGE: 1_000}))
    assert (cost(stack)["credits"], cost(stack)["effectiveAt"]) == (1, None)
    before = stack.submitted()
    clock.later_seconds = LEAD_SECONDS + 1
    priced = cost(stack)
    rates = {name: rate for name, rate in priced["rates"].items() if rate is not None}
    assert (priced["credits"], rates) == (None, {"perSecond": 0.500001, "perImage": 0.001})
    stack.url = other_url
    after = stack.submitted()
    stack.finish_videos()
    captured = [stack.settled(job)["credits"]["captured"] for job in (before, after)]
    assert captured == [1, 2.502]
    by_id = {item["SK"]["S"]: item for item in stack.items()}
    assert by_id[f"JOB#{after}"]["priceTerms"] == {"S": "s0.500001 i0.001"}
    assert "priceTerms" not in by_id[f"JOB#{before}"]
    assert by_id[f"JOB#{after}"]["providerCost"]["M"]["micros"] == {"N": "490000"}
    stack.assert_proved()
