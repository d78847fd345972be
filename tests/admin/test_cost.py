"""What operators' routes cost in DynamoDB: calls and units. Each action is signed (its nonce is a
write of its own), and its record stands in the transaction of what it changes."""

from typing import Any

import pytest

from tests.admin.admin_api import AdminApi
from tests.doubles.meter import Meter
from tests.doubles.service_harness import ServiceHarness

ANN = "/admin/users/ann"
REASON = {"reason": "An outage."}
PROMO = {"name": "Launch week", "credits": 5, "maxUses": 10, **REASON}
BULK = {"name": "Sorry", "credits": 2, "userIds": ["ann"], **REASON}
HOOK = {"url": "https://hooks.example.com/farebox", **REASON}
TOO_MUCH = {"amount": 1001, **REASON}

# (calls, write units), with the nonce of the signature, which is one call and one unit.
ACTIONS = {
    "adjust": (f"{ANN}/adjustments", {"amount": 5, **REASON}, (4, 16)),
    "request an adjustment": (f"{ANN}/adjustments", TOO_MUCH, (9, 9)),
    "note": (f"{ANN}/notes", REASON, (4, 7)),
    "freeze": (f"{ANN}/freeze", REASON, (4, 11)),
    "erase": (f"{ANN}/erasure", REASON, (5, 14)),
    "make a promo code": ("/admin/promo-codes", PROMO, (5, 11)),
    "start a bulk grant": ("/admin/bulk-grants", BULK, (5, 14)),
    "add a webhook": ("/admin/webhooks", HOOK, (7, 10)),
}
# (calls, read units).
READS = {
    "user": (ANN, (7, 5)),
    "timeline": (f"{ANN}/timeline", (7, 6)),
    "actions": (f"{ANN}/actions", (3, 2)),
    "approvals": ("/admin/approvals", (2, 1)),
    "promo codes": ("/admin/promo-codes", (2, 1)),
    "prices": ("/admin/prices?provider=kling&operation=image-to-video", (2, 1)),
    "webhooks": ("/admin/webhooks", (2, 1)),
}


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    world = ServiceHarness(client, table_name)
    world.submit("ann")
    return world


@pytest.fixture
def api(world: ServiceHarness) -> AdminApi:
    api = AdminApi(world)
    # The first of a user's actions makes their data key.
    assert api.post(f"{ANN}/notes", REASON)[0] == 200
    return api


@pytest.fixture
def meter(client: Any, world: ServiceHarness) -> Meter:
    return Meter(world.dynamodb, client)


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_costs_so_many_calls_and_units(api: AdminApi, meter: Meter, name: str) -> None:
    path, body, cost = ACTIONS[name]
    with meter.watch() as bill:
        status, response = api.post(path, body)
    assert status in (200, 202), response
    assert (len(bill.calls), bill.writes) == cost, bill.calls


@pytest.mark.parametrize("name", READS)
def test_a_list_costs_so_many_calls_and_writes_its_nonce_alone(
    api: AdminApi, meter: Meter, name: str
) -> None:
    path, (calls, reads) = READS[name]
    with meter.watch() as bill:
        status, response = api.get(path)
    assert status == 200, response
    assert (len(bill.calls), bill.reads, bill.writes) == (calls, reads, 1), bill.calls
