"""The audit in pieces: every part of the table is walked once, at the requested pace, and goes on
where it stopped."""

import json
from typing import Any

import pytest

from service.audit.entities import Audit, AuditStopped, InvalidScanToken, ScanCursor, ScanPlan
from service.audit.store import PAGE, SETTLE_UNITS
from service.storage.keys import Key
from service.storage.table import Table
from tests.doubles.gauges import Gauges
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

USERS = 12


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return submitted(ServiceHarness(memory, memory.name))


@pytest.fixture
def stored(client: Any, table_name: str) -> ServiceHarness:
    """The same on DynamoDB Local, for what is its own: segments, capacity, a missing table."""
    return submitted(ServiceHarness(client, table_name))


def submitted(world: ServiceHarness) -> ServiceHarness:
    for number in range(USERS):
        world.submit(f"user-{number}", f"device-{number}", key="k")
    return world


def damaged(world: ServiceHarness, user_id: str) -> str:
    where = {"PK": {"S": f"USER#{user_id}"}, "SK": {"S": "METADATA"}}
    world.client.update_item(
        TableName=world.table._name,
        Key=where,
        UpdateExpression="SET held = held + :n",
        ExpressionAttributeValues={":n": {"N": "1"}},
    )
    return f"USER#{user_id}/METADATA"


def together(audits: list[Audit]) -> Audit:
    whole = Audit()
    for audit in audits:
        whole = whole.plus(audit)
    return whole


def test_the_segments_together_are_the_whole_table(stored: ServiceHarness) -> None:
    damaged(stored, "user-3")
    whole = stored.auditor.audit()
    pieces = [stored.auditor.audit(ScanPlan(segments=4, only=segment)) for segment in range(4)]
    all_at_once = stored.auditor.audit(ScanPlan(segments=4))
    assert sum(piece.users > 0 for piece in pieces) > 1
    assert whole.users == USERS
    for other in (together(pieces), all_at_once):
        assert sorted(other.violations) == sorted(whole.violations)
        assert (other.users, other.claims, other.jobs) == (whole.users, whole.claims, whole.jobs)


def test_a_piece_reports_its_violations_and_never_their_absence(world: ServiceHarness) -> None:
    """A sixteenth of the table proves nothing about the rest: it must not quiet an alarm."""
    damaged(world, "user-3")
    violations = len(world.audit().violations)
    world.auditor._metrics = gauges = Gauges()
    for segment in range(4):
        world.auditor.audit(ScanPlan(segments=4, only=segment))
    assert gauges.snapshot == [violations] != [0]


def test_the_rest_of_an_audit_continued_by_hand_reports_no_absence(
    world: ServiceHarness,
) -> None:
    world.auditor._metrics = gauges = Gauges()
    world.auditor.audit(ScanPlan(segments=4, start=ScanCursor(4, 2)))
    assert gauges.snapshot == []


@pytest.mark.parametrize("harmed", [False, True])
def test_an_audit_of_a_table_that_is_not_in_use_emits_no_metric(
    world: ServiceHarness, harmed: bool
) -> None:
    if harmed:
        damaged(world, "user-3")
    world.auditor._metrics = gauges = Gauges()
    assert bool(world.auditor.audit(in_use=False).violations) == harmed
    assert gauges.snapshot == []


