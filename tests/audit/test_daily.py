"""The audit of a day keeps a record, and continues where it died."""

import pytest

from service.audit.daily import Ending
from service.audit.entities import Audit, AuditStopped, ScanPlan
from service.audit.records import Record, State
from service.core.clock import iso
from tests.audit.daily_site import DAMAGED, DAY_SECONDS, PACE, SEGMENTS, USERS, Site, alike, damage

# ---------------------------------------------------------------- one run


def test_the_first_of_a_day_begins_writes_at_once_and_ends_with_the_result(site: Site) -> None:
    whole = site.whole()
    began = site.world.clock.now()
    snapshot: list[Record] = []
    site.world.wire().before(lambda operation: snapshot.append(site.record()))
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
    begins, kept = site.on_message
    assert begins == f"The audit of {iso(began)[:10]} begins."
    assert kept.startswith(f"Where {USERS - 2} wallets are is kept for the next audit (seal ")
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
        if not site.start_and_die(0.4):
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
            UpdateExpression="SET held = held + :n",
            ExpressionAttributeValues={":n": {"N": "-1"}},
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
    site.world.wire().before(lambda operation: gauges.append(list(site.gauges.snapshot)))
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
