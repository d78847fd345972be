"""Operators' hand on purchases: refunds, fraud warnings, and what they read."""

from typing import Any

import pytest

from service.ledger.entities import EntryKind
from tests.admin.admin_api import AdminApi
from tests.billing.payment_world import GRANTED, PAID, PaymentWorld
from tests.billing.subscribers import Subscribing

REASON = {"reason": "half of the videos were broken"}


@pytest.fixture
def world() -> PaymentWorld:
    return PaymentWorld()


@pytest.fixture
def api(world: PaymentWorld) -> AdminApi:
    return AdminApi(world.harness)


@pytest.fixture
def payment_id(world: PaymentWorld) -> str:
    payment_id = world.pay()
    world.settle(payment_id)
    return payment_id


def refund(api: AdminApi, payment_id: str, cents: int | None, key: str = "") -> tuple[int, Any]:
    body = REASON if cents is None else REASON | {"amountCents": cents}
    return api.post(f"/admin/purchases/{payment_id}/refund", body, key)


def refunds(world: PaymentWorld) -> list[int]:
    return [each["amount"] for each in world.account.controls.books()["refunds"]]


@pytest.mark.protocol("refund-once")
def test_a_refund_returns_money_and_the_credits_follow(
    world: PaymentWorld, api: AdminApi, payment_id: str
) -> None:
    status, body = refund(api, payment_id, PAID // 2)
    assert status == 200
    data = body["data"]
    assert (data["purchase"]["clawedBack"], data["purchase"]["refundedCents"]) == (55, 500)
    assert data["refundId"].startswith("re_")
    assert data["action"]["details"] == {"paymentId": payment_id, "amountCents": "500"}
    assert refunds(world) == [500]
    status, body = refund(api, payment_id, None)
    assert body["data"]["purchase"]["clawedBack"] == 110
    assert refunds(world) == [500, 500]
    world.assert_proved()


def test_each_part_of_an_invoice_is_refunded_by_its_own_id() -> None:
    site = Subscribing()
    subscription = site.subscribe()
    site.account.controls.fail_next("generic_decline")
    site.pass_days(32)
    invoice = site.latest_invoice(subscription)
    parts = [site.pay_part(invoice, cents) for cents in (400, 500)]
    site.deliver_all("invoice.paid")
    api = AdminApi(site)
    for part, cents, left in ((parts[1], 100, 800), (parts[1], None, 400), (parts[0], None, 0)):
        status, body = refund(api, part, cents)
        assert status == 200
        purchase = body["data"]["purchase"]
        assert (purchase["paymentId"], purchase["otherCents"]) == (parts[0], {parts[1]: 500})
        assert 900 - purchase["refundedCents"] == left
    for part in parts:
        assert refund(api, part, None)[0] == 409
    assert site.audit().violations == ()


@pytest.mark.protocol("refund-once")
def test_the_same_key_refunds_once_also_when_stripe_has_forgotten_it(
    world: PaymentWorld, api: AdminApi, payment_id: str
) -> None:
    first = refund(api, payment_id, 600, "key-1")
    world.clock.advance(3 * 86_400)
    again = refund(api, payment_id, 600, "key-1")
    assert (first[0], again[0], api.replayed) == (200, 200, True)
    assert first[1]["data"]["refundId"] == again[1]["data"]["refundId"]
    assert refunds(world) == [600]
    assert len(world.entries(EntryKind.CLAWBACK)) == 1


@pytest.mark.protocol("refund-once")
def test_a_refund_whose_response_was_lost_goes_on_under_its_key(
    world: PaymentWorld, api: AdminApi, payment_id: str
) -> None:
    """The record was written and the refund was made; nothing more was done."""

    def lose() -> None:
        world.account.http.lost = 1

    world.interrupt("/v1/refunds", lose, "POST")
    assert refund(api, payment_id, 300, "key-1")[0] == 503
    assert refunds(world) == [300]
    status, body = refund(api, payment_id, 300, "key-1")
    assert (status, body["data"]["purchase"]["clawedBack"]) == (200, 33)
    assert refunds(world) == [300]


@pytest.mark.protocol("refund-once")
def test_two_requests_with_one_key_at_once_refund_once(
    world: PaymentWorld, api: AdminApi, payment_id: str
) -> None:
    """The first has read that nothing is refunded before the second has made the refund."""
    twin = AdminApi(world.process())
    world.interrupt("/v1/refunds", lambda: refund(twin, payment_id, 300, "key-1"))
    assert refund(api, payment_id, 300, "key-1")[0] == 200
    assert refunds(world) == [300]
    world.assert_proved()


@pytest.mark.parametrize("cents", [PAID + 1, 601])
def test_more_than_is_left_is_not_refunded_and_not_recorded(
    world: PaymentWorld, api: AdminApi, payment_id: str, cents: int
) -> None:
    refund(api, payment_id, 400)
    before = world.wallet()
    status, body = refund(api, payment_id, cents)
    assert (status, body["code"]) == (409, "REFUND_TOO_LARGE")
    assert body["details"] == {"leftCents": 600, "currency": "usd"}
    assert (refunds(world), world.wallet()) == ([400], before)
    assert len(api.get("/admin/users/ann/actions")[1]["data"]["actions"]) == 1


def test_what_stripe_refuses_moves_nothing(
    world: PaymentWorld, api: AdminApi, payment_id: str
) -> None:
    world.dispute(payment_id)
    status, body = refund(api, payment_id, 100)
    assert (status, body["code"], body["details"]) == (
        409,
        "REFUND_REFUSED",
        {"reason": "charge_disputed"},
    )
    assert world.entries(EntryKind.CLAWBACK) == []


@pytest.mark.parametrize("body", [{"amountCents": 0}, {"amountCents": "5"}, {"amountCents": True}])
def test_a_bad_amount_is_refused_and_nothing_is_refunded(
    world: PaymentWorld, api: AdminApi, payment_id: str, body: dict[str, Any]
) -> None:
    assert api.post(f"/admin/purchases/{payment_id}/refund", REASON | body)[0] == 400
    assert refunds(world) == []


@pytest.mark.protocol("fraud-warning")
def test_a_cleared_warning_returns_the_credits_and_a_later_one_counts_again(
    world: PaymentWorld, api: AdminApi, payment_id: str
) -> None:
    world.warn(payment_id)
    world.settle(payment_id)
    path = f"/admin/purchases/{payment_id}/clear-warning"
    status, body = api.post(path, REASON)
    assert (status, body["data"]["purchase"]["warned"]) == (200, False)
    assert world.wallet().credits == 3_000 + GRANTED
    assert api.post(path, REASON)[1]["code"] == "NOTHING_TO_CLEAR"
    world.warn(payment_id)
    assert world.settle(payment_id).clawed_back == GRANTED
    world.assert_proved()


def test_a_purchase_is_settled_by_hand(world: PaymentWorld, api: AdminApi, payment_id: str) -> None:
    world.refund(payment_id, 100)
    status, body = api.post(f"/admin/purchases/{payment_id}/settle", REASON)
    assert (status, body["data"]["purchase"]["clawedBack"]) == (200, 11)


def test_a_payment_that_has_brought_nothing_yet_is_settled_by_hand(
    world: PaymentWorld, api: AdminApi
) -> None:
    payment_id = world.pay()
    path = f"/admin/purchases/{payment_id}/settle"
    status, body = api.post(path, REASON, "key-1")
    assert (status, body["data"]["purchase"]["granted"]) == (200, 110)
    recorded = api.get("/admin/actions")[1]["data"]["actions"]
    assert [each["details"] for each in recorded] == [{"paymentId": payment_id}]
    assert api.post(path, REASON, "key-1")[0] == 200
    assert world.wallet().credits == 3_000 + GRANTED
    world.assert_proved()


@pytest.mark.parametrize("payment_id", ["pi_unknown", "ann", "pi_" + "x" * 500, "in_1"])
def test_what_stripe_does_not_know_is_not_settled_and_not_recorded(
    world: PaymentWorld, api: AdminApi, payment_id: str
) -> None:
    before = world.wallet()
    assert api.post(f"/admin/purchases/{payment_id}/settle", REASON)[0] == 404
    assert world.wallet() == before
    assert api.get("/admin/actions")[1]["data"]["actions"] == []


def test_purchases_are_read_by_payment_and_by_user(
    world: PaymentWorld, api: AdminApi, payment_id: str
) -> None:
    status, body = api.get(f"/admin/purchases/{payment_id}")
    assert (status, body["data"]["userId"], body["data"]["granted"]) == (200, "ann", 110)
    listed = api.get("/admin/users/ann/purchases")[1]["data"]["purchases"]
    assert listed == [body["data"]]
    assert api.get("/admin/users/bob/purchases")[1]["data"]["purchases"] == []


@pytest.mark.parametrize("payment_id", ["pi_unknown", "ann", "pi_" + "x" * 500, "in_1"])
def test_an_unknown_payment_is_not_found(api: AdminApi, payment_id: str) -> None:
    assert api.get(f"/admin/purchases/{payment_id}")[0] == 404
    assert refund(api, payment_id, None)[0] == 404
