"""Promo codes and bulk grants by operators: in one transaction with the record, once for each
idempotency key, and nothing is written when they are refused."""

from typing import Any

import pytest

from service.promo_codes.operations import PromoCodes
from tests.admin.admin_api import AdminApi
from tests.bulk_grants.handout import Handout
from tests.doubles.service_harness import ServiceHarness, order

PROMOS, BULKS = "/admin/promo-codes", "/admin/bulk-grants"
PROMO = {"name": "Launch week", "credits": 5, "maxUses": 10, "reason": "The launch."}
BULK = {"name": "Sorry", "credits": 2, "reason": "The outage of Monday."}


@pytest.fixture
def api(world: ServiceHarness) -> AdminApi:
    return AdminApi(world)


@pytest.fixture
def handout(world: ServiceHarness) -> Handout:
    return Handout(world)


def written(api: AdminApi) -> list[Any]:
    """All items but the nonces of accepted requests."""
    return [item for item in api.world.items() if not item["PK"]["S"].startswith("NONCE#")]


def refused(api: AdminApi, path: str, content: Any, key: str | None = "") -> tuple[int, str]:
    """The refusal, which has written nothing."""
    before = written(api)
    status, response = api.post(path, content, key)
    assert written(api) == before
    return status, response["code"]


def done(api: AdminApi, path: str, content: Any, key: str = "") -> Any:
    status, response = api.post(path, content, key)
    assert status == 200, response
    return response["data"]


def records(api: AdminApi) -> list[Any]:
    actions: list[Any] = api.get("/admin/actions")[1]["data"]["actions"]
    return actions


def redeem(api: AdminApi, code: str, user_id: str = "ann") -> Any:
    return api.world.parts.get(PromoCodes).redeem(order(user_id).principal, code, None, None)


def test_a_code_is_made_recorded_and_redeemed(api: AdminApi, handout: Handout) -> None:
    data = done(api, PROMOS, PROMO)
    assert data["promo"] | {"createdAt": "", "startsAt": ""} == {
        "promoId": data["promo"]["promoId"],
        "name": "Launch week",
        "credits": 5,
        "kind": "promo",
        "restriction": "",
        "lotExpiresAt": None,
        "lotLifeDays": None,
        "maxUses": 10,
        "maxUsesPerIdentity": 1,
        "uses": 0,
        "budget": 50,
        "granted": 0,
        "startsAt": "",
        "endsAt": None,
        "revokedAt": None,
        "createdAt": "",
        "createdBy": "key:machine",
    }
    (record,) = records(api)
    assert record == data["action"]
    assert (record["action"], record["amount"]) == ("promo code", 5)
    assert record["details"]["promoId"] == data["promo"]["promoId"]
    handout.users(["ann"])
    assert redeem(api, data["code"]).made
    (listed,) = api.get(PROMOS)[1]["data"]["promos"]
    assert (listed["uses"], listed["granted"]) == (1, 5)
    assert api.world.audit().violations == ()


def test_a_repeated_request_returns_the_code_that_was_made(api: AdminApi) -> None:
    first = done(api, PROMOS, PROMO, "key-1")
    before = written(api)
    again = done(api, PROMOS, PROMO, "key-1")
    assert api.replayed
    assert again == first
    assert written(api) == before
    other = refused(api, PROMOS, PROMO | {"credits": 6}, "key-1")
    assert other == (422, "IDEMPOTENCY_KEY_REUSED")
    assert done(api, PROMOS, PROMO, "key-2")["code"] != first["code"]


