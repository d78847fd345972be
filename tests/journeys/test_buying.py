"""Buying credits over HTTP: paid at the simulated Stripe, granted once, and spent; what is not ours
or not paid brings nothing."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from service.billing.top_ups import TopUps
from service.core.clock import SystemClock
from service.ledger.movements import adjust
from service.ledger.operations import Ledger, Proposal, Snapshot
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack, new_key

PACK = {"packageId": "credits-500"}
TOTAL = 525


@pytest.fixture
def api(start: Callable[..., LiveStack]) -> ApiClient:
    """`ann` has an account and two free credits left."""
    api = ApiClient(start(clock=SystemClock()))
    api.stack.finish_videos()
    api.stack.settled(api.stack.submitted("ann"))
    return api


def checkout(api: ApiClient, key: str | None = None, sub: str = "ann", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    token = api.stack.token(sub)
    return api.stack.call("POST", "/stripe/checkout", token, json=body or PACK, headers=headers)


def pay(api: ApiClient, session: str, **how: Any) -> Any:
    body = {"session": session, **how}
    return api.stack.call_simulators("POST", "/stripe/__pay", body).json()


def order(api: ApiClient, name: str, sub: str = "ann", query: str = "") -> requests.Response:
    return api.stack.call("GET", f"/stripe/orders/{name}{query}", api.stack.token(sub))


def test_credits_are_bought_and_spent(api: ApiClient) -> None:
    stack = api.stack
    packages = stack.call("GET", "/credits/packages").json()["data"]["packages"]
    assert PACK["packageId"] in [each["packageId"] for each in packages]
    begun = checkout(api)
    data = begun.json()["data"]
    assert begun.headers["Location"] == f"/stripe/orders/{data['orderId']}"
    assert data["clientSecret"].startswith(f"{data['sessionId']}_secret_")
    pay(api, data["sessionId"])
    paid = order(api, data["orderId"]).json()["data"]
    assert (paid["status"], paid["credits"], paid["bonusCredits"]) == ("paid", TOTAL, 25)
    assert (paid["amountCents"], paid["currency"], paid["refundedCents"]) == (4490, "usd", 0)
    assert stack.credits() == (2 + TOTAL, 0)
    for _ in range(3):
        stack.settled(stack.submitted("ann"))
    assert stack.credits() == (TOTAL - 1, 0)
    (listed,) = stack.get("/stripe/orders").json()["data"]["orders"]
    assert listed == {name: paid[name] for name in listed}
    history = stack.get("/credits/history").json()["data"]["transactions"]
    assert [(each["type"], each["amount"]) for each in history if each["amount"] == TOTAL] == [
        ("PURCHASE", TOTAL)
    ]
    stack.assert_proved()


def test_a_repeated_request_returns_the_same_session(api: ApiClient) -> None:
    key = new_key()
    first, again = (checkout(api, key).json()["data"] for _ in range(2))
    assert again == {**first, "replayed": True}
    reused = checkout(api, key, packageId="credits-100")
    details = api.assert_refused(reused, 422, "IDEMPOTENCY_KEY_REUSED")
    assert details == {"orderId": first["orderId"]}
    assert len(api.stack.journal("create_session", "stripe")) == 1


def test_a_response_that_stripe_lost_leads_to_the_same_session(api: ApiClient) -> None:
    key = new_key()
    api.stack.fault("create_session", "lost-answer", "stripe", count=3)
    details = api.assert_refused(checkout(api, key), 503, "PAYMENT_PROVIDER_UNAVAILABLE")
    data = checkout(api, key).json()["data"]
    assert details == {"orderId": data["orderId"]}
    sent = api.stack.journal("create_session", "stripe")
    assert {each["headers"]["Idempotency-Key"] for each in sent} == {data["orderId"]}
    pay(api, data["sessionId"])
    assert order(api, data["orderId"]).json()["data"]["status"] == "paid"
    assert api.stack.credits() == (2 + TOTAL, 0)


_NOT_FOR_SALE: tuple[tuple[dict[str, Any], int, str], ...] = (
    ({"packageId": "credits-1000000"}, 404, "PACKAGE_NOT_FOUND"),
    ({"priceId": "price_of_someone_else"}, 404, "PLAN_NOT_FOUND"),
    ({"packageId": "credits-500", "priceId": "price_1"}, 400, "VALIDATION_FAILED"),
    ({"packageId": "credits-500", "amountCents": 1}, 400, "VALIDATION_FAILED"),
    ({"packageId": "credits-500", "credits": 9999}, 400, "VALIDATION_FAILED"),
    ({"packageId": 500}, 400, "VALIDATION_FAILED"),
    ({"packageId": "credits-500", "uiMode": "custom"}, 400, "VALIDATION_FAILED"),
    ({"priceId": "price_1", "savePaymentMethod": True}, 400, "VALIDATION_FAILED"),
)


def test_what_is_not_for_sale_is_refused_and_writes_nothing(api: ApiClient) -> None:
    before = api.stack.written()
    for body, status, code in _NOT_FOR_SALE:
        api.assert_refused(checkout(api, new_key(), **body), status, code)
    assert api.stack.written() == before
    assert api.stack.journal("create_session", "stripe") == []


def test_someone_without_an_account_cannot_buy(api: ApiClient) -> None:
    api.assert_refused(checkout(api, sub="bob"), 403, "ACCOUNT_REQUIRED")
    assert api.stack.journal("create_session", "stripe") == []


def test_a_return_page_that_is_called_without_a_payment_brings_nothing(api: ApiClient) -> None:
    data = checkout(api).json()["data"]
    for name in (data["orderId"], data["sessionId"]):
        opened = order(api, name).json()["data"]
        assert (opened["status"], opened["clientSecret"]) == ("pending", data["clientSecret"])
    for forged in (f"ord_{'0' * 26}", "cs_test_forged"):
        api.assert_refused(order(api, forged), 404, "ORDER_NOT_FOUND")
    assert api.stack.credits() == (2, 0)


def test_another_users_session_is_unknown(api: ApiClient) -> None:
    api.stack.settled(api.stack.submitted("bob"), "bob")
    data = checkout(api).json()["data"]
    pay(api, data["sessionId"])
    for name in (data["orderId"], data["sessionId"]):
        api.assert_refused(order(api, name, "bob"), 404, "ORDER_NOT_FOUND")
    assert api.stack.credits("bob") == (2, 0)
    assert order(api, data["orderId"]).json()["data"]["status"] == "paid"


def test_the_portal_opens_for_a_customer(api: ApiClient) -> None:
    opened = api.stack.call("POST", "/stripe/portal", api.stack.token("ann")).json()["data"]
    assert requests.get(opened["url"], timeout=30).status_code == 200
    refused = api.stack.call("POST", "/stripe/portal", api.stack.token("bob"))
    api.assert_refused(refused, 403, "ACCOUNT_REQUIRED")


def test_without_a_key_of_stripe_nothing_is_sold(start: Callable[..., LiveStack]) -> None:
    off = {"stripe_secret_key": "", "stripe_webhook_secrets": ""}
    api = ApiClient(start(clock=SystemClock(), **off))
    before = len(api.stack.items())
    for method, path in (("GET", "/credits/packages"), ("POST", "/stripe/checkout")):
        body = {"json": PACK} if method == "POST" else {}
        response = api.stack.call(method, path, api.token, **body)
        api.assert_refused(response, 404, "BILLING_NOT_CONFIGURED")
    assert len(api.stack.items()) == before
    assert api.stack.get("/stripe/orders").json()["data"]["orders"] == []


def test_a_refusal_tops_up_by_itself_and_the_request_succeeds_then(
    start: Callable[..., LiveStack],
) -> None:
    api = ApiClient(start(clock=SystemClock(), welcome_credits=1))
    stack, token = api.stack, api.stack.token("ann")
    stack.finish_videos()
    stack.settled(stack.submitted("ann"))
    agreement = {
        "enabled": True,
        "packageId": "credits-100",
        "threshold": 1,
        "monthlyCapCents": 1000,
    }
    without = stack.call("PUT", "/me/top-up", token, json=agreement)
    api.assert_refused(without, 409, "PAYMENT_METHOD_REQUIRED")
    saving = {"packageId": "credits-100", "savePaymentMethod": True}
    data = checkout(api, **saving).json()["data"]
    pay(api, data["sessionId"])
    assert order(api, data["orderId"]).json()["data"]["status"] == "paid"
    too_low = stack.call("PUT", "/me/top-up", token, json=agreement | {"threshold": 0.5})
    assert api.assert_refused(too_low, 400, "TOP_UP_THRESHOLD_TOO_LOW") == {"minimum": 1}
    agreed = stack.call("PUT", "/me/top-up", token, json=agreement).json()["data"]
    assert (agreed["enabled"], agreed["spentCents"]) == (True, 0)
    # Nothing but the refusal is to make it buy.
    stack.until(lambda: stack.parts.get(TopUps).read("ann").due_at is None)
    stack.call("PUT", "/me/alerts", token, json={"lowBalance": None})
    stack.parts.get(Ledger).move("ann", _spend_all, lambda _: False)
    key = new_key()
    api.assert_refused(stack.post_video(key=key), 403, "INSUFFICIENT_CREDITS")
    stack.until(lambda: stack.credits() == (100, 0))
    assert stack.post_video(key=key).status_code == 200

    def after() -> Any:
        found = stack.call("GET", "/me/top-up", token).json()["data"]
        return found if found["orderId"] is None else None

    spent = stack.until(after)
    assert (spent["spentCents"], spent["failures"], spent["enabled"]) == (990, 0, True)
    assert len(stack.get("/stripe/orders").json()["data"]["orders"]) == 2


def _spend_all(snapshot: Snapshot, now: int) -> Proposal:
    assert snapshot.wallet is not None
    return Proposal(adjust(snapshot.wallet, -snapshot.wallet.credits, "test", now))
