"""What operators do to a wallet: in one transaction with its record, once, and never below zero."""

from decimal import Decimal
from typing import Any

import pytest

from service.core.principal import MAX_OPERATOR_ID
from service.ledger.details import MAX_DETAILS_BYTES, details_bytes
from service.ledger.entities import EntryKind, WalletFrozen, WalletStatus
from service.ledger.lots import LotKind
from service.ledger.restrictions import RESTRICTIONS
from service.providers.base import TaskStatus
from tests.admin.admin_api import AdminApi
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.signer import LAPTOP

USER = "/admin/users/ann"
ADJUST = f"{USER}/adjustments"
REASON = "The video was delivered broken."


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name)


@pytest.fixture
def known(world: ServiceHarness) -> ServiceHarness:
    """Ann has 2 of 3 welcome credits; 1 is held for a job."""
    world.submit("ann")
    return world


@pytest.fixture
def api(known: ServiceHarness) -> AdminApi:
    return AdminApi(known)


def records(api: AdminApi) -> list[Any]:
    status, body = api.get(f"{USER}/actions")
    assert status == 200
    actions: list[Any] = body["data"]["actions"]
    return actions


def written(api: AdminApi) -> list[Any]:
    """All items but the nonces of accepted requests."""
    return [item for item in api.world.items() if not item["PK"]["S"].startswith("NONCE#")]


def body(amount: float = 5, **more: Any) -> dict[str, Any]:
    return {"amount": amount, "reason": REASON, **more}


def refused(api: AdminApi, path: str, content: Any, key: str | None = "") -> tuple[int, str]:
    """The refusal, which has written nothing."""
    before = written(api)
    status, response = api.post(path, content, key)
    assert written(api) == before
    return status, response["code"]


def test_credits_are_added_with_an_entry_and_a_record(api: AdminApi) -> None:
    status, response = api.post(ADJUST, body(0.125))
    data = response["data"]
    assert (status, data["available"], data["held"], data["status"]) == (200, 2.125, 1, "open")
    (record,) = records(api)
    assert record == data["action"]
    assert (record["action"], record["amount"], record["reason"]) == ("adjust", 0.125, REASON)
    assert (record["operatorId"], record["method"]) == ("key:machine", "signature")
    assert record["details"] == {"kind": "promo", "entry": "3"}
    entry = list(api.world.ledger.entries("ann"))[-1]
    assert (entry.kind, entry.amount) == (EntryKind.ADJUST, 125)
    assert entry.details.items() >= {"operatorId": "key:machine", "reason": REASON}.items()
    assert entry.details["grantSource"] == "adjustment"
    assert entry.ref == f"adjustment:{entry.details['grantId']}"
    assert api.world.audit().violations == ()


def test_a_lot_is_added_with_the_terms_that_were_given(api: AdminApi) -> None:
    (restriction, *_) = RESTRICTIONS
    terms = {"kind": "paid", "expiresAt": "2027-01-31T12:00:00+01:00", "restriction": restriction}
    assert api.post(ADJUST, body(2, **terms))[0] == 200
    lot = api.world.wallet().lots[-1]
    assert (lot.kind, lot.remaining, lot.restriction) == (LotKind.PAID, 2000, restriction)
    assert lot.expires_at == 1801393200000
    assert records(api)[0]["details"] == {
        "kind": "paid",
        "expiresAt": "2027-01-31T11:00:00.000Z",
        "restriction": restriction,
        "entry": "3",
    }


def test_credits_are_taken_in_burn_order_or_from_a_lot(api: AdminApi) -> None:
    api.post(ADJUST, body(4))
    promo = api.world.wallet().lots[-1]
    assert api.post(ADJUST, body(-1, lotId=promo.lot_id))[1]["data"]["available"] == 5
    assert api.post(ADJUST, body(-2.5))[1]["data"]["available"] == 2.5
    assert [(lot.kind, lot.remaining) for lot in api.world.wallet().lots] == [(LotKind.PROMO, 2500)]
    assert api.world.wallet().removed == 3500
    assert api.world.audit().violations == ()


