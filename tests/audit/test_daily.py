"""The day's audit goes on where it died, two never walk it at once, and S3 can fail without harm to
the proof."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from service.audit.daily import AuditRecords, AuditTaken, DailyAudit, Ended, Ending
from service.audit.entities import Audit, AuditStopped, ScanPlan
from service.audit.records import STALE_MILLISECONDS, Record, State, day_of
from service.core.clock import iso
from service.core.ids import RandomIds
from service.storage.objects import Objects
from tests.doubles.bucket import BucketWire
from tests.doubles.gauges import Gauges
from tests.doubles.service_harness import ServiceHarness

USERS = 7
SEGMENTS = 4
# Half a read unit a second: the clock, which is a double, goes on by some minutes in each walk.
PACE = 0.5
DAY_SECONDS = 24 * 3600
DAMAGED = {"USER#user-3/METADATA", "USER#user-5/METADATA"}


class Died(BaseException):
    """What `kill -9` looks like from inside: nothing more is done."""


class Site:
    """One table, one bucket, and as many starts of the day's audit as are wanted."""

    def __init__(self, world: ServiceHarness, s3: Any, bucket: str) -> None:
        self.world, self.s3, self.bucket = world, s3, bucket
        self.on_message: list[str] = []
        # Another client than the one that looks, so that faults hit only the former.
        own = boto3.client(
            "s3", endpoint_url=s3.meta.endpoint_url, region_name="us-east-1", config=s3.meta.config
        )
        self.own, self.wire = own, BucketWire(own)
        self.records = AuditRecords(Objects(own, bucket), "audit")
        self.daily = DailyAudit(world.auditor, self.records, world.clock, RandomIds())
        self.reads = world.wire().calls
        self.whole()
        self.world.auditor._metrics = self.gauges = Gauges()

    def start(
        self, stopping: Callable[[], bool] = lambda: False, pace: float | None = PACE
    ) -> Ended:
        return self.daily.run(
            ScanPlan(SEGMENTS),
            reads_per_second=pace,
            stopping=stopping,
            on_message=self.on_message.append,
        )

    def whole(self) -> Audit:
        """One uninterrupted run; `length` is how many reads it takes."""
        before = len(self.reads)
        audit = self.world.auditor.audit(ScanPlan(SEGMENTS), reads_per_second=PACE)
        self.length = len(self.reads) - before
        return audit

    def start_and_die(self, share: float = 0.6) -> bool:
        """Whether it died, after that share of a whole run; otherwise it had come to its end."""
        until = len(self.reads) + round(share * self.length)

        def dying() -> bool:
            if len(self.reads) >= until:
                raise Died
            return False

        try:
            self.start(dying)
        except Died:
            return True
        return False

    @property
    def key(self) -> str:
        return self.records.key(day_of(self.world.clock.now()))

    def body(self) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=self.key)["Body"].read()
        return body

    def record(self) -> Record:
        return Record.from_body(self.body())

    def found(self) -> Audit:
        """What the record says was found so far."""
        progress = self.record().progress
        return progress.audit if progress else Audit()

    def put(self, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=self.key, Body=body)

    def versions(self) -> int:
        return len(self.s3.list_object_versions(Bucket=self.bucket).get("Versions", []))

    def later(self) -> None:
        """So much later that a record that nobody writes is stale."""
        self.world.clock.advance(STALE_MILLISECONDS / 1000)


@pytest.fixture
def site(client: Any, table_name: str, s3: Any, bucket: str) -> Site:
    world = ServiceHarness(client, table_name)
    for number in range(USERS):
        world.submit(f"user-{number}", f"device-{number}", key="k")
    for number in (3, 5):
        damage(world, f"USER#user-{number}", "METADATA", "held")
    # The table's day has hours left: a walk with pauses stays within it.
    world.clock.advance(DAY_SECONDS - world.clock.now() / 1000 % DAY_SECONDS + 900)
    return Site(world, s3, bucket)


