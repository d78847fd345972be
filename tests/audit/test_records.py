"""The rules of a day's record: what it keeps, and what a start that finds one does."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from service.analytics.entities import Days, Usage
from service.analytics.figures import (
    DayFigures,
    HouseFigures,
    Moved,
    OperationFigures,
    Spender,
)
from service.audit import records
from service.audit.anchors import Chunk
from service.audit.entities import Audit, Progress, ScanCursor
from service.audit.records import (
    STALE_MILLISECONDS,
    Record,
    RecordDamaged,
    State,
    Step,
    day_of,
    sealed_body,
    step,
    unsealed_body,
)
from service.core.clock import from_iso
from service.storage.checks import Violation
from service.storage.keys import Key

NOW = from_iso("2026-11-21T00:15:00.123Z")
VIOLATION = Violation("USER#ü/METADATA", "held is 2, open jobs hold 1")
FOUND = Audit(3, 2, 30, 4, 5, 6, (VIOLATION,), 1)
PLACE = ScanCursor(16, 7, Key("USER#ü\n", "JOB#~"))
CHUNK = Chunk("audit/anchors/a-00001", 3, "other")
PROGRESS = Progress(PLACE, FOUND, 12)
RECORD = Record("audit_1", NOW, NOW + 1, State.RUNNING, 2, PROGRESS, "seal", (CHUNK,))
KEY = b"k" * 32


DAY = date(2026, 11, 20)
FIGURES = HouseFigures(
    Days(DAY, DAY),
    {
        DAY: DayFigures(
            operations={"kling:image2video": OperationFigures(Usage(3, 1, 2_500), {"USD": 7})},
            moved={"EXPIRY": Moved(1, -250)},
            charged={"free": 2_500},
            liability={"paid": 1},
            wallets=2,
            top=(Spender(2_500, "ann", 2),),
        )
    },
)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(
    "progress",
    [
        None,
        Progress(PLACE, FOUND, None),
        Progress(ScanCursor(1, 0), Audit(), 0),
        Progress(PLACE, FOUND, 12, FIGURES),
    ],
)
def test_a_record_is_read_as_it_was_written(state: State, progress: Progress | None) -> None:
    if state is State.FINISHED and progress is None:
        return
    record = replace(RECORD, state=state, progress=progress)
    assert Record.from_body(record.body()) == record


def test_a_person_can_read_a_record() -> None:
    on_segment = json.loads(replace(RECORD, state=State.FINISHED).body())
    assert on_segment == {
        "form": 3,
        "state": "finished",
        "began": "2026-11-21T00:15:00.123Z",
        "written": "2026-11-21T00:15:00.124Z",
        "owner": "audit_1",
        "runs": 2,
        "comparedWith": "seal",
        "anchors": [{"key": "audit/anchors/a-00001", "wallets": 3, "mac": "other"}],
        "cursor": PLACE.token(),
        "usersBefore": 12,
        "found": {
            "users": 3,
            "open_users": 2,
            "entries": 30,
            "jobs": 4,
            "claims": 5,
            "idempotency_keys": 6,
            "compared": 1,
        },
        "violations": [{"item": "USER#ü/METADATA", "what": "held is 2, open jobs hold 1"}],
        "violationsNotKept": 0,
        "figures": None,
        "result": "1 violations",
    }
    assert json.loads(RECORD.body())["result"] is None


def test_violations_beyond_the_limit_are_counted_and_stay_violations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(records, "MAX_VIOLATIONS", 3)
    many = tuple(Violation(f"USER#{number}/METADATA", "is missing") for number in range(5))
    read = Record.from_body(
        replace(RECORD, progress=Progress(PLACE, Audit(violations=many), 1)).body()
    )
    assert read.progress
    lost, *kept = read.progress.audit.violations
    assert lost.what == "2 further violations are not kept by name"
    assert tuple(kept) == many[:3]
    again = Record.from_body(read.body())
    assert again.progress
    assert again.progress.audit.violations[1] == lost


def _without(name: str) -> bytes:
    on_segment = json.loads(RECORD.body())
    del on_segment[name]
    return json.dumps(on_segment).encode()


def _with(**other: Any) -> bytes:
    return json.dumps(json.loads(RECORD.body()) | other).encode()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, RECORD.body()[:-20]),
        *map(
            _without,
            (
                "form",
                "state",
                "began",
                "written",
                "owner",
                "runs",
                "usersBefore",
                "found",
                "violations",
                "comparedWith",
                "anchors",
                "figures",
            ),
        ),
        *(
            _with(form=1),
            _with(figures={}),
            _with(figures={"from": "2026-11-20", "to": "2026-11-20", "days": {"x": {}}}),
            _with(comparedWith=None),
            _with(anchors=[{"key": 1, "wallets": 2, "mac": "m"}]),
            _with(state="over"),
            _with(began="yesterday"),
            _with(written=1),
            _with(owner=None),
        ),
        *(
            _with(runs=-1),
            _with(runs=True),
            _with(cursor="x"),
            _with(cursor=None),
            _with(usersBefore="12"),
        ),
        *(_with(found={}), _with(violations=[{}]), _with(violations=[{"item": "a", "what": 1}])),
        *(_with(violationsNotKept=None), _with(cursor=ScanCursor(2_000_000, 0).token())),
        json.dumps(
            {
                key: value
                for key, value in json.loads(_with(state="finished")).items()
                if key != "cursor"
            }
        ).encode(),
    ],
)
def test_what_no_version_wrote_is_damaged(body: bytes) -> None:
    with pytest.raises(RecordDamaged):
        Record.from_body(body)


@pytest.mark.parametrize(
    ("state", "age_milliseconds", "expected"),
    [
        (State.RUNNING, 0, Step.LEAVE),
        (State.RUNNING, STALE_MILLISECONDS - 1, Step.LEAVE),
        (State.RUNNING, STALE_MILLISECONDS, Step.GO_ON),
        (State.RUNNING, -2000, Step.LEAVE),
        (State.RUNNING, -STALE_MILLISECONDS, Step.GO_ON),
        (State.STOPPED, 0, Step.GO_ON),
        (State.STOPPED, 10 * STALE_MILLISECONDS, Step.GO_ON),
        (State.FINISHED, 0, Step.SHOW),
        (State.FINISHED, 10 * STALE_MILLISECONDS, Step.SHOW),
    ],
)
def test_a_start_leaves_shows_or_goes_on(
    state: State, age_milliseconds: int, expected: Step
) -> None:
    assert step(replace(RECORD, state=state, written=NOW), NOW + age_milliseconds) is expected


def test_a_sealed_record_is_read_where_it_was_written() -> None:
    sealed = sealed_body("audit/2026-11-21.json", RECORD.body(), KEY)
    assert Record.from_body(unsealed_body("audit/2026-11-21.json", sealed, KEY)) == RECORD


@pytest.mark.parametrize(
    ("place", "body", "key"),
    [
        ("audit/2026-11-22.json", None, KEY),
        ("audit/2026-11-21.json", None, b"x" * 32),
        ("audit/2026-11-21.json", _with(runs=3), KEY),
        ("audit/2026-11-21.json", b"[]", KEY),
        ("audit/2026-11-21.json", _with(mac=5), KEY),
    ],
)
def test_a_record_of_another_day_or_key_is_damaged(
    place: str, body: bytes | None, key: bytes
) -> None:
    sealed = sealed_body("audit/2026-11-21.json", RECORD.body(), KEY)
    with pytest.raises(RecordDamaged):
        unsealed_body(place, body or sealed, key)


def test_who_takes_over_keeps_what_was_found_and_when_it_began() -> None:
    taken = replace(RECORD, state=State.STOPPED).taken_over("audit_2", NOW + 5)
    assert taken == replace(RECORD, owner="audit_2", written=NOW + 5, runs=3)


@pytest.mark.parametrize(
    ("moment", "day"),
    [("2026-11-21T00:00:00.000Z", "2026-11-21"), ("2026-11-20T23:59:59.999Z", "2026-11-20")],
)
def test_a_day_is_one_in_utc(moment: str, day: str) -> None:
    assert day_of(from_iso(moment)) == day
