"""Requests to Stripe: what is sent, what is repeated, and what each failure means."""

from typing import Any

import pytest
import stripe as library

from service.billing.entities import BillingNotConfigured, StripeRefused, StripeUnavailable
from service.billing.stripe_api import API_VERSION, StripeApi
from service.billing.stripe_client import Stripe
from service.billing.stripe_secrets import stripe_secrets
from service.core.clock import SystemClock
from service.outbound.network import Network
from service.outbound.trust import public_roots
from tests.billing.scripted_stripe import SECRETS, scripted, stripe_at

CUSTOMER = {"object": "customer", "id": "cus_1", "metadata": {"userId": "ann"}, "livemode": False}


def error(kind: str, **more: object) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "ann@example.com is at fault", **more}}


def test_a_post_carries_the_key_the_version_and_our_idempotency_key() -> None:
    with scripted((200, CUSTOMER)) as script:
        found = stripe_at(script.url).create_customer(
            {"metadata": {"userId": "ann"}, "expand": ["tax"]}, "customer-ann"
        )
    assert (found.id, found.metadata) == ("cus_1", {"userId": "ann"})
    (request,) = script.received
    assert (request.method, request.path) == ("POST", "/v1/customers")
    assert request.headers["authorization"] == "Bearer sk_test_one"
    assert request.headers["stripe-version"] == API_VERSION
    assert request.headers["idempotency-key"] == "customer-ann"
    assert request.form == {"metadata[userId]": "ann", "expand[0]": "tax"}
    assert "telemetry_id" not in request.headers["x-stripe-client-user-agent"]


def test_the_version_is_the_one_that_the_library_is_made_for() -> None:
    assert library.api_version == API_VERSION


@pytest.mark.parametrize("failure", [(0, ""), (500, error("api_error")), (409, error("x"))])
def test_a_request_without_a_response_is_repeated_under_its_key(failure: tuple[int, Any]) -> None:
    with scripted(failure, (200, CUSTOMER)) as script:
        assert stripe_at(script.url).create_customer({}, "customer-ann").id == "cus_1"
    keys = [request.headers["idempotency-key"] for request in script.received]
    assert keys == ["customer-ann", "customer-ann"]


def test_a_request_is_repeated_no_more_than_twice() -> None:
    with scripted((503, "<html>busy</html>")) as script, pytest.raises(StripeUnavailable):
        stripe_at(script.url).create_customer({}, "customer-ann")
    assert len(script.received) == 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, error("invalid_request_error", code="rate_limit")),
        (403, error("invalid_request_error")),
        (200, {"object": "list"}),
        (200, {"object": "customer"}),
        (200, "[]"),
        (200, "<html>"),
        (302, ""),
    ],
)
def test_no_proof_of_a_refusal_is_unavailable(status: int, body: object) -> None:
    with scripted((status, body)) as script, pytest.raises(StripeUnavailable):
        stripe_at(script.url).create_customer({}, "customer-ann")


def test_a_refusal_says_why_without_quoting_anyone() -> None:
    body = error("invalid_request_error", code="parameter_unknown", param="colour")
    with scripted((400, body)) as script, pytest.raises(StripeRefused) as refused:
        stripe_at(script.url).create_customer({"colour": "red"}, "customer-ann")
    assert (refused.value.reason, refused.value.param) == ("parameter_unknown", "colour")
    assert "ann@" not in f"{refused.value.message}{refused.value.details}"
    assert len(script.received) == 1


def test_a_declined_card_names_its_payment() -> None:
    body = error(
        "card_error",
        code="card_declined",
        decline_code="insufficient_funds",
        payment_intent={"id": "pi_1"},
    )
    with scripted((402, body)) as script, pytest.raises(StripeRefused) as refused:
        stripe_at(script.url).create_payment_intent({}, "top-up-1")
    assert refused.value.reason == "insufficient_funds"
    assert refused.value.payment_intent_id == "pi_1"


def test_a_slow_response_is_unavailable_within_the_limit_of_its_tries() -> None:
    with scripted((0, "")) as script:
        url = script.url
    with pytest.raises(StripeUnavailable):
        stripe_at(url, timeout_seconds=0.2).retrieve_customer("cus_1")


def test_a_key_that_was_replaced_is_read_again() -> None:
    new = stripe_secrets("sk_test_two", ["whsec_two_0123456789abcdef"])
    with scripted((401, error("invalid_request_error")), (200, CUSTOMER)) as script:
        stripe = stripe_at(script.url, secrets=[SECRETS, new])
        assert stripe.webhook_secrets == ("whsec_one_0123456789abcdef",)
        stripe._api.keys._read_at -= 10
        assert stripe.retrieve_customer("cus_1").id == "cus_1"
    sent_keys = [request.headers["authorization"] for request in script.received]
    assert sent_keys == ["Bearer sk_test_one", "Bearer sk_test_two"]


def test_a_key_that_is_refused_for_good_is_unavailable_after_one_request() -> None:
    with scripted((401, error("invalid_request_error"))) as script:
        with pytest.raises(StripeUnavailable):
            stripe_at(script.url).retrieve_customer("cus_1")
        assert len(script.received) == 1


def test_an_id_from_a_client_stays_one_segment() -> None:
    missing = error("invalid_request_error", code="resource_missing")
    with scripted((404, missing)) as script, pytest.raises(StripeRefused) as refused:
        stripe_at(script.url).retrieve_checkout_session("../customers/cus_1?x=")
    assert script.received[0].path == "/v1/checkout/sessions/..%2Fcustomers%2Fcus_1%3Fx%3D"
    assert refused.value.is_missing


def test_deleting_a_customer_that_is_gone_is_no_error() -> None:
    missing = error("invalid_request_error", code="resource_missing")
    with scripted((404, missing)) as script:
        stripe_at(script.url).delete_customer("cus_1")
    assert script.received[0].method == "DELETE"


def test_too_many_objects_of_one_payment_are_no_sum() -> None:
    page = {"object": "list", "data": [], "has_more": True}
    with scripted((200, page)) as script, pytest.raises(StripeUnavailable):
        stripe_at(script.url).refunds_of("pi_1")
    assert script.received[0].path == "/v1/refunds?payment_intent=pi_1&limit=100"


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_stripe_would_not_take_is_refused_here(key: str) -> None:
    with scripted((200, CUSTOMER)) as script:
        with pytest.raises(ValueError, match="idempotency key"):
            stripe_at(script.url).create_customer({}, key)
        assert script.received == []


def test_without_a_key_of_stripe_nothing_is_sold() -> None:
    api = StripeApi.connect("http://127.0.0.1:1", None, Network(SystemClock()), public_roots(), 1.0)
    stripe = Stripe(api)
    assert not stripe.configured
    with pytest.raises(BillingNotConfigured):
        stripe.retrieve_customer("cus_1")
    with pytest.raises(BillingNotConfigured):
        stripe.require_configured()
