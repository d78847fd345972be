"""Operators schedule prices over HTTP: with a reason, a key and a record, once, and in time."""

from typing import Any

import pytest

from service.catalog.entities import IMAGE_TO_VIDEO
from service.catalog.operations import Catalog
from service.core.clock import iso
from tests.admin.admin_api import AdminApi
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.signer import LAPTOP

PRICES = "/admin/prices"
CANCEL = "/admin/prices/cancel"
HISTORY = f"{PRICES}?operation={IMAGE_TO_VIDEO}"
LEAD_SECONDS = 300
REASON = "Kling has raised its prices."


@pytest.fixture
def api(world: ServiceHarness) -> AdminApi:
    return AdminApi(world)


def at(api: AdminApi, seconds: float = LEAD_SECONDS) -> str:
    return iso(api.world.clock.now() + round(seconds * 1000))


def body(api: AdminApi, **more: Any) -> dict[str, Any]:
    flat = {} if "rates" in more else {"credits": 2.5}
    usual = {"operation": IMAGE_TO_VIDEO, "effectiveAt": at(api), "reason": REASON}
    return {name: value for name, value in (usual | flat | more).items() if value is not None}


def written(api: AdminApi) -> list[Any]:
    """All items but the nonces of accepted requests."""
    return [item for item in api.world.items() if not item["PK"]["S"].startswith("NONCE#")]


def refused(api: AdminApi, path: str, content: Any, key: str | None = "") -> tuple[int, str]:
    """The refusal, which has written nothing."""
    before = written(api)
    status, response = api.post(path, content, key)
    assert written(api) == before
    return status, response["code"]


def test_a_price_is_scheduled_with_a_record_and_applies_in_time(api: AdminApi) -> None:
    status, response = api.post(PRICES, body(api))
    assert status == 200
    price, record = response["data"]["price"], response["data"]["action"]
    assert (price["credits"], price["scheduledBy"], price["reason"]) == (
        2.5,
        "key:machine",
        REASON,
    )
    assert (record["action"], record["reason"]) == ("schedule price", REASON)
    assert record["details"] == {
        "operation": IMAGE_TO_VIDEO,
        "effectiveAt": price["effectiveAt"],
        "terms": "2.5",
        "priceVersion": price["priceVersion"],
    }
    assert api.get("/admin/actions")[1]["data"]["actions"] == [record]
    api.world.refresh_prices()
    api.world.clock.advance(LEAD_SECONDS)
    assert api.world.parts.get(Catalog).quote(IMAGE_TO_VIDEO).version == price["priceVersion"]
    assert api.world.audit().violations == ()


def test_a_price_by_usage_has_rates_and_limits(api: AdminApi) -> None:
    rates = {"perSecond": 0.012345, "perImage": 1}
    status, response = api.post(PRICES, body(api, rates=rates, minimum=0.5, maximum=20))
    price = response["data"]["price"]
    assert (status, price["credits"]) == (200, None)
    assert {name: rate for name, rate in price["rates"].items() if rate is not None} == rates
    assert (price["minimum"], price["maximum"]) == (0.5, 20)
    assert response["data"]["action"]["details"]["terms"] == "s0.012345 i1 >0.5 <20"


def test_a_repeated_key_schedules_once_also_after_the_price_applies(api: AdminApi) -> None:
    content = body(api)
    first = api.post(PRICES, content, "key-1")
    before = written(api)
    api.world.clock.advance(2 * LEAD_SECONDS)
    assert api.post(PRICES, content, "key-1") == first
    assert api.replayed
    assert written(api) == before
    assert refused(api, PRICES, content | {"credits": 3}, "key-1") == (
        422,
        "IDEMPOTENCY_KEY_REUSED",
    )
    assert refused(api, PRICES, content) == (409, "PRICE_CONFLICT")


def test_a_price_is_cancelled_with_a_record(api: AdminApi) -> None:
    start = at(api, 2 * LEAD_SECONDS)
    api.post(PRICES, body(api, effectiveAt=start))
    wanted = {"operation": IMAGE_TO_VIDEO, "effectiveAt": start, "reason": "A mistake."}
    status, response = api.post(CANCEL, wanted)
    price = response["data"]["price"]
    assert (status, price["cancelledBy"], price["cancelReason"]) == (
        200,
        "key:machine",
        "A mistake.",
    )
    assert refused(api, CANCEL, wanted) == (409, "PRICE_NOT_PENDING")
    actions = api.get("/admin/actions")[1]["data"]["actions"]
    assert [each["action"] for each in actions] == ["cancel price", "schedule price"]
    api.world.refresh_prices()
    api.world.clock.advance(3 * LEAD_SECONDS)
    api.world.refresh_prices()
    assert api.world.parts.get(Catalog).quote(IMAGE_TO_VIDEO).effective_at is None
    assert api.world.audit().violations == ()