def test_the_text_of_a_code_is_in_no_item_and_no_record(api: AdminApi) -> None:
    done(api, PROMOS, PROMO | {"code": "Launch-2027"}, "key-1")
    generated = done(api, PROMOS, PROMO)["code"]
    table = str(written(api))
    for text in ("Launch-2027", "LAUNCH2027", "1AUNCH2027", generated, generated.replace("-", "")):
        assert text not in table
    other = refused(api, PROMOS, PROMO | {"code": "Launch-2028"}, "key-1")
    assert other == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_code_is_revoked_once(api: AdminApi, handout: Handout) -> None:
    made = done(api, PROMOS, PROMO)
    path = f"{PROMOS}/{made['promo']['promoId']}/revoke"
    reason = {"reason": "It leaked."}
    revoked = done(api, path, reason, "key-1")
    assert revoked["promo"]["revokedAt"] is not None
    assert done(api, path, reason, "key-1") == revoked
    assert refused(api, path, reason) == (409, "PROMO_REVOKED")
    assert refused(api, f"{PROMOS}/promo_0/revoke", reason) == (404, "PROMO_ID_UNKNOWN")
    assert [record["action"] for record in records(api)] == ["revoke promo code", "promo code"]
    assert api.world.audit().violations == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reason": None}, "VALIDATION_FAILED"),
        ({"credits": 0}, "VALIDATION_FAILED"),
        ({"credits": 0.0001}, "VALIDATION_FAILED"),
        ({"credits": "5"}, "VALIDATION_FAILED"),
        ({"maxUses": 1.5}, "VALIDATION_FAILED"),
        ({"maxUses": "10"}, "VALIDATION_FAILED"),
        ({"maxUses": 0}, "VALIDATION_FAILED"),
        ({"maxUsesPerIdentity": 21}, "VALIDATION_FAILED"),
        ({"kind": "gift"}, "VALIDATION_FAILED"),
        ({"restriction": "nothing"}, "VALIDATION_FAILED"),
        ({"lotLifeDays": 3, "lotExpiresAt": "2099-01-01T00:00:00Z"}, "VALIDATION_FAILED"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "PROMO_INVALID"),
        ({"endsAt": "tomorrow"}, "VALIDATION_FAILED"),
        ({"budget": 4}, "PROMO_INVALID"),
        ({"code": "short"}, "PROMO_TEXT_UNUSABLE"),
        ({"uses": 3}, "VALIDATION_FAILED"),
    ],
    ids=str,
)
def test_a_code_with_impossible_limits_is_refused(
    api: AdminApi, change: dict[str, Any], code: str
) -> None:
    body = {name: value for name, value in (PROMO | change).items() if value is not None}
    assert refused(api, PROMOS, body) == (400, code)


def test_a_code_whose_text_exists_is_refused(api: AdminApi) -> None:
    done(api, PROMOS, PROMO | {"code": "LAUNCH-2027"})
    assert refused(api, PROMOS, PROMO | {"code": "launch2O27"}) == (409, "PROMO_EXISTS")


@pytest.mark.parametrize(
    ("path", "content"), [(PROMOS, PROMO), (BULKS, BULK | {"userIds": ["ann"]})]
)
def test_no_one_hands_out_more_than_they_may_adjust_alone(
    api: AdminApi, handout: Handout, path: str, content: dict[str, Any]
) -> None:
    handout.users(["ann"])
    too_much = content | {"credits": 1000.001}
    assert refused(api, path, too_much) == (403, "CAMPAIGN_AMOUNT_TOO_LARGE")
    done(api, path, content | {"credits": 1000})


def test_a_bulk_grant_is_started_recorded_and_followed(api: AdminApi, handout: Handout) -> None:
    handout.users(["ann", "bob"])
    started = done(api, BULKS, BULK | {"userIds": ["ann", "bob", "eve", "ann"]}, "key-1")
    bulk = started["bulkGrant"]
    assert (bulk["status"], bulk["users"], bulk["budget"]) == ("running", 3, 6)
    assert done(api, BULKS, BULK | {"userIds": ["ann", "bob", "eve", "ann"]}, "key-1") == started
    handout.work()
    path = f"{BULKS}/{bulk['bulkId']}"
    progress = api.get(path)[1]["data"]
    counts = ("status", "grantedUsers", "failedUsers", "grantedCredits", "finishedParts")
    assert [progress[name] for name in counts] == ["finished", 2, 1, 4, 1]
    (failure,) = api.get(f"{path}/failures")[1]["data"]["failures"]
    assert (failure["userId"], failure["reason"]) == ("eve", "USER_UNKNOWN")
    assert [each["bulkId"] for each in api.get(BULKS)[1]["data"]["bulkGrants"]] == [bulk["bulkId"]]
    (record,) = records(api)
    assert record["details"]["users"] == "4"
    assert record["details"]["bulkId"] == bulk["bulkId"]
    entry = list(api.world.ledger.entries("ann"))[-1]
    assert entry.details["reason"] == "Sorry"
    assert api.world.audit().violations == ()