def damage(world: ServiceHarness, pk: str, sk: str, name: str) -> None:
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": pk}, "SK": {"S": sk}},
        UpdateExpression="SET #name = #name + :n",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":n": {"N": "1"}},
    )


def alike(one: Audit, other: Audit) -> bool:
    """The same result, whatever the order in which it was found."""
    counts = [
        (a.users, a.open_users, a.entries, a.jobs, a.claims, a.idempotency_keys)
        for a in (one, other)
    ]
    return counts[0] == counts[1] and sorted(one.violations) == sorted(other.violations)


# ---------------------------------------------------------------- one run


def test_the_first_of_a_day_begins_writes_at_once_and_ends_with_the_result(site: Site) -> None:
    whole = site.whole()
    began = site.world.clock.now()
    snapshot: list[Record] = []
    site.world.client.meta.events.register(
        "before-send.dynamodb", lambda **_: snapshot.append(site.record())
    )
    ended = site.start()
    first, last = snapshot[0], site.record()
    assert (first.state, first.began, first.progress) == (State.RUNNING, began, None)
    assert ended.ending is Ending.HERE
    assert alike(ended.audit, whole)
    assert {violation.item for violation in whole.violations} == DAMAGED
    assert (last.state, last.began, last.written, last.runs) == (
        State.FINISHED,
        began,
        site.world.clock.now(),
        1,
    )
    assert site.found() == ended.audit
    assert last.progress
    assert last.progress.users_before == USERS
    assert site.on_message == [f"The audit of {iso(began)[:10]} begins."]
    assert site.gauges.snapshot[-1] == len(whole.violations)


def test_progress_is_written_each_minute_and_not_with_each_item(site: Site) -> None:
    """In one segment, so that nothing else writes between beginning and end."""
    began = site.world.clock.monotonic()
    site.daily.run(ScanPlan(), reads_per_second=PACE)
    minutes = int((site.world.clock.monotonic() - began) / 60)
    assert minutes >= 2
    assert site.versions() in (3 + minutes, 2 + minutes)


def test_without_a_pace_only_beginning_segments_and_end_are_written(site: Site) -> None:
    site.start(pace=None)
    assert site.versions() == 2 + SEGMENTS


def test_a_run_that_is_stopped_writes_its_cursor_a_last_time_and_the_next_goes_on_at_once(
    site: Site,
) -> None:
    whole = site.whole()
    until = len(site.reads) + site.length // 2
    with pytest.raises(AuditStopped) as stopped:
        site.start(lambda: len(site.reads) >= until)
    record = site.record()
    assert record.progress
    assert (record.state, record.progress.cursor) == (State.STOPPED, stopped.value.cursor)
    assert record.progress.audit == stopped.value.audit != Audit()
    ended = site.start()
    assert alike(ended.audit, whole)
    assert site.record().runs == 2


