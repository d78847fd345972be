"""Adjustments above the threshold: nothing moves until another operator approves, and then once."""

import threading
from typing import Any

import pytest

from service.admin import keys
from service.storage.keys import Key
from tests.admin.admin_api import AdminApi
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.signer import LAPTOP

USER = "/admin/users/ann"
REASON = {"reason": "checked"}
LARGE = {"amount": 1000.001, "reason": "A gift.", "kind": "paid"}
DAY = 24 * 3600


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name)


@pytest.fixture
def first(world: ServiceHarness) -> AdminApi:
    """The operator who requests. Ann has 2 credits, and 1 is held."""
    world.submit("ann")
    return AdminApi(world)


@pytest.fixture
def second(first: AdminApi) -> AdminApi:
    return AdminApi(first.world, LAPTOP)


def requested(api: AdminApi, body: Any = None, key: str = "") -> Any:
    status, response = api.post(f"{USER}/adjustments", body or LARGE, key)
    assert status == 200
    return response["data"]["approval"]


def path(approval: Any, decision: str = "approve") -> str:
    return f"/admin/approvals/{approval['approvalId']}/{decision}"


def entries(api: AdminApi) -> int:
    return len(list(api.world.ledger.entries("ann")))


def stored(api: AdminApi) -> list[Any]:
    return [item for item in api.world.items() if not item["PK"]["S"].startswith("NONCE#")]


def refused(api: AdminApi, where: str) -> tuple[int, str]:
    before = stored(api)
    status, response = api.post(where, REASON)
    assert stored(api) == before
    return status, response["code"]


def test_up_to_the_threshold_one_operator_is_enough(first: AdminApi) -> None:
    assert requested(first, {"amount": 1000, "reason": "A gift."}) is None
    assert requested(first, {"amount": -1000, "reason": "Back."}) is None
    assert first.world.balance()[0] == 2


def test_above_it_nothing_moves_until_another_approves(first: AdminApi, second: AdminApi) -> None:
    approval = requested(first)
    assert (approval["status"], approval["amount"]) == ("pending", 1000.001)
    assert (approval["requestedBy"], approval["decidedBy"]) == ("key:machine", None)
    assert approval["terms"] == {"kind": "paid"}
    assert (entries(first), first.world.balance()[0]) == (2, 2)
    status, response = second.post(path(approval), REASON)
    assert (status, response["data"]["available"]) == (200, 1002.001)
    record = response["data"]["action"]
    assert (record["action"], record["operatorId"]) == ("approve-adjustment", "test|anna")
    assert (
        record["details"].items()
        >= {
            "approvalId": approval["approvalId"],
            "requestedBy": "key:machine",
            "approvalReason": "checked",
            "entry": "3",
        }.items()
    )
    entry = list(first.world.ledger.entries("ann"))[-1]
    assert entry.details.items() >= {"operatorId": "test|anna", "reason": "A gift."}.items()
    (listed,) = second.get("/admin/approvals")[1]["data"]["approvals"]
    assert (listed["status"], listed["decidedBy"]) == ("approved", "test|anna")
    assert first.world.audit().violations == ()


def test_whoever_requested_it_does_not_approve_it(first: AdminApi) -> None:
    approval = requested(first)
    assert refused(first, path(approval)) == (403, "SECOND_OPERATOR_REQUIRED")


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_key_that_belongs_to_no_one_decides_nothing_of_another(
    first: AdminApi, second: AdminApi, decision: str
) -> None:
    approval = requested(second)
    assert refused(first, path(approval, decision)) == (403, "NAMED_OPERATOR_REQUIRED")


def test_a_request_is_decided_once(first: AdminApi, second: AdminApi) -> None:
    approval = requested(first)
    assert second.post(path(approval), REASON, "once")[0] == 200
    again = second.post(path(approval), REASON, "once")
    assert (again[0], second.replayed) == (200, True)
    assert refused(second, path(approval)) == (409, "APPROVAL_DECIDED")
    assert refused(second, path(approval, "reject")) == (409, "APPROVAL_DECIDED")
    assert first.world.balance()[0] * 1000 == 1002001