def test_the_count_is_compared_only_by_a_walk_over_the_whole_table(world: ServiceHarness) -> None:
    world.client.delete_item(
        TableName=world.table._name, Key={"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}}
    )
    assert len(world.auditor.audit(ScanPlan(segments=3)).violations) == 1
    assert [
        world.auditor.audit(ScanPlan(segments=3, only=segment)).violations for segment in range(3)
    ] == [(), (), ()]
    assert world.auditor.audit(ScanPlan(start=ScanCursor(1, 0, None))).violations == ()


@pytest.mark.parametrize("served", [1, 7, 30, 61])
def test_a_walk_stopped_anywhere_goes_on_there_and_counts_nothing_twice(
    world: ServiceHarness, served: int
) -> None:
    damaged(world, "user-3")
    whole = world.auditor.audit(ScanPlan(segments=2))
    wire = world.wire()
    with pytest.raises(AuditStopped) as stopped:
        world.auditor.audit(ScanPlan(segments=2), stopping=lambda: len(wire.calls) >= served)
    token = stopped.value.cursor.token()
    rest = world.auditor.audit(ScanPlan(segments=2, start=ScanCursor.from_token(token)))
    both = stopped.value.audit.plus(rest)
    assert sorted(both.violations) == sorted(whole.violations)
    assert both == whole


@pytest.mark.parametrize("pages", [1, 2, 3, 4, 5])
def test_a_walk_stopped_between_two_pages_goes_on_there_and_counts_nothing_twice(
    world: ServiceHarness, pages: int
) -> None:
    """At that pace a page holds four items, so that most pages end within a user."""
    whole, wire = world.audit(), world.wire()
    wire.plan("Scan", "throttle", skip=pages, times=16)
    with pytest.raises(AuditStopped) as stopped:
        world.auditor.audit(reads_per_second=1.0)
    rest = world.auditor.audit(ScanPlan(start=stopped.value.cursor))
    assert stopped.value.audit.plus(rest) == whole


def test_a_short_trouble_is_waited_out_at_the_same_place(world: ServiceHarness) -> None:
    whole, wire, began = world.audit(), world.wire(), world.clock.monotonic()
    wire.plan("Query", "throttle", skip=9, times=9)
    wire.plan("Scan", "internal", times=3)
    assert world.audit() == whole
    assert 1 < world.clock.monotonic() - began < 60


def test_a_long_trouble_stops_the_walk_within_about_a_minute_and_says_where(
    world: ServiceHarness,
) -> None:
    whole, wire, began = world.audit(), world.wire(), world.clock.monotonic()
    wire.plan("Query", "throttle", skip=40, times=16)
    with pytest.raises(AuditStopped, match="table") as stopped:
        world.audit()
    assert 50 < world.clock.monotonic() - began < 75
    assert 0 < stopped.value.audit.users < USERS
    rest = world.auditor.audit(ScanPlan(start=stopped.value.cursor))
    assert stopped.value.audit.plus(rest) == whole


def test_a_table_that_refuses_stops_the_walk_at_once(stored: ServiceHarness) -> None:
    stored.auditor._table = Table(stored.dynamodb, "NoSuchTable")
    began = stored.clock.monotonic()
    with pytest.raises(AuditStopped):
        stored.audit()
    assert stored.clock.monotonic() == began


def test_a_paced_walk_uses_no_more_read_units_a_second_than_allowed(stored: ServiceHarness) -> None:
    units: list[float] = []

    def count(operation: str, request: Any, reply: Any) -> None:
        content = json.loads(reply.body)
        consumed = content.get("ConsumedCapacity", {"CapacityUnits": SETTLE_UNITS})
        units.append(consumed["CapacityUnits"])

    stored.wire().after(count)
    began = stored.clock.monotonic()
    assert stored.auditor.audit(reads_per_second=5.0) == stored.audit()
    half = sum(units) - sum(units[len(units) // 2 :])
    assert half > 60
    assert (stored.clock.monotonic() - began) * 5 >= half - max(units)
    assert (stored.clock.monotonic() - began) * 5 <= sum(units)


def test_a_walk_without_a_pace_waits_for_nothing(world: ServiceHarness) -> None:
    began = world.clock.monotonic()
    world.audit()
    assert world.clock.monotonic() == began


def test_accounts_and_segments_larger_than_a_page_are_read_to_their_end(
    client: Any, table_name: str
) -> None:
    world = ServiceHarness(client, table_name, welcome_credits=PAGE + 10)
    for _ in range(PAGE + 3):
        world.submit()
    audit = world.audit()
    assert (audit.users, audit.entries, audit.jobs) == (1, PAGE + 4, PAGE + 3)
    assert audit.violations == ()


@pytest.mark.parametrize("place", [ScanCursor(1, 0), ScanCursor(8, 3, Key("USER#ü\n", "JOB#~"))])
def test_a_token_names_its_place(place: ScanCursor) -> None:
    assert ScanCursor.from_token(place.token()) == place
    assert place.token().isascii()


@pytest.mark.parametrize(
    "token", ["", "x", "bm8", "W10", "WzFd", "W10=", "WzEsMCwiYSJd", "W0luZmluaXR5LDBd", "é"]
)
def test_other_words_are_no_places(token: str) -> None:
    with pytest.raises(InvalidScanToken):
        ScanCursor.from_token(token)


@pytest.mark.parametrize(
    ("segments", "only", "start"),
    [
        (0, None, None),
        (4, 4, None),
        (4, -1, None),
        (2, None, ScanCursor(4, 1)),
        (4, 2, ScanCursor(4, 1)),
        (4, None, ScanCursor(4, 9)),
    ],
)
def test_a_route_that_cannot_be_walked_is_refused(
    segments: int, only: int | None, start: ScanCursor | None
) -> None:
    with pytest.raises(ValueError, match=r"segments|--start"):
        ScanPlan(segments, only, start)


@pytest.mark.parametrize(("harmed", "expected"), [(False, 0), (True, 1)])
def test_an_audit_that_stopped_early_speaks_only_of_what_it_found(
    world: ServiceHarness, harmed: bool, expected: int
) -> None:
    """The alarm for a missing audit is raised by the absence of the metric."""
    if harmed:
        for number in range(USERS):
            damaged(world, f"user-{number}")
    world.auditor._metrics = gauges = Gauges()
    wire = world.wire()
    with pytest.raises(AuditStopped):
        world.auditor.audit(stopping=lambda: len(wire.calls) >= 60)
    assert len(gauges.snapshot) == expected