def test_a_table_that_fails_for_long_stops_the_run_at_its_place(site: Site) -> None:
    whole, table_wire = site.whole(), site.world.wire()
    table_wire.plan("Query", "throttle", skip=site.length // 2, times=16)
    with pytest.raises(AuditStopped, match="table"):
        site.start()
    assert site.record().state is State.STOPPED
    assert alike(site.start().audit, whole)


# ---------------------------------------------------------------- death


@pytest.mark.parametrize("share", [0, 0.01, 0.2, 0.4, 0.6, 0.8, 0.97])
def test_what_died_is_taken_over_and_ends_as_if_it_had_never_died(site: Site, share: float) -> None:
    damage(site.world, "SYSTEM", "USERS", "count")
    whole = site.whole()
    assert {violation.item for violation in whole.violations} == DAMAGED | {"SYSTEM/USERS"}
    assert site.start_and_die(share)
    before, walked = site.found(), len(site.reads)
    site.later()
    ended = site.start()
    assert alike(ended.audit, whole)
    assert (site.record().state, site.record().runs) == (State.FINISHED, 2)
    if share >= 0.4:
        assert before.users > 0
        assert len(site.reads) - walked < site.length
        assert any("goes on in segment" in line for line in site.on_message)


def test_whoever_dies_again_and_again_comes_to_the_same_end(site: Site) -> None:
    damage(site.world, "SYSTEM", "USERS", "count")
    whole, deaths = site.whole(), 0
    for _ in range(30):
        if not site.start_and_die(0.5):
            break
        deaths += 1
        site.later()
    assert 2 <= deaths < 30
    assert alike(site.found(), whole)
    assert site.record().runs == deaths + 1


def test_violations_found_before_the_death_are_kept_even_if_they_are_gone_by_the_end(
    site: Site,
) -> None:
    """Proof of that: the second run does not look again at what the first has judged."""
    for number in {*range(USERS)} - {3, 5}:
        damage(site.world, f"USER#user-{number}", "METADATA", "held")
    assert site.start_and_die(0.9)
    found = site.found().violations
    assert found
    for number in range(USERS):
        where = {"PK": {"S": f"USER#user-{number}"}, "SK": {"S": "METADATA"}}
        site.world.client.update_item(
            TableName=site.world.table._name,
            Key=where,
            UpdateExpression="SET held = held - :n",
            ExpressionAttributeValues={":n": {"N": "1"}},
        )
    site.later()
    assert site.start().audit.violations == found


def test_violations_that_the_dead_run_found_ring_at_once_and_not_only_at_the_end(
    site: Site,
) -> None:
    for number in {*range(USERS)} - {3, 5}:
        damage(site.world, f"USER#user-{number}", "METADATA", "held")
    assert site.start_and_die(0.9)
    known = len(site.found().violations)
    site.gauges.snapshot.clear()
    site.later()
    reads, gauges = len(site.reads), []
    site.world.client.meta.events.register(
        "before-send.dynamodb", lambda **_: gauges.append(list(site.gauges.snapshot))
    )
    ended = site.start()
    assert len(site.reads) > reads
    assert gauges[0] == [known]
    assert site.gauges.snapshot == [known, len(ended.audit.violations)]


def test_people_who_sign_up_between_death_and_end_make_no_violation(site: Site) -> None:
    """The truth lies between the counts before the first run and after the last: one read at the
    takeover would be too high."""
    assert site.start_and_die(0.9)
    assert site.found().users > 0
    for number in range(8):
        site.world.submit(f"late-{number}", f"late-device-{number}")
    site.later()
    ended = site.start()
    assert ended.audit.open_users < USERS + 8
    assert {violation.item for violation in ended.audit.violations} == DAMAGED


def test_what_is_gone_on_with_stays_cut_into_the_segments_it_was_begun_with(site: Site) -> None:
    whole = site.whole()
    assert site.start_and_die()
    site.later()
    ended = site.daily.run(ScanPlan(7), reads_per_second=PACE)
    assert alike(ended.audit, whole)
    assert site.record().progress.cursor.segments == SEGMENTS  # type: ignore[union-attr]


def test_the_next_day_begins_anew_and_leaves_the_unfinished_record_as_it_was(site: Site) -> None:
    assert site.start_and_die()
    yesterday, body = site.key, site.body()
    site.world.clock.advance(DAY_SECONDS)
    assert site.start().ending is Ending.HERE
    assert site.key != yesterday
    assert site.record().runs == 1
    assert site.s3.get_object(Bucket=site.bucket, Key=yesterday)["Body"].read() == body


# ---------------------------------------------------------------- several starts


def test_a_finished_audit_is_reported_again_without_a_read_a_write_or_a_metric(site: Site) -> None:
    first = site.start()
    site.later()
    body, reads, gauges = site.body(), len(site.reads), list(site.gauges.snapshot)
    again = site.start()
    assert (again.ending, again.audit) == (Ending.BEFORE, first.audit)
    assert (site.body(), len(site.reads), site.gauges.snapshot) == (body, reads, gauges)
    assert "finished at" in site.on_message[-1]


def test_a_run_that_is_at_it_is_left_alone(site: Site) -> None:
    assert site.start_and_die()
    body, reads = site.body(), len(site.reads)
    site.world.clock.advance(STALE_MILLISECONDS / 1000 - 70)
    assert site.start() == Ended(Ending.ELSEWHERE)
    assert (site.body(), len(site.reads)) == (body, reads)
    assert "Another run is at the audit" in site.on_message[-1]


def test_of_two_starters_one_walks(site: Site) -> None:
    """The second comes between the first one's beginning and its first read."""
    endings: list[Ending] = []

    def starting_another() -> bool:
        if not endings:
            endings.append(Ending.HERE)
            endings[0] = site.start(pace=None).ending
        return False

    assert site.start(starting_another, pace=None).ending is Ending.HERE
    assert endings == [Ending.ELSEWHERE]
    assert len(site.gauges.snapshot) == 1


def test_of_two_who_take_over_one_walks(site: Site) -> None:
    """Both have read the stale record before either has written."""
    assert site.start_and_die()
    site.later()
    first, rivals = [True], []

    def meet(request: Any, **_: object) -> None:
        """Between a takeover's read and its write."""
        if (
            request.method == "PUT"
            and b"If-Match" in bytes(str(dict(request.headers)), "utf-8")
            and first
        ):
            first.clear()
            rivals.append(site.start().ending)

    site.own.meta.events.register("before-send.s3", meet)
    reads = len(site.reads)
    ended = site.start()
    assert (ended.ending, rivals) == (
        Ending.BEFORE if ended.audit.users else Ending.ELSEWHERE,
        [Ending.HERE],
    )
    assert ended.ending is Ending.ELSEWHERE
    assert "faster" in site.on_message[-1]
    assert len(site.reads) - reads < 1.5 * site.length
    assert site.record().runs == 2


def test_a_run_that_slept_too_long_stops_when_it_finds_another_at_its_record(site: Site) -> None:
    asleep: list[Ended] = []
    until = len(site.reads) + site.length // 2

    def sleeping() -> bool:
        if len(site.reads) >= until and not asleep:
            asleep.append(Ended(Ending.ELSEWHERE))
            site.later()
            asleep[0] = site.start()
        return False

    with pytest.raises(AuditTaken, match="this one stops"):
        site.start(sleeping)
    record = site.record()
    assert asleep[0].ending is Ending.HERE
    assert (record.state, record.runs, site.found()) == (State.FINISHED, 2, asleep[0].audit)


def test_a_run_that_was_overtaken_just_before_its_end_still_has_its_result(site: Site) -> None:
    whole = site.whole()
    tag: list[str] = []

    def overtaken() -> None:
        stolen = site.record().taken_over("audit_thief", site.world.clock.now())
        site.put(stolen.body())
        tag.append("stolen")

    site.world.auditor._metrics.gauge = lambda *_: overtaken()  # type: ignore[method-assign, assignment]
    ended = site.start(pace=None)
    assert tag
    assert (ended.ending, alike(ended.audit, whole)) == (Ending.HERE, True)
    assert "holds all the same" in site.on_message[-1]
    assert site.record().owner == "audit_thief"


# ---------------------------------------------------------------- S3 fails


@pytest.mark.parametrize(
    ("method", "fault"), [("PUT", "internal"), ("GET", "denied"), ("PUT", "unreachable")]
)
@pytest.mark.parametrize("left", ["stale", "stopped", "damaged"])
def test_a_lost_call_at_the_start_costs_the_place_and_not_the_audit(
    site: Site, left: str, method: str, fault: str
) -> None:
    """What it meets later is nobody's: it goes on, and the record becomes its own."""
    whole = site.whole()
    if left == "damaged":
        site.put(b"junk")
    elif left == "stale":
        assert site.start_and_die()
        site.later()
    else:
        until = len(site.reads) + site.length // 2
        with pytest.raises(AuditStopped):
            site.start(lambda: len(site.reads) >= until)
    site.wire.plan(method, fault)
    ended = site.start()
    assert (ended.ending, ended.audit) == (Ending.HERE, whole)
    assert (site.record().state, site.found()) == (State.FINISHED, whole)


@pytest.mark.parametrize("fault", ["unreachable", "denied", "lost-answer", "conflict"])
def test_no_fault_of_s3_at_any_write_changes_the_result(site: Site, fault: str) -> None:
    """A day for each write of a run, which meets the fault."""
    whole = site.whole()
    site.start()
    writes = site.wire.calls.count("PUT")
    assert 2 + SEGMENTS < writes < 20
    for skip in range(writes):
        site.world.clock.advance(DAY_SECONDS)
        site.wire.plan("PUT", fault, skip=skip)
        ended = site.start()
        assert (ended.ending, alike(ended.audit, whole)) == (Ending.HERE, True)
        written = skip < writes - 1 or fault in ("lost-answer", "conflict")
        assert site.record().state is (State.FINISHED if written else State.RUNNING)
        assert site.record().runs == 1


@pytest.mark.parametrize("fault", ["unreachable", "internal", "denied"])
def test_a_bucket_that_is_out_of_reach_is_reported_once_and_the_audit_goes_on(
    site: Site, fault: str
) -> None:
    whole = site.whole()
    for method in ("PUT", "GET"):
        site.wire.plan(method, fault, times=1000)
    assert alike(site.start().audit, whole)
    (line,) = site.on_message
    assert line.startswith("The record audit/")
    assert line.endswith("the audit goes on without it.")
    assert site.versions() == 0


def test_a_bucket_that_comes_back_has_the_whole_record(site: Site) -> None:
    site.wire.plan("PUT", "unreachable", times=3)
    ended = site.start()
    assert site.on_message[-1] == "The record is written again."
    assert (site.record().state, site.found()) == (State.FINISHED, ended.audit)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("fault", ["unreachable", "internal", "denied", "lost-answer"])
def test_no_fault_of_s3_at_a_takeover_changes_the_result(
    site: Site, method: str, fault: str
) -> None:
    whole = site.whole()
    assert site.start_and_die()
    site.later()
    site.wire.plan(method, fault, skip=1 if method == "PUT" else 0)
    try:
        ended = site.start()
    except AuditTaken:
        # It could not read whose record is there, began anew, and yielded when it could.
        assert method == "GET"
        site.later()
        ended = site.start()
    assert alike(ended.audit, whole)
    assert site.record().state is State.FINISHED


def test_a_record_that_is_taken_away_meanwhile_is_written_anew(site: Site) -> None:
    until = len(site.reads) + site.length // 2
    taken_away: list[bool] = []

    def taking_away() -> bool:
        if len(site.reads) >= until and not taken_away:
            taken_away.append(True)
            site.s3.delete_object(Bucket=site.bucket, Key=site.key)
        return False

    ended = site.start(taking_away)
    assert taken_away
    assert (site.record().state, site.found()) == (State.FINISHED, ended.audit)


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b'{"form": 2}'])
def test_a_damaged_record_is_reported_and_the_audit_begins_anew(site: Site, body: bytes) -> None:
    whole = site.whole()
    site.put(body)
    ended = site.start()
    assert (ended.ending, alike(ended.audit, whole)) == (Ending.HERE, True)
    assert "is damaged; the audit begins anew" in site.on_message[0]
    assert site.record().state is State.FINISHED
    versions = site.s3.list_object_versions(Bucket=site.bucket)["Versions"]
    oldest = site.s3.get_object(
        Bucket=site.bucket, Key=site.key, VersionId=versions[-1]["VersionId"]
    )
    assert oldest["Body"].read() == body
