"""Operators' routes about Stripe's events that could not be dealt with."""

import pytest

from service.billing.event_store import event_change, new_event_write
from service.billing.events import (
    EventFacts,
    EventState,
    Handling,
    InboxEvent,
    ObjectKind,
    ObjectRef,
)
from tests.admin.admin_api import AdminApi
from tests.doubles.service_harness import ServiceHarness, memory_world

REASON = {"reason": "for a test"}


@pytest.fixture
def world() -> ServiceHarness:
    return memory_world()


@pytest.fixture
def api(world: ServiceHarness) -> AdminApi:
    return AdminApi(world)


def lasting(world: ServiceHarness) -> list[object]:
    """Every item but the used signatures."""
    return [item for item in world.items() if item["SK"]["S"] != "NONCE"]


def store(world: ServiceHarness, event_id: str, state: EventState = EventState.DEAD) -> None:
    now = world.clock.now()
    facts = EventFacts(event_id, "invoice.paid", now, False, ObjectRef(ObjectKind.INVOICE, "in_1"))
    stored = InboxEvent(facts, Handling(attempts=20, due_at=now), now)
    world.table.write(new_event_write(stored))
    after = Handling(state, 20, now if state is EventState.PENDING else None, "ValueError")
    world.table.write(event_change(stored, after, now))


def test_dead_events_are_listed_and_tried_anew(world: ServiceHarness, api: AdminApi) -> None:
    store(world, "evt_1")
    (dead,) = api.get("/admin/stripe-events/dead")[1]["data"]["events"]
    assert (dead["eventId"], dead["type"], dead["objectId"]) == ("evt_1", "invoice.paid", "in_1")
    assert (dead["attempts"], dead["error"]) == (20, "ValueError")
    status, body = api.post("/admin/stripe-events/evt_1/redrive", REASON)
    assert status == 200, body
    assert body["data"]["action"]["details"] == {"stripeEventId": "evt_1"}
    assert api.get("/admin/stripe-events/dead")[1]["data"] == {"events": []}
    assert api.post("/admin/stripe-events/evt_1/redrive", REASON)[1]["code"] == (
        "STRIPE_EVENT_NOT_DEAD"
    )
    assert world.audit().violations == ()


@pytest.mark.parametrize("event_id", ["evt_2", "x", "evt_1%23"])
def test_an_unknown_event_is_not_found(world: ServiceHarness, api: AdminApi, event_id: str) -> None:
    before = lasting(world)
    status, body = api.post(f"/admin/stripe-events/{event_id}/redrive", REASON)
    assert (status, body["code"]) == (404, "STRIPE_EVENT_NOT_FOUND")
    assert lasting(world) == before


def test_an_event_that_is_still_tried_is_left_alone(world: ServiceHarness, api: AdminApi) -> None:
    store(world, "evt_1", EventState.PENDING)
    before = lasting(world)
    status, body = api.post("/admin/stripe-events/evt_1/redrive", REASON)
    assert (status, body["code"]) == (409, "STRIPE_EVENT_NOT_DEAD")
    assert lasting(world) == before
