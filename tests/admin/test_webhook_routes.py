"""Operators' routes about webhooks."""

from typing import Any

import pytest

from tests.admin.admin_api import AdminApi
from tests.faults.enumeration.tables import MemoryBehind
from tests.notifications.conftest import URL, NotifyingHarness

REASON = {"reason": "for a test"}
UNKNOWN = "whk_01m3250v002ajm933q0h87z8m2"
UNKNOWN_EVENT = "evt_01m3250v002ajm933q0h87z8m2"


@pytest.fixture
def world(memory: MemoryBehind) -> NotifyingHarness:
    return NotifyingHarness(memory, memory.name)


@pytest.fixture
def api(world: NotifyingHarness) -> AdminApi:
    return AdminApi(world)


def added(api: AdminApi, **more: Any) -> dict[str, Any]:
    status, body = api.post("/admin/webhooks", {"url": URL, **REASON, **more})
    assert status == 200, body
    data: dict[str, Any] = body["data"]
    return data


def test_an_endpoint_is_added_listed_tested_and_removed(
    world: NotifyingHarness, api: AdminApi
) -> None:
    data = added(api, events=["credits.low"], description="books")
    assert data["secret"].startswith("whsec_")
    assert data["action"]["details"]["url"] == URL
    webhook = data["webhook"]
    path = f"/admin/webhooks/{webhook['webhookId']}"
    assert api.get("/admin/webhooks")[1]["data"] == {"webhooks": [webhook]}
    assert api.get(path)[1]["data"] == webhook
    assert (webhook["state"], webhook["events"]) == ("enabled", ["credits.low"])
    assert api.post(f"{path}/test", REASON)[0] == 200
    world.settle()
    [delivery] = api.get(f"{path}/deliveries")[1]["data"]["deliveries"]
    assert (delivery["type"], delivery["state"]) == ("webhook.test", "delivered")
    assert delivery["lastAttempt"]["status"] == 204
    assert delivery["lastAttempt"]["response"] == "body"
    one = f"{path}/deliveries/{delivery['eventId']}"
    assert api.get(one)[1]["data"] == delivery
    assert api.post(f"{one}/resend", REASON)[0] == 200
    world.settle()
    assert world.receivers.event_ids == [delivery["eventId"]] * 2
    assert api.post(f"{path}/remove", REASON)[0] == 200
    assert api.get(path)[0] == 404
    assert api.get("/admin/webhooks")[1]["data"] == {"webhooks": []}
    actions = [each["action"] for each in api.get("/admin/actions")[1]["data"]["actions"]]
    assert actions == ["removeWebhook", "resendDelivery", "testWebhook", "addWebhook"]
    assert world.audit().violations == ()


def test_a_secret_is_in_one_response_and_in_no_log(world: NotifyingHarness, api: AdminApi) -> None:
    body = {"url": URL, **REASON}
    first = api.post("/admin/webhooks", body, key="one")[1]["data"]
    again = api.post("/admin/webhooks", body, key="one")[1]["data"]
    assert api.replayed
    assert again["secret"] is None
    assert again["webhook"] == first["webhook"]
    path = f"/admin/webhooks/{first['webhook']['webhookId']}"
    rotated = api.post(f"{path}/rotate", REASON)[1]["data"]
    assert rotated["secret"] not in (None, first["secret"])
    for secret in (first["secret"], rotated["secret"]):
        assert secret not in str(api.get("/admin/actions"))
        assert secret not in str(world.items())


