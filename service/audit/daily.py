"""The audit of a day, kept in a record: a run continues where the one before it died.

The record is a bookmark, never the proof: if it cannot be read or written, the audit continues
without it and says so. What one day's audit leaves to the next are the anchors."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from service.analytics.closed_days import ClosedDays
from service.audit.anchor_objects import AnchorObjects, Tracking
from service.audit.anchors import Comparison
from service.audit.entities import Audit, AuditStopped, Progress, ScanCursor, ScanPlan
from service.audit.operations import Auditor
from service.audit.records import (
    Record,
    RecordDamaged,
    State,
    Step,
    day_of,
    sealed_body,
    step,
    unsealed_body,
)
from service.core.clock import Clock, iso
from service.core.ids import Ids
from service.storage.objects import ObjectChanged, Objects, ObjectsUnavailable

BEAT_SECONDS = 60.0


class AuditTaken(Exception):
    """Another run has taken this audit over, because this one had not updated the record for too
    long."""


@dataclass(frozen=True)
class Found:
    """A stored record (None if it cannot be parsed) and the tag needed to overwrite it."""

    record: Record | None
    tag: str


class RecordTaken(Exception):
    """The stored record belongs to another run; nothing was written."""

    def __init__(self, found: Found) -> None:
        super().__init__("another's record")
        self.found = found


class AuditRecords:
    """One object per day under a prefix, sealed, and the anchors next to them."""

    def __init__(self, objects: Objects, prefix: str, mac_key: bytes) -> None:
        self._objects = objects
        self._prefix = prefix
        self._mac_key = mac_key
        self.anchors = AnchorObjects(objects, prefix, mac_key)

    def key(self, day: str) -> str:
        return f"{self._prefix}/{day}.json"

    def write(self, day: str, record: Record, over: str | None) -> str:
        """Overwrites the version with that tag (None: nothing may be stored yet), and returns the
        new tag. A record's own owner may always overwrite it: the response to a write can be
        lost. Raises `RecordTaken` and `ObjectsUnavailable`."""
        key = self.key(day)
        body = sealed_body(key, record.body(), self._mac_key)
        try:
            return self._objects.write(key, body, over)
        except ObjectChanged:
            found = self._found(key)
        if found is not None and (found.record is None or found.record.owner != record.owner):
            raise RecordTaken(found)
        try:
            return self._objects.write(key, body, found.tag if found else None)
        except ObjectChanged as error:
            raise ObjectsUnavailable("it does not hold still") from error

    def _found(self, key: str) -> Found | None:
        stored = self._objects.read(key)
        if stored is None:
            return None
        try:
            body = unsealed_body(key, stored.body, self._mac_key)
            return Found(Record.from_body(body), stored.tag)
        except RecordDamaged:
            return Found(None, stored.tag)


class Ending(Enum):
    """Which run did the audit: this one, one that finished earlier, or one that is still
    running."""

    HERE = "here"
    BEFORE = "before"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Ended:
    """How a start ended. `audit` is the result; empty if another run is still auditing."""

    ending: Ending
    audit: Audit = Audit()


class DailyAudit:
    """Begins the day's audit, continues it, or reports how it ended; several may be started at
    once. With `closing`, it closes the days before."""

    def __init__(
        self,
        admin: Auditor,
        records: AuditRecords,
        clock: Clock,
        ids: Ids,
        closing: ClosedDays | None = None,
    ) -> None:
        self._admin = admin
        self._closing = closing
        self._records = records
        self._clock = clock
        self._ids = ids

    def run(
        self,
        plan: ScanPlan,
        *,
        reads_per_second: float | None = None,
        stopping: Callable[[], bool] = lambda: False,
        on_segment: Callable[[ScanCursor, Audit], None] = lambda *_: None,
        on_message: Callable[[str], None] = lambda _: None,
    ) -> Ended:
        """`plan`: the whole table, in the segments that a new audit is cut into; one that
        is continued keeps its segments. If the day's audit has ended, its result is returned: the
        table is not read and no metric is emitted again, which could silence the alarm for a
        missing audit, or raise the one for violations again. `on_message` receives sentences.

        Raises `AuditStopped`, after writing its cursor if S3 accepts it, and `AuditTaken`."""
        now = self._clock.now()
        record = Record(self._ids.new("audit", now), began=now, written=now)
        keeper = _Keeper(self._records, self._clock, day_of(now), record, stopping, on_message)
        ended = keeper.open()
        if ended is None:
            ended = Ended(Ending.HERE, self._walked(keeper, plan, reads_per_second, on_segment))
        return ended

    def _walked(
        self,
        keeper: "_Keeper",
        plan: ScanPlan,
        rate: float | None,
        on_segment: Callable[[ScanCursor, Audit], None],
    ) -> Audit:
        def segment_done(cursor: ScanCursor, audit: Audit) -> None:
            keeper.write(State.RUNNING)
            on_segment(cursor, audit)

        try:
            audit = self._admin.audit(
                plan,
                reads_per_second=rate,
                stopping=keeper.stopping,
                on_segment=segment_done,
                begun=keeper.record.progress,
                on_progress=keeper.note,
                comparison=keeper.comparison(),
                closing=self._closing,
            )
        except AuditStopped:
            if keeper.taken:
                raise AuditTaken(
                    "Another run has gone on with the record of this audit: this one stops."
                ) from None
            keeper.write(State.STOPPED)
            raise
        keeper.finish(audit)
        return audit


class _Keeper:
    """Stores the progress of one run."""

    def __init__(
        self,
        records: AuditRecords,
        clock: Clock,
        day: str,
        record: Record,
        stopping: Callable[[], bool],
        on_message: Callable[[str], None],
    ) -> None:
        self._records = records
        self._clock = clock
        self._day = day
        self._stopping = stopping
        self._said = on_message
        self._tag: str | None = None
        self._due = clock.monotonic() + BEAT_SECONDS
        self._failing = False
        self._tracking = Tracking(records.anchors, on_message)
        self.record = record
        self.taken = False

    def comparison(self) -> Comparison | None:
        """What each wallet is compared with; None if there is nothing."""
        record = self.record
        before = record.compared_with if record.progress else None
        mac = self._tracking.begin(record.owner, before, record.chunks)
        self.record = replace(record, compared_with=mac)
        return self._tracking.comparison

    def open(self) -> Ended | None:
        """Claims the day's record for this run. If nothing is left to audit, returns how this start
        ends."""
        try:
            self._tag = self._records.write(self._day, self.record, None)
            self._said(f"The audit of {self._day} begins.")
        except RecordTaken as taken:
            return self._met(taken.found)
        except ObjectsUnavailable as error:
            self._fails(error)
        return None

    def stopping(self) -> bool:
        """Called before each read; writes the record once a minute."""
        if self._clock.monotonic() >= self._due:
            self.write(State.RUNNING)
        return self.taken or self._stopping()

    def note(self, progress: Progress) -> None:
        self.record = replace(self.record, progress=progress)

    def finish(self, audit: Audit) -> None:
        """The result is valid even if another run took over meanwhile: both walked the whole
        table."""
        progress = self.record.progress
        self.record = replace(self.record, progress=progress and replace(progress, audit=audit))
        self.write(State.FINISHED)
        if not self.taken and not self._failing:
            self._tracking.finish(self._day, self._clock.now(), self.record.chunks)
        if self.taken:
            self._said(
                "Another run has gone on with the record of this audit; the result of this one "
                "holds all the same."
            )

    def write(self, state: State) -> None:
        """Never raises; sets `taken` if another run has taken the record over."""
        if self.taken:
            return
        self._due = self._clock.monotonic() + BEAT_SECONDS
        try:
            self._keep_anchors(state)
            self.record = replace(self.record, state=state, written=self._clock.now())
            self._tag = self._written()
        except RecordTaken:
            self.taken = True
        except ObjectsUnavailable as error:
            self._fails(error)
        else:
            self._works()

    def _keep_anchors(self, state: State) -> None:
        """First the anchors, then the record that names them, and with it the place up to which
        they go. The result of a finished audit is written whatever becomes of its anchors."""
        try:
            chunks = (*self.record.chunks, *self._tracking.keep())
            self.record = replace(self.record, chunks=chunks)
        except ObjectsUnavailable as error:
            if state is not State.FINISHED:
                raise
            self._tracking.comparison = None
            self._said(f"Where the wallets are could not be kept ({error}).")

    def _written(self) -> str:
        """Returns the new tag. Overwrites a record that no live run owns: it existed at the start
        already, when it could not be read."""
        try:
            return self._records.write(self._day, self.record, self._tag)
        except RecordTaken as taken:
            there = taken.found.record
            if there is not None and step(there, self._clock.now()) is not Step.GO_ON:
                raise
            return self._records.write(self._day, self.record, taken.found.tag)

    def _met(self, found: Found) -> Ended | None:
        now, there = self._clock.now(), found.record
        if there is None:
            self._said(
                f"The record of {self._day} is damaged; the audit begins anew and writes over it."
            )
            return self._took(self.record, found.tag)
        choice = step(there, now)
        if choice is Step.SHOW and there.progress:
            self._said(
                f"The audit of {self._day} finished at {iso(there.written)}; this is its result."
            )
            return Ended(Ending.BEFORE, there.progress.audit)
        if choice is Step.LEAVE:
            self._said(
                f"Another run is at the audit of {self._day}: it was last heard of at "
                f"{iso(there.written)}."
            )
            return Ended(Ending.ELSEWHERE)
        self._said(
            f"The audit of {self._day} that began at {iso(there.began)} {_goes_on(there.progress)}"
        )
        return self._took(there.taken_over(self.record.owner, now), found.tag)

    def _took(self, record: Record, tag: str) -> Ended | None:
        self.record, self._tag = record, tag
        self.write(State.RUNNING)
        if self.taken:
            self._said(f"Another run was faster: it is at the audit of {self._day}.")
            return Ended(Ending.ELSEWHERE)
        return None

    def _fails(self, error: ObjectsUnavailable) -> None:
        if not self._failing:
            where = self._records.key(self._day)
            self._said(
                f"The record {where} cannot be read or written ({error}); the audit goes on "
                "without it."
            )
        self._failing = True

    def _works(self) -> None:
        if self._failing:
            self._said("The record is written again.")
        self._failing = False


def _goes_on(progress: Progress | None) -> str:
    if progress is None:
        return "had found nothing yet; it begins anew."
    cursor, audit = progress.cursor, progress.audit
    found = f"{audit.users} wallets, {len(audit.violations)} violations so far"
    return f"goes on in segment {cursor.segment} of {cursor.segments} at {cursor.token()}: {found}."