def test_the_history_has_every_price_and_says_when_the_next_can_apply(api: AdminApi) -> None:
    for credits_ in (2, 3, 4):
        api.post(PRICES, body(api, credits=credits_, effectiveAt=at(api, 400 + credits_)))
    status, first = api.get(f"{HISTORY}&limit=2")
    page = first["data"]
    assert (status, [price["credits"] for price in page["prices"]]) == (200, [4, 3])
    assert page["earliestEffectiveAt"] == at(api)
    _, second = api.get(f"{HISTORY}&limit=2&nextToken={page['nextToken']}")
    assert [price["credits"] for price in second["data"]["prices"]] == [2]
    assert second["data"]["nextToken"] is None


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"effectiveAt": "2020-01-01T00:00:00.000Z"}, 400, "PRICE_TOO_SOON"),
        ({"effectiveAt": "2999-01-01T00:00:00.000Z"}, 400, "PRICE_TOO_FAR"),
        ({"effectiveAt": "tomorrow"}, 400, "VALIDATION_FAILED"),
        ({"effectiveAt": "2026-12-01T00:00:00"}, 400, "VALIDATION_FAILED"),
        ({"effectiveAt": 5}, 400, "VALIDATION_FAILED"),
        ({"operation": "kling:image2vidoe"}, 404, "PRICE_NOT_FOUND"),
        ({"credits": 0}, 400, "VALIDATION_FAILED"),
        ({"credits": -1}, 400, "VALIDATION_FAILED"),
        ({"credits": 0.0005}, 400, "VALIDATION_FAILED"),
        ({"credits": "2"}, 400, "VALIDATION_FAILED"),
        ({"credits": True}, 400, "VALIDATION_FAILED"),
        ({"credits": None}, 400, "VALIDATION_FAILED"),
        ({"credits": 2, "rates": {"perImage": 1}}, 400, "VALIDATION_FAILED"),
        ({"credits": 2, "minimum": 1}, 400, "VALIDATION_FAILED"),
        ({"rates": {"perImage": 0}}, 400, "PRICE_UNUSABLE"),
        ({"rates": {}}, 400, "PRICE_UNUSABLE"),
        ({"rates": {"perMillionOutputTokens": 1}}, 400, "PRICE_UNUSABLE"),
        ({"rates": {"perSecond": 1, "perMinute": 1}}, 400, "PRICE_UNUSABLE"),
        ({"rates": {"perImage": 1}, "minimum": 3, "maximum": 2}, 400, "PRICE_UNUSABLE"),
        ({"rates": {"perImage": 0.0000001}}, 400, "VALIDATION_FAILED"),
        ({"rates": {"perImage": 1e12}}, 400, "VALIDATION_FAILED"),
        ({"rates": {"perImage": -1}}, 400, "VALIDATION_FAILED"),
        ({"rates": {"perImage": "1"}}, 400, "VALIDATION_FAILED"),
        ({"rates": {"perVideo": 1}}, 400, "VALIDATION_FAILED"),
        ({"reason": None}, 400, "VALIDATION_FAILED"),
        ({"reason": "x" * 151}, 400, "VALIDATION_FAILED"),
        ({"surprise": 1}, 400, "VALIDATION_FAILED"),
    ],
    ids=str,
)
def test_what_cannot_be_a_price_is_refused(
    api: AdminApi, changes: dict[str, Any], status: int, code: str
) -> None:
    assert refused(api, PRICES, body(api, **changes)) == (status, code)


def test_a_key_is_required(api: AdminApi) -> None:
    assert refused(api, PRICES, body(api), None) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    assert refused(api, CANCEL, body(api, credits=None), None) == (
        400,
        "IDEMPOTENCY_KEY_REQUIRED",
    )


def test_a_lost_response_is_found_again_by_its_key(api: AdminApi) -> None:
    content = body(api, effectiveAt=at(api, 2 * LEAD_SECONDS))
    api.world.wire().plan("TransactWriteItems", "lost-request")
    status, response = api.post(PRICES, content, "key-1")
    assert (status, response["code"]) == (503, "OUTCOME_UNKNOWN")
    assert api.post(PRICES, content, "key-1")[0] == 200
    assert len(api.get(HISTORY)[1]["data"]["prices"]) == 1
    assert api.world.audit().violations == ()


@pytest.mark.parametrize("path", [PRICES, CANCEL])
def test_strangers_and_users_cannot_change_prices(api: AdminApi, path: str) -> None:
    before = written(api)
    response = api.client.post(path, json=body(api), headers={"Idempotency-Key": "k"})
    assert response.status_code in (401, 403)
    assert written(api) == before


def test_a_person_with_a_key_is_named_in_the_record(api: AdminApi) -> None:
    named = AdminApi(api.world, LAPTOP)
    _, response = named.post(PRICES, body(api))
    assert response["data"]["price"]["scheduledBy"] == response["data"]["action"]["operatorId"]
