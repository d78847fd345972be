"""S3 can fail at any write without harm to the proof."""

import pytest

from service.audit.daily import AuditTaken, Ending
from service.audit.entities import AuditStopped
from service.audit.records import State
from tests.audit.daily_site import DAY_SECONDS, SEGMENTS, Site, alike


@pytest.mark.parametrize(
    ("method", "fault"), [("PUT", "internal"), ("GET", "denied"), ("PUT", "unreachable")]
)
@pytest.mark.parametrize("left", ["stale", "stopped", "damaged"])
def test_a_lost_call_at_the_start_costs_the_place_and_not_the_audit(
    site: Site, left: str, method: str, fault: str
) -> None:
    """What it meets later is no one's: it goes on, and the record becomes its own."""
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
    """A day for each write of a run, which meets the fault. The record's last is the last but one:
    the anchors come after it."""
    whole = site.whole()
    site.start()
    writes = site.wire.calls.count("PUT")
    assert 2 + SEGMENTS < writes < 20
    for skip in range(writes):
        site.world.clock.advance(DAY_SECONDS)
        site.wire.plan("PUT", fault, skip=skip)
        ended = site.start()
        assert (ended.ending, alike(ended.audit, whole)) == (Ending.HERE, True)
        written = skip != writes - 2 or fault in ("lost-answer", "conflict")
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
    record, anchors = site.on_message
    assert record.startswith("The record audit/")
    assert record.endswith("the audit goes on without it.")
    assert anchors.startswith("audit/anchors.json cannot be read or written")
    assert anchors.endswith("wallets are not compared with an earlier audit.")
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
    versions = site.s3.list_object_versions(Bucket=site.bucket, Prefix=site.key)["Versions"]
    oldest = site.s3.get_object(
        Bucket=site.bucket, Key=site.key, VersionId=versions[-1]["VersionId"]
    )
    assert oldest["Body"].read() == body