def test_never_more_is_taken_than_there_is(api: AdminApi) -> None:
    before = written(api)
    status, response = api.post(ADJUST, body(-2.001))
    assert (status, response["code"]) == (403, "INSUFFICIENT_CREDITS")
    assert response["details"]["available"] == 2
    lot = api.world.wallet().lots[0]
    assert refused(api, ADJUST, body(-3, lotId=lot.lot_id)) == (403, "INSUFFICIENT_CREDITS")
    assert refused(api, ADJUST, body(-1, lotId="lot_00000000009900")) == (404, "LOT_NOT_FOUND")
    assert written(api) == before
    assert api.post(ADJUST, body(-2))[1]["data"]["available"] == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (body(0), "VALIDATION_FAILED"),
        (body(0.0001), "VALIDATION_FAILED"),
        (body(1e300), "VALIDATION_FAILED"),
        (body(10**9 + 1), "VALIDATION_FAILED"),
        ({"amount": "5", "reason": REASON}, "VALIDATION_FAILED"),
        ({"amount": True, "reason": REASON}, "VALIDATION_FAILED"),
        ({"amount": 5}, "VALIDATION_FAILED"),
        (body(5, reason=""), "VALIDATION_FAILED"),
        (body(5, reason="  "), "VALIDATION_FAILED"),
        (body(5, reason="r" * 151), "VALIDATION_FAILED"),
        (body(5, reason="€" * 77), "VALIDATION_FAILED"),
        (body(5, kind="gold"), "VALIDATION_FAILED"),
        (body(5, restriction="nothing"), "VALIDATION_FAILED"),
        (body(5, lotId="lot_1"), "VALIDATION_FAILED"),
        (body(-1, kind="paid"), "VALIDATION_FAILED"),
        (body(-1, expiresAt="2027-01-31T12:00:00Z"), "VALIDATION_FAILED"),
        (body(-1, restriction="video"), "VALIDATION_FAILED"),
        (body(5, expiresAt="2027-01-31T12:00:00"), "VALIDATION_FAILED"),
        (body(5, expiresAt="0001-01-01T00:00:00+14:00"), "VALIDATION_FAILED"),
        (body(5, expiresAt="9999-12-31T23:59:59-14:00"), "VALIDATION_FAILED"),
        (body(5, expiresAt=1801393200), "VALIDATION_FAILED"),
        (body(5, expiresAt="2020-01-31T12:00:00Z"), "EXPIRY_INVALID"),
        (body(5, userId="bob"), "VALIDATION_FAILED"),
    ],
)
def test_a_bad_request_changes_nothing(api: AdminApi, content: Any, code: str) -> None:
    assert refused(api, ADJUST, content) == (400, code)


def test_the_max_reason_fits_into_an_entry_with_the_max_operator_id(api: AdminApi) -> None:
    reason = "é" * 115
    assert api.post(ADJUST, body(5, reason=reason))[0] == 200
    entry = list(api.world.ledger.entries("ann"))[-1]
    used = details_bytes(entry.details) - len("key:machine")
    assert used + MAX_OPERATOR_ID <= MAX_DETAILS_BYTES


def test_the_same_key_moves_nothing_twice(api: AdminApi) -> None:
    first = api.post(ADJUST, body(5), "key-1")
    assert not api.replayed
    again = api.post(ADJUST, body(5), "key-1")
    assert api.replayed
    assert first == again
    for other in (body(6), body(5, reason="other"), body(5, kind="paid")):
        assert refused(api, ADJUST, other, "key-1") == (422, "IDEMPOTENCY_KEY_REUSED")
    assert refused(api, f"{USER}/freeze", {"reason": REASON}, "key-1")[0] == 422
    assert api.world.balance() == (7, 1, 0)
    laptop = AdminApi(api.world, LAPTOP)
    assert laptop.post(ADJUST, body(5), "key-1")[0] == 200
    assert api.world.balance() == (12, 1, 0)


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, "IDEMPOTENCY_KEY_REQUIRED"), ("undefined", "IDEMPOTENCY_KEY_MALFORMED")],
)
def test_without_a_key_nothing_happens(api: AdminApi, key: str | None, code: str) -> None:
    assert refused(api, ADJUST, body(), key) == (400, code)


@pytest.mark.parametrize("action", ["adjustments", "freeze", "thaw", "notes"])
@pytest.mark.parametrize("user_id", ["nobody", "a%23b"])
def test_an_unknown_user_is_not_found(api: AdminApi, user_id: str, action: str) -> None:
    content = body() if action == "adjustments" else {"reason": REASON}
    path = f"/admin/users/{user_id}/{action}"
    assert refused(api, path, content) == (404, "USER_NOT_FOUND")


def test_a_lost_response_moves_nothing_twice(api: AdminApi) -> None:
    wire = api.world.wire()
    wire.plan("TransactWriteItems", "lost-answer")
    assert api.post(ADJUST, body(5), "key-1")[0] == 200
    wire.plan("TransactWriteItems", "lost-request")
    assert api.post(ADJUST, body(1), "key-2")[0] == 200
    assert api.world.balance() == (8, 1, 0)
    assert len(records(api)) == 2
    assert api.world.audit().violations == ()