def test_many_who_approve_at_once_move_the_credits_once(first: AdminApi, second: AdminApi) -> None:
    approval = requested(first)
    apis = [AdminApi(first.world, LAPTOP) for _ in range(8)]
    threads = [threading.Thread(target=api.post, args=(path(approval), REASON)) for api in apis]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert entries(first) == 3
    assert first.world.audit().violations == ()


def test_a_rejected_request_moves_nothing(first: AdminApi, second: AdminApi) -> None:
    approval = requested(first)
    status, response = second.post(path(approval, "reject"), REASON)
    assert (status, response["data"]["approval"]["status"]) == (200, "rejected")
    assert refused(second, path(approval)) == (409, "APPROVAL_DECIDED")
    mine = requested(first)
    assert first.post(path(mine, "reject"), REASON)[0] == 200
    assert entries(first) == 2
    assert first.world.audit().violations == ()


def test_a_request_waits_for_a_day(first: AdminApi, second: AdminApi) -> None:
    approval = requested(first)
    first.world.clock.advance(DAY)
    assert refused(second, path(approval)) == (409, "APPROVAL_EXPIRED")
    assert refused(second, path(approval, "reject")) == (409, "APPROVAL_EXPIRED")
    (listed,) = second.get("/admin/approvals")[1]["data"]["approvals"]
    assert listed["status"] == "expired"


def test_the_same_key_requests_once(first: AdminApi) -> None:
    approval = requested(first, key="key-1")
    assert requested(first, key="key-1") == approval
    assert first.replayed
    assert len(first.get("/admin/approvals")[1]["data"]["approvals"]) == 1


def test_credits_that_are_gone_by_then_are_not_taken(first: AdminApi, second: AdminApi) -> None:
    requested(first, {"amount": 1000, "reason": "A gift."})
    approval = requested(first, {"amount": -1000.5, "reason": "Too much."})
    assert requested(first, {"amount": -900, "reason": "Some of it."}) is None
    assert refused(second, path(approval)) == (403, "INSUFFICIENT_CREDITS")
    (listed,) = second.get("/admin/approvals")[1]["data"]["approvals"]
    assert listed["status"] == "pending"


def test_unknown_requests_and_users_are_not_found(first: AdminApi, second: AdminApi) -> None:
    assert refused(second, "/admin/approvals/apr_1/approve") == (404, "APPROVAL_NOT_FOUND")
    assert refused(second, "/admin/approvals/apr_1/reject") == (404, "APPROVAL_NOT_FOUND")
    before = stored(first)
    status, response = first.post("/admin/users/nobody/adjustments", LARGE)
    assert (status, response["code"]) == (404, "USER_NOT_FOUND")
    assert stored(first) == before


def test_pages_follow_each_other(first: AdminApi) -> None:
    made = [requested(first)["approvalId"] for _ in range(3)]
    page = first.get("/admin/approvals?limit=2")[1]["data"]
    rest = first.get(f"/admin/approvals?limit=2&nextToken={page['nextToken']}")[1]["data"]
    listed = [each["approvalId"] for each in (*page["approvals"], *rest["approvals"])]
    assert (sorted(listed), rest["nextToken"]) == (sorted(made), None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", {"N": "999999"}),
        ("userId", {"S": "bob"}),
        ("terms", {"M": {"kind": {"S": "free"}}}),
        ("private", {"B": "eHh4" * 16}),
        ("private", {"S": "other"}),
        ("requestedBy", {"S": "key:nobody"}),
        ("validUntil", {"S": "2099-01-01T00:00:00.000Z"}),
        ("at", {"S": "2020-01-01T00:00:00.000Z"}),
        ("mac", {"S": "x"}),
        ("terms", {"S": "x"}),
    ],
)
def test_what_was_changed_after_it_was_requested_is_not_approved(
    first: AdminApi, second: AdminApi, name: str, value: dict[str, Any]
) -> None:
    approval = requested(first)
    key: Key = keys.approval(approval["approvalId"])
    first.world.client.update_item(
        TableName=first.world.table._name,
        Key={"PK": {"S": key.pk}, "SK": {"S": key.sk}},
        UpdateExpression="SET #n = :v",
        ExpressionAttributeNames={"#n": name},
        ExpressionAttributeValues={":v": value},
    )
    assert refused(second, path(approval)) == (409, "OPERATOR_LOG_DAMAGED")
    assert [violation.item for violation in first.world.audit().violations] == [str(key)]
