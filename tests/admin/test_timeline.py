"""What happened to one user, merged from several features and paged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.admin.timeline import Event, EventKind, Timeline, merged
from service.ledger.entities import UserNotFound
from service.providers.base import TaskStatus
from service.storage.cursor import PageTokenInvalid
from tests.admin.actions import action, record
from tests.admin.admin_api import AdminApi
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.raw_client import RawClient
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return ServiceHarness(memory, memory.name, welcome_credits=10)


@pytest.fixture
def busy(world: ServiceHarness) -> ServiceHarness:
    """Ann has signed up, had three jobs delivered on two devices, and an operator was at work."""
    for number, device in enumerate(("phone", "tablet", "phone")):
        job_id = world.submit("ann", device).job.job_id
        world.clock.advance(10)
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        world.settlement.resolve("ann", job_id)
        record(world, action(idempotency_key=f"key-{number}"))
        world.clock.advance(10)
    return world


def timeline(world: ServiceHarness) -> Timeline:
    return world.parts.get(Timeline)


def pages(world: ServiceHarness, limit: int) -> list[tuple[Event, ...]]:
    found, token = [], None
    while True:
        page = timeline(world).page("ann", limit, token)
        found.append(page.events)
        token = page.next_token
        if token is None:
            return found


def test_everything_that_happened_is_there_newest_first(busy: ServiceHarness) -> None:
    ((*events,),) = pages(busy, 100)
    moments = [event.at for event in events]
    assert moments == sorted(moments, reverse=True)
    kinds = [event.kind for event in events]
    assert {kind: kinds.count(kind) for kind in EventKind} == {
        EventKind.SIGN_UP: 1,
        EventKind.DEVICE_ADDED: 2,
        EventKind.DEVICE_RELEASED: 0,
        EventKind.ENTRY: 7,
        EventKind.JOB: 3,
        EventKind.OPERATOR_ACTION: 3,
    }


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 8, 15, 16])
def test_pages_of_any_size_hold_the_same_events_each_once(busy: ServiceHarness, limit: int) -> None:
    ((*events,),) = pages(busy, 100)
    found = pages(busy, limit)
    assert [event for page in found for event in page] == events
    assert all(len(page) == limit for page in found[:-1])
    assert found[-1]


def test_what_happens_between_two_pages_moves_nothing_of_the_older_ones(
    busy: ServiceHarness,
) -> None:
    ((*events,),) = pages(busy, 100)
    first = timeline(busy).page("ann", 4, None)
    busy.clock.advance(5)
    busy.submit("ann", "watch")
    record(busy, action(idempotency_key="later"))
    rest = timeline(busy).page("ann", 100, first.next_token)
    assert [*first.events, *rest.events] == events


def test_a_page_far_back_costs_what_the_first_one_does(busy: ServiceHarness) -> None:
    meter = Meter(busy.dynamodb, RawClient(memory_client(busy.where)))
    bills = []
    token = None
    for _ in range(4):
        with meter.watch() as bill:
            token = timeline(busy).page("ann", 3, token).next_token
        bills.append(sorted(bill.calls))
    assert bills == [["GetItem", "Query", "Query", "Query", "Query"]] * 4


def test_a_token_of_another_user_or_list_or_none_of_ours_is_refused(busy: ServiceHarness) -> None:
    busy.submit("bob", "laptop")
    token = timeline(busy).page("ann", 3, None).next_token
    assert token is not None
    with pytest.raises(PageTokenInvalid):
        timeline(busy).page("bob", 3, token)
    other = ("A" if token[0] != "A" else "B") + token[1:]
    for wrong in (other, token[:-1], "nonsense", ""):
        with pytest.raises(PageTokenInvalid):
            timeline(busy).page("ann", 3, wrong)


def test_a_released_device_is_there_twice(busy: ServiceHarness) -> None:
    api = AdminApi(busy)
    device = busy.users.digests("phone").newest
    api.post(f"/admin/users/ann/devices/{device}/release", {"reason": "sold"})
    _, body = api.get("/admin/users/ann/timeline?limit=2")
    first, second = body["data"]["events"]
    assert {first["type"], second["type"]} == {"operator_action", "device_released"}
    assert body["data"]["nextToken"]


def test_a_page_over_http_has_one_part_for_each_event(busy: ServiceHarness) -> None:
    _, body = AdminApi(busy).get("/admin/users/ann/timeline")
    for event in body["data"]["events"]:
        parts = [name for name in ("entry", "job", "device", "action") if event[name]]
        assert len(parts) == (0 if event["type"] == "sign_up" else 1)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1&limit=2"])
def test_a_query_of_another_form_is_refused(busy: ServiceHarness, query: str) -> None:
    assert AdminApi(busy).get(f"/admin/users/ann/timeline?{query}")[0] == 400


def test_nothing_is_known_of_a_stranger(busy: ServiceHarness) -> None:
    with pytest.raises(UserNotFound):
        timeline(busy).page("nobody", 10, None)


@given(
    st.lists(st.lists(st.integers(0, 20), max_size=8), min_size=1, max_size=4),
    st.integers(0, 40),
)
def test_a_merge_keeps_each_source_s_order_and_takes_the_newest(
    moments: list[list[int]], limit: int
) -> None:
    sources = [
        [Event(at, EventKind.JOB, str(place)) for place, at in enumerate(sorted(each)[::-1])]
        for each in moments
    ]
    taken = list(merged(sources, limit))
    everything = sorted((event.at for source in sources for event in source), reverse=True)
    assert [event.at for _, event in taken] == everything[:limit]
    for number, source in enumerate(sources):
        mine = [event for other, event in taken if other == number]
        assert mine == source[: len(mine)]
