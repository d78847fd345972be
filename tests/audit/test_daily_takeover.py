"""Of several runs of a day's audit, one walks the table at a time."""

from typing import Any

import pytest

from service.audit.daily import AuditTaken, Ended, Ending
from service.audit.records import STALE_MILLISECONDS, State
from tests.audit.daily_site import Site, alike


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
        site.put_record(stolen)
        tag.append("stolen")

    metrics: Any = site.world.auditor._metrics
    metrics.gauge = lambda *_: overtaken()
    ended = site.start(pace=None)
    assert tag
    assert (ended.ending, alike(ended.audit, whole)) == (Ending.HERE, True)
    assert "holds all the same" in site.on_message[-1]
    assert site.record().owner == "audit_thief"


# ---------------------------------------------------------------- S3 fails