def test_a_bulk_grant_is_cancelled_once(api: AdminApi, handout: Handout) -> None:
    handout.users(["ann"])
    bulk_id = done(api, BULKS, BULK | {"userIds": ["ann"]})["bulkGrant"]["bulkId"]
    path, reason = f"{BULKS}/{bulk_id}/cancel", {"reason": "Wrong amount."}
    cancelled = done(api, path, reason, "key-1")
    assert (cancelled["bulkGrant"]["status"], api.replayed) == ("cancelled", False)
    assert done(api, path, reason, "key-1") == cancelled
    assert api.replayed
    handout.work()
    assert handout.credits("ann") == 3
    assert refused(api, path, reason) == (409, "BULK_GRANT_ENDED")
    unknown = refused(api, f"{BULKS}/bulk_0/cancel", reason)
    assert unknown == (404, "BULK_GRANT_NOT_FOUND")
    assert api.get(f"{BULKS}/bulk_0")[0] == 404
    assert api.world.audit().violations == ()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"userIds": []}, 400, "VALIDATION_FAILED"),
        ({"userIds": ["a#b"]}, 400, "VALIDATION_FAILED"),
        ({"userIds": [1]}, 400, "VALIDATION_FAILED"),
        ({"userIds": ["u"] * 5_001}, 400, "VALIDATION_FAILED"),
        ({}, 400, "BULK_GRANT_INVALID"),
        ({"userIds": ["ann", "bob"], "budget": 3}, 409, "BULK_GRANT_BUDGET"),
        ({"userIds": ["ann"], "dryRun": "yes"}, 400, "VALIDATION_FAILED"),
        ({"userIds": ["ann"], "lotExpiresAt": "2020-01-01T00:00:00Z"}, 400, "BULK_GRANT_INVALID"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bulk_grant_that_cannot_be_made_is_refused(
    api: AdminApi, change: dict[str, Any], status: int, code: str
) -> None:
    assert refused(api, BULKS, BULK | change) == (status, code)


@pytest.mark.parametrize("path", [PROMOS, BULKS])
def test_a_request_without_a_key_is_refused(api: AdminApi, path: str) -> None:
    body = PROMO if path == PROMOS else BULK | {"userIds": ["ann"]}
    assert refused(api, path, body, None) == (400, "IDEMPOTENCY_KEY_REQUIRED")


def test_lists_go_on_page_by_page_and_each_token_is_for_its_list(api: AdminApi) -> None:
    for number in range(3):
        done(api, PROMOS, PROMO)
        done(api, BULKS, BULK | {"userIds": [f"nobody-{each}" for each in range(number + 2)]})
        api.world.clock.advance(1)
    found = []
    for path, name in ((PROMOS, "promos"), (BULKS, "bulkGrants")):
        first = api.get(f"{path}?limit=2")[1]["data"]
        rest = api.get(f"{path}?limit=2&nextToken={first['nextToken']}")[1]["data"]
        assert (len(first[name]), len(rest[name]), rest["nextToken"]) == (2, 1, None)
        found.append(first["nextToken"])
    wrong = api.get(f"{PROMOS}?nextToken={found[1]}")
    assert (wrong[0], wrong[1]["code"]) == (400, "PAGE_TOKEN_INVALID")


def test_a_list_of_five_thousand_users_is_accepted(api: AdminApi) -> None:
    users = [f"11024849592123{number:07}" for number in range(5_000)]
    bulk = done(api, BULKS, BULK | {"userIds": users, "dryRun": True})["bulkGrant"]
    assert (bulk["users"], bulk["parts"], bulk["dryRun"]) == (5_000, 20, True)