def test_an_endpoint_is_edited(api: AdminApi) -> None:
    path = f"/admin/webhooks/{added(api)['webhook']['webhookId']}"
    status, body = api.post(f"{path}/edit", {"enabled": False, "description": "off", **REASON})
    assert (status, body["data"]["webhook"]["state"]) == (200, "disabled")
    assert body["data"]["webhook"]["disabledReason"] == "disabled by an operator"
    assert api.post(f"{path}/test", REASON)[1]["code"] == "WEBHOOK_DISABLED"
    body = api.post(f"{path}/edit", {"enabled": True, **REASON})[1]
    assert body["data"]["webhook"]["disabledReason"] is None
    assert body["data"]["webhook"]["description"] == "off"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": URL},
        {"url": 5, **REASON},
        {"url": None, **REASON},
        {"url": URL, "events": ["credits.high"], **REASON},
        {"url": URL, "events": "credits.low", **REASON},
        {"url": URL, "secret": "whsec_mine", **REASON},
        {"url": "http://hooks.example.com/", **REASON},
        {"url": "https://169.254.169.254/", **REASON},
        {"url": "https://hooks.example.com:8443/", **REASON},
    ],
)
def test_a_bad_endpoint_is_refused_and_nothing_written(
    world: NotifyingHarness, api: AdminApi, body: dict[str, Any]
) -> None:
    before = world.items()
    status, response = api.post("/admin/webhooks", body)
    assert status == 400
    assert response["code"] in ("VALIDATION_FAILED", "WEBHOOK_URL_INVALID")
    new = [item["PK"]["S"] for item in world.items() if item not in before]
    assert [pk for pk in new if not pk.startswith("NONCE#")] == []


@pytest.mark.parametrize("enabled", ["true", 1, 0, "no"])
def test_a_flag_is_a_boolean(api: AdminApi, enabled: Any) -> None:
    path = f"/admin/webhooks/{added(api)['webhook']['webhookId']}"
    assert api.post(f"{path}/edit", {"enabled": enabled, **REASON})[0] == 400


@pytest.mark.parametrize("webhook_id", [UNKNOWN, "x", "%23", "WEBHOOK%23"])
def test_what_does_not_exist_is_not_found(api: AdminApi, webhook_id: str) -> None:
    path = f"/admin/webhooks/{webhook_id}"
    for found in (
        api.get(path),
        api.get(f"{path}/deliveries"),
        api.get(f"{path}/deliveries/{UNKNOWN_EVENT}"),
        *(api.post(f"{path}/{verb}", REASON) for verb in ("edit", "rotate", "remove", "test")),
        api.post(f"{path}/deliveries/{UNKNOWN_EVENT}/resend", REASON),
        api.post(f"/admin/users/ann/events/{UNKNOWN_EVENT}/redrive", REASON),
    ):
        assert (found[0], found[1]["code"]) in {
            (404, "WEBHOOK_NOT_FOUND"),
            (404, "WEBHOOK_DELIVERY_NOT_FOUND"),
        }


def test_dead_letters_are_listed_and_redriven(world: NotifyingHarness, api: AdminApi) -> None:
    path = f"/admin/webhooks/{added(api)['webhook']['webhookId']}"
    world.receivers.plan(*[500] * 100)
    api.post(f"{path}/test", REASON)
    world.work_until(3 * 86_400 + 60, step=3600)
    [letter] = api.get("/admin/dead-letters")[1]["data"]["deadLetters"]
    assert (letter["type"], letter["error"]) == ("webhook.test", "HTTP 500")
    world.receivers.plans.clear()
    resend = f"/admin/webhooks/{letter['webhookId']}/deliveries/{letter['eventId']}/resend"
    assert api.post(resend, REASON)[0] == 200
    world.settle()
    assert api.get("/admin/dead-letters")[1]["data"] == {"deadLetters": []}


def test_only_operators_may_call_them(world: NotifyingHarness, api: AdminApi) -> None:
    before = world.items()
    anonymous = api.app.test_client()
    for rule in api.app.url_map.iter_rules():
        if not rule.rule.startswith(("/admin/webhooks", "/admin/dead-letters")):
            continue
        path = rule.rule.replace("<webhook_id>", UNKNOWN).replace("<event_id>", UNKNOWN_EVENT)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            refused = anonymous.open(path, method=method, json=REASON)
            assert refused.status_code == 401, (method, path)
    assert world.items() == before
