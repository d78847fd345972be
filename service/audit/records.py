"""The record of a day's audit: what it says, how it is written down, and what a start that finds
one does."""

import json
from dataclasses import dataclass, fields, replace
from enum import Enum, StrEnum
from typing import Any

from service.analytics.figures import HouseFigures
from service.audit.anchors import Chunk, chunks_document, chunks_from
from service.audit.entities import Audit, Progress, ScanCursor
from service.core.clock import from_iso, iso
from service.core.seals import holds, seal
from service.storage.checks import Violation

FORM = 3
STALE_MILLISECONDS = 10 * 60 * 1000
# A record is written every minute; with the wrong MAC key it would name every entry of the table.
MAX_VIOLATIONS = 10_000
_COUNTS = tuple(each.name for each in fields(Audit) if each.name != "violations")


class State(StrEnum):
    """RUNNING: a process is auditing, or has died. STOPPED: no process is, and the audit can be
    resumed. FINISHED: `progress` is the result."""

    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"


class RecordDamaged(ValueError):
    """An object that no version of this code could have written."""


@dataclass(frozen=True)
class Record:
    """The state of a day's audit. `owner` is the process that writes it, the `runs`-th of that day;
    without `progress` nothing has been walked yet. `compared_with` is the seal of the anchors that
    wallets are compared with ("": none), `chunks` the anchors that this audit has kept so far.
    Times are milliseconds since the epoch."""

    owner: str
    began: int
    written: int
    state: State = State.RUNNING
    runs: int = 1
    progress: Progress | None = None
    compared_with: str = ""
    chunks: tuple[Chunk, ...] = ()

    def taken_over(self, owner: str, now: int) -> "Record":
        return replace(self, owner=owner, written=now, state=State.RUNNING, runs=self.runs + 1)

    def body(self) -> bytes:
        head = {
            "form": FORM,
            "state": self.state,
            "began": iso(self.began),
            "written": iso(self.written),
        }
        document: dict[str, Any] = {
            **head,
            "owner": self.owner,
            "runs": self.runs,
            "comparedWith": self.compared_with,
            "anchors": chunks_document(self.chunks),
        }
        return json.dumps(
            document | _progress_document(self.state, self.progress), indent=1
        ).encode()

    @classmethod
    def from_body(cls, body: bytes) -> "Record":
        """Raises `RecordDamaged`."""
        try:
            document = json.loads(body)
            if document["form"] != FORM:
                raise ValueError("another form")
            return cls(
                owner=_text(document["owner"]),
                began=from_iso(document["began"]),
                written=from_iso(document["written"]),
                state=State(document["state"]),
                runs=_number(document["runs"]),
                progress=_progress_from(document)
                if document["state"] == State.FINISHED or "cursor" in document
                else None,
                compared_with=_text(document["comparedWith"]),
                chunks=chunks_from(document["anchors"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise RecordDamaged(f"{type(error).__name__}: {error}") from None


def sealed_body(object_key: str, body: bytes, key: bytes) -> bytes:
    """The body of a record with the MAC of what it says and where it is kept."""
    document = json.loads(body)
    mac = seal(["record", object_key, document], key)
    return json.dumps(document | {"mac": mac}, indent=1).encode()


def unsealed_body(object_key: str, body: bytes, key: bytes) -> bytes:
    """The inverse. Raises `RecordDamaged`."""
    try:
        document = json.loads(body)
        mac = document.pop("mac")
        if not holds(mac, ["record", object_key, document], key):
            raise ValueError("its MAC does not hold")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RecordDamaged(f"{type(error).__name__}: {error}") from None
    return json.dumps(document).encode()


class Step(Enum):
    """What to do with an existing record: LEAVE it to the run that owns it, SHOW its result, or
    GO_ON from its position."""

    LEAVE = "leave"
    SHOW = "show"
    GO_ON = "go on"


def step(record: Record, now: int) -> Step:
    """Clocks differ: a time slightly in the future counts as fresh, one far in the future as
    stale."""
    if record.state is State.FINISHED:
        return Step.SHOW
    fresh = abs(now - record.written) < STALE_MILLISECONDS
    return Step.LEAVE if fresh and record.state is State.RUNNING else Step.GO_ON


def day_of(now: int) -> str:
    """The day in UTC, as in 2026-11-21."""
    return iso(now)[:10]


def _progress_document(state: State, progress: Progress | None) -> dict[str, Any]:
    if progress is None:
        return {}
    audit = progress.audit
    kept = audit.violations[:MAX_VIOLATIONS]
    return {
        "cursor": progress.cursor.token(),
        "usersBefore": progress.users_before,
        "found": {name: getattr(audit, name) for name in _COUNTS},
        "violations": [{"item": each.item, "what": each.what} for each in kept],
        "violationsNotKept": len(audit.violations) - len(kept),
        "figures": progress.figures.document() if progress.figures else None,
        "result": _result(audit) if state is State.FINISHED else None,
    }


def _result(audit: Audit) -> str:
    return f"{len(audit.violations)} violations" if audit.violations else "proved"


def _progress_from(document: dict[str, Any]) -> Progress:
    violations = tuple(
        Violation(_text(each["item"]), _text(each["what"])) for each in document["violations"]
    )
    if lost := _number(document["violationsNotKept"]):
        # In front, so that the next record keeps it.
        violations = (
            Violation("(the record)", f"{lost} further violations are not kept by name"),
            *violations,
        )
    counts = {name: _number(document["found"][name]) for name in _COUNTS}
    before = document["usersBefore"]
    if before is not None and type(before) is not int:
        raise TypeError(f"{before!r} is no count")
    figures = document["figures"]
    progress = Progress(
        ScanCursor.from_token(_text(document["cursor"])),
        Audit(**counts, violations=violations),
        before,
        HouseFigures.from_document(figures) if figures is not None else None,
    )
    # Raises where no one could walk on from there.
    _ = progress.rest
    return progress


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no count")
    return value
