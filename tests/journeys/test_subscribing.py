"""A subscription's life over HTTP: begun, renewed, failed, recovered and canceled at the simulated
Stripe, whose events reach the service as webhooks."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from service.core.clock import SystemClock
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack

PRICE = "price_pro_monthly"
CREDITS = 200
NONE = {
    "status": "none",
    "plan": None,
    "current_period_end": None,
    "trial_expires_at": None,
    "updatedAt": None,
}


@pytest.fixture
def api(start: Callable[..., LiveStack]) -> ApiClient:
    """`ann` has an account and two free credits left."""
    api = ApiClient(start(clock=SystemClock()))
    api.stack.finish_videos()
    api.stack.settled(api.stack.submitted("ann"))
    return api


def control(api: ApiClient, name: str, **body: Any) -> Any:
    response = api.stack.call_simulators("POST", f"/stripe/__{name}", body)
    assert response.status_code == 200, response.text
    return response.json()


def entitlement(api: ApiClient) -> dict[str, Any]:
    data: dict[str, Any] = api.stack.get("/me/entitlements").json()["data"]
    return data


def granted(api: ApiClient) -> int:
    """What subscriptions have brought so far."""
    total: int = api.stack.get("/me").json()["data"]["totalCreditsGranted"] - 3
    return total


def until(api: ApiClient, status: str, total: int) -> None:
    """Waits for the events that lead there."""

    def found() -> bool:
        return (entitlement(api)["status"], granted(api)) == (status, total)

    api.stack.until(found)


def test_a_subscription_is_begun_renewed_failed_recovered_and_canceled(api: ApiClient) -> None:
    stack, token = api.stack, api.stack.token("ann")
    assert entitlement(api) == NONE
    (plan,) = [
        each
        for each in stack.call("GET", "/subscription/plans").json()["data"]["plans"]
        if each["priceId"] == PRICE
    ]
    assert (plan["id"], plan["monthlyCredits"]) == ("pro", CREDITS)
    begun = stack.call("POST", "/stripe/checkout", token, json={"priceId": PRICE}).json()["data"]
    control(api, "pay", session=begun["sessionId"])
    until(api, "active", CREDITS)

    shown = stack.get("/subscription/status").json()["data"]
    assert (shown["planId"], shown["userId"], shown["status"]) == ("pro", "ann", "active")
    assert shown["cancelAtPeriodEnd"] is False
    assert entitlement(api)["plan"] == PRICE
    assert stack.get("/me").json()["data"]["subscriptionTier"] == "pro"

    control(api, "clock", days=32)
    until(api, "active", 2 * CREDITS)
    control(api, "fail_next", outcome="generic_decline")
    control(api, "clock", days=30)
    until(api, "past_due", 2 * CREDITS)
    control(api, "clock", days=10)
    until(api, "active", 3 * CREDITS)

    subscription = shown["stripeSubscriptionId"]
    requests.post(
        f"{stack.sim_url}/stripe/v1/subscriptions/{subscription}",
        data={"cancel_at_period_end": "true"},
        headers={"Authorization": "Bearer sk_test_farebox_local"},
        timeout=30,
    ).raise_for_status()
    assert stack.until(
        lambda: stack.get("/subscription/status").json()["data"]["cancelAtPeriodEnd"], 20
    )
    control(api, "clock", days=32)
    until(api, "canceled", 3 * CREDITS)
    assert stack.get("/me").json()["data"]["subscriptionTier"] == "none"
    stack.assert_proved()


def test_events_that_are_dropped_doubled_and_out_of_order_end_in_the_same(
    api: ApiClient,
) -> None:
    """What is dropped, the return page brings."""
    stack, token = api.stack, api.stack.token("ann")
    control(api, "webhooks", copies=3, reorder=5, drop_types=["invoice.paid"])
    begun = stack.call("POST", "/stripe/checkout", token, json={"priceId": PRICE}).json()["data"]
    control(api, "pay", session=begun["sessionId"])
    control(api, "webhooks", reorder=0)
    paid = stack.get(f"/stripe/orders/{begun['orderId']}?wait=10").json()["data"]
    assert paid["status"] == "paid"
    until(api, "active", CREDITS)
    stack.assert_proved()
