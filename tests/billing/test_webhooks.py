"""Webhooks over HTTP: what Stripe has signed for us just now is stored, everything else is refused
and changes nothing."""

import gzip
import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from devstack.simulators.stripe.webhooks import signature_headers
from service.app import create_app
from tests.billing.billing_site import ADDRESS, BillingSite
from tests.doubles.service_harness import memory_world
from tests.doubles.stripe_account import LOCAL_WEBHOOK_SECRET

EVENT: dict[str, Any] = {
    "id": "evt_1Nf3a",
    "object": "event",
    "api_version": "2026-10-28.endive",
    "created": 1_790_000_000,
    "data": {"object": {"id": "prod_1", "object": "product"}},
    "livemode": False,
    "type": "product.created",
}
SCHEME = "application/json"


@pytest.fixture
def site() -> BillingSite:
    return BillingSite()


def reason(response: TestResponse) -> str:
    body = response.get_json()
    assert (response.status_code, body["code"]) == (400, "STRIPE_WEBHOOK_REFUSED")
    found: str = body["details"]["reason"]
    return found


@pytest.mark.parametrize("address", ["/stripe/webhook", "/webhooks/stripe"])
def test_an_event_is_acknowledged_once_it_is_stored(site: BillingSite, address: str) -> None:
    response = site.deliver(EVENT, address)
    assert (response.status_code, response.get_json()) == (200, {"success": True, "data": None})
    assert site.events_stored() == {"evt_1Nf3a": "done"}
    assert site.deliver(EVENT).status_code == 200
    assert site.events_stored() == {"evt_1Nf3a": "done"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"secrets": ["whsec_made_up_by_someone"]}, "signature"),
        ({"body": json.dumps(EVENT | {"id": "evt_2"}).encode()}, "signature"),
        ({"body": b""}, "signature"),
        ({"age": 301}, "time"),
        ({"age": 86_400}, "time"),
        ({"age": -301}, "time"),
        ({"age": -86_400}, "time"),
        ({"headers": {"Stripe-Signature": None}}, "header"),
        ({"headers": {"Stripe-Signature": "t=1,v1=no"}}, "header"),
        ({"headers": {"Content-Encoding": "gzip"}}, "encoding"),
        ({"headers": {"Content-Encoding": "br, identity"}}, "encoding"),
        ({"headers": {"Content-Type": f"{SCHEME}; charset=utf-16"}}, "encoding"),
        ({"headers": {"Content-Type": f"{SCHEME}; charset=latin1"}}, "encoding"),
        ({"headers": {"Content-Type": "text/plain"}}, "encoding"),
        ({"event": EVENT | {"livemode": True}}, "livemode"),
        ({"event": EVENT | {"livemode": "false"}}, "body"),
        ({"event": EVENT | {"object": "charge"}}, "body"),
        ({"event": EVENT | {"id": "evt_1/../2"}}, "body"),
        ({"event": {}}, "body"),
        ({"event": [EVENT]}, "body"),
        ({"event": None}, "body"),
    ],
)
def test_what_stripe_has_not_signed_for_us_just_now_is_refused_and_changes_nothing(
    site: BillingSite, request_: dict[str, Any], expected: str
) -> None:
    at = site.clock.now() // 1000 - request_.get("age", 0)
    secrets = request_.get("secrets", [LOCAL_WEBHOOK_SECRET])
    body, headers = site.account.signed(request_.get("event", EVENT), secrets, at)
    sent = {**headers, **request_.get("headers", {})}
    kept = {name: text for name, text in sent.items() if text is not None}
    before = site.items()
    assert reason(site.post(request_.get("body", body), kept)) == expected
    assert site.items() == before
    assert site.account.http.requests == []


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe{}", b"[" * 60_000, b'{"id": NaN}', b"null"])
def test_a_signed_body_that_is_no_event_is_refused(site: BillingSite, body: bytes) -> None:
    _, headers = site.account.signed(EVENT)
    at = site.clock.now() // 1000
    signed = signature_headers((LOCAL_WEBHOOK_SECRET,), at, body)
    assert reason(site.post(body, {**headers, **signed})) == "body"
    assert site.events_stored() == {}


def test_a_compressed_body_is_refused_though_its_bytes_are_signed(site: BillingSite) -> None:
    raw = gzip.compress(json.dumps(EVENT).encode())
    at = site.clock.now() // 1000
    headers = {**signature_headers((LOCAL_WEBHOOK_SECRET,), at, raw), "Content-Type": SCHEME}
    assert reason(site.post(raw, {**headers, "Content-Encoding": "gzip"})) == "encoding"
    assert reason(site.post(raw, headers)) == "body"
    assert site.events_stored() == {}


def test_a_body_of_more_than_256_kilobytes_is_refused(site: BillingSite) -> None:
    large = EVENT | {"data": {"object": {"object": "product", "name": "x" * 255 * 1024}}}
    assert site.deliver(large).status_code == 200
    before = site.items()
    larger = large | {"padding": "x" * 1024}
    response = site.deliver(larger)
    assert (response.status_code, response.get_json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert site.items() == before


def test_a_webhook_that_is_sent_again_within_five_minutes_changes_nothing_more(
    site: BillingSite,
) -> None:
    body, headers = site.account.signed(EVENT)
    assert site.post(body, headers).status_code == 200
    before = site.items()
    site.clock.advance(299)
    assert site.post(body, headers).status_code == 200
    site.clock.advance(2)
    assert reason(site.post(body, headers)) == "time"
    assert site.items() == before


def test_during_a_rotation_both_secrets_hold_and_a_new_one_is_noticed(site: BillingSite) -> None:
    newer = "whsec_the_newer_one_of_two"
    assert site.deliver(EVENT).status_code == 200
    site.secrets.insert(0, newer)
    site.clock.advance(10)
    body, headers = site.account.signed(EVENT | {"id": "evt_2"}, [newer])
    assert site.post(body, headers).status_code == 200
    assert site.deliver(EVENT | {"id": "evt_3"}).status_code == 200
    site.secrets.remove(LOCAL_WEBHOOK_SECRET)
    site.clock.advance(400)
    assert reason(site.deliver(EVENT | {"id": "evt_4"})) == "signature"


def test_an_event_that_cannot_be_stored_returns_500_so_that_stripe_sends_it_again(
    site: BillingSite,
) -> None:
    wire = site.wire()
    wire.plan("PutItem", "unreachable")
    response = site.deliver(EVENT)
    assert (response.status_code, response.get_json()["code"]) == (500, "STRIPE_WEBHOOK_NOT_STORED")
    assert site.events_stored() == {}
    assert site.deliver(EVENT).status_code == 200


def test_without_a_key_of_stripes_there_is_no_webhook(site: BillingSite) -> None:
    body, headers = site.account.signed(EVENT)
    world = memory_world()
    response = create_app(world.parts).test_client().post(ADDRESS, data=body, headers=dict(headers))
    assert (response.status_code, response.get_json()["code"]) == (404, "BILLING_NOT_CONFIGURED")
    assert world.items() == []