def test_a_lot_is_voided(api: AdminApi) -> None:
    api.post(ADJUST, body(4))
    lot = api.world.wallet().lots[-1]
    status, response = api.post(f"{USER}/lots/{lot.lot_id}/void", {"reason": REASON})
    assert (status, response["data"]["available"]) == (200, 2)
    assert records(api)[0]["details"] == {"lotId": lot.lot_id, "entry": "4"}
    assert refused(api, f"{USER}/lots/{lot.lot_id}/void", {"reason": REASON}) == (
        404,
        "LOT_NOT_FOUND",
    )
    assert api.world.audit().violations == ()


def test_the_end_of_a_lot_is_moved(api: AdminApi) -> None:
    lot = api.world.wallet().lots[0]
    path = f"{USER}/lots/{lot.lot_id}/edit"
    end = "2027-01-31T12:00:00Z"
    assert api.post(path, {"reason": REASON, "expiresAt": end})[0] == 200
    assert api.world.wallet().lots[0].expires_at == 1801396800000
    assert api.post(path, {"reason": REASON, "expiresAt": None})[0] == 200
    assert api.world.wallet().lots[0].expires_at is None
    past = {"reason": REASON, "expiresAt": "2020-01-31T12:00:00Z"}
    assert refused(api, path, past) == (400, "EXPIRY_INVALID")
    assert refused(api, path, {"reason": REASON}) == (400, "VALIDATION_FAILED")
    assert [each["details"]["expiresAt"] for each in records(api)] == [
        "never",
        "2027-01-31T12:00:00.000Z",
    ]
    assert api.world.audit().violations == ()


def test_a_frozen_user_spends_nothing_and_open_jobs_still_settle(api: AdminApi) -> None:
    world = api.world
    assert api.post(f"{USER}/freeze", {"reason": REASON})[1]["data"]["status"] == "frozen"
    assert refused(api, f"{USER}/freeze", {"reason": REASON}) == (409, "WALLET_NOT_OPEN")
    with pytest.raises(WalletFrozen):
        world.submit("ann")
    (job_id,) = world.provider.tasks
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(120)
    assert world.balance() == (2, 0, 1)
    assert api.post(ADJUST, body(5))[1]["data"] | {"action": None} == {
        "approval": None,
        "action": None,
        "disabled": False,
        "available": 7,
        "held": 0,
        "status": "frozen",
    }
    assert world.audit().violations == ()
    assert api.post(f"{USER}/thaw", {"reason": REASON})[1]["data"]["status"] == "open"
    assert refused(api, f"{USER}/thaw", {"reason": REASON}) == (409, "WALLET_NOT_FROZEN")
    world.submit("ann")
    assert [each["action"] for each in records(api)] == ["thaw", "adjust", "freeze"]
    assert world.audit().violations == ()


def test_the_audit_notices_a_wallet_that_was_thawed_by_hand(api: AdminApi) -> None:
    api.post(f"{USER}/freeze", {"reason": REASON})
    api.world.client.update_item(
        TableName=api.world.table._name,
        Key={"PK": {"S": "USER#ann"}, "SK": {"S": "METADATA"}},
        UpdateExpression="SET #s = :open",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":open": {"S": WalletStatus.OPEN.value}},
    )
    (violation,) = api.world.audit().violations
    assert violation.what == "is open, although an operator froze it"


def test_times_and_amounts_stay_exact(api: AdminApi) -> None:
    for amount in (0.001, 0.1, 0.2, 1.013):
        assert api.post(ADJUST, body(amount))[0] == 200
    assert api.world.balance()[0] == Decimal("3.314")


def test_an_operators_entry_without_its_record_is_named(api: AdminApi) -> None:
    """A log that was rolled back whole, head and all, still lacks what the ledger says."""
    api.post(ADJUST, body(5))
    kept = [item for item in written(api) if item["SK"]["S"].startswith("OPERATION")]
    api.post(ADJUST, body(-1))
    for item in written(api):
        if item["SK"]["S"].startswith("OPERATION"):
            key = {"PK": item["PK"], "SK": item["SK"]}
            api.world.client.delete_item(TableName=api.world.table._name, Key=key)
    for item in kept:
        api.world.client.put_item(TableName=api.world.table._name, Item=item)
    (violation,) = api.world.audit().violations
    assert violation.item == "USER#ann/ENTRY#000000000004"
    assert violation.what == "is an operator's, and no record of the log names it"
