"""Everything that happened to one user in the order of time, newest first, a page at a time.

In a file of its own: it merges what several features keep, each in its own order, and reads a
page's worth of each. A page far back costs what the first one does."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.admin.entities import OperatorRecord
from service.admin.log import OperatorLog
from service.jobs.entities import Job
from service.jobs.search import JobSearch
from service.ledger.entities import Entry, UserNotFound
from service.ledger.operations import Ledger
from service.storage.cursor import PageTokens
from service.users.directory import UserDirectory
from service.users.entities import UserDevice

_SEPARATOR = "|"


class EventKind(StrEnum):
    SIGN_UP = "sign_up"
    DEVICE_ADDED = "device_added"
    DEVICE_RELEASED = "device_released"
    ENTRY = "entry"
    JOB = "job"
    OPERATOR_ACTION = "operator_action"


@dataclass(frozen=True)
class Event:
    """One thing that happened, with what its kind has. `place` is where its source goes on."""

    at: int
    kind: EventKind
    place: str
    entry: Entry | None = None
    job: Job | None = None
    device: UserDevice | None = None
    action: OperatorRecord | None = None


@dataclass(frozen=True)
class TimelinePage:
    """Some events, newest first, and the token of the next page (None: no more)."""

    events: tuple[Event, ...]
    next_token: str | None


# Reads at most so many events of a user, newest first, that come after a place ("": from the
# newest).
Source = Callable[[str, str, int], Sequence[Event]]


class Timeline:
    """Reads each source once for a page. A further source is one more entry in `_sources`."""

    def __init__(
        self,
        ledger: Ledger,
        search: JobSearch,
        directory: UserDirectory,
        log: OperatorLog,
        page_tokens: PageTokens,
    ) -> None:
        self._ledger = ledger
        self._search = search
        self._directory = directory
        self._log = log
        self._page_tokens = page_tokens
        self._sources: tuple[Source, ...] = (
            self._actions,
            self._entries,
            self._jobs,
            self._account,
        )

    def page(self, user_id: str, limit: int, token: str | None) -> TimelinePage:
        """Raises `UserNotFound` for somebody of whom nothing is known, `PageTokenInvalid`, and
        `StorageUnavailable`."""
        scope = ("timeline", user_id)
        places = self._places(scope, token)
        # One more than the page shows whether another follows.
        found = [
            list(source(user_id, place, limit + 1))
            for source, place in zip(self._sources, places, strict=True)
        ]
        events: list[Event] = []
        for number, event in merged(found, limit):
            events.append(event)
            places[number] = event.place
        if not events and token is None:
            raise UserNotFound
        if sum(map(len, found)) <= limit:
            return TimelinePage(tuple(events), None)
        next_token = self._page_tokens.seal(scope, _SEPARATOR.join(places))
        return TimelinePage(tuple(events), next_token)

    def _places(self, scope: tuple[str, str], token: str | None) -> list[str]:
        if token is None:
            return [""] * len(self._sources)
        return self._page_tokens.open(scope, token).split(_SEPARATOR)

    def _actions(self, user_id: str, after: str, limit: int) -> list[Event]:
        below = int(after) if after else None
        return [
            Event(record.at, EventKind.OPERATOR_ACTION, str(record.number), action=record)
            for record in self._log.newest(user_id, limit, below)
        ]

    def _entries(self, user_id: str, after: str, limit: int) -> list[Event]:
        below = int(after) if after else None
        return [
            Event(entry.at, EventKind.ENTRY, str(entry.version), entry=entry)
            for entry in self._ledger.newest_entries(user_id, limit, below)
        ]

    def _jobs(self, user_id: str, after: str, limit: int) -> list[Event]:
        return [
            Event(job.created_at, EventKind.JOB, job.job_id, job=job)
            for job in self._search.latest(user_id, limit, after)
        ]

    def _account(self, user_id: str, after: str, limit: int) -> list[Event]:
        """Sign-up and devices are few: all are read for each page."""
        signed_up_at = self._directory.signed_up_at(user_id)
        events = list(_device_events(self._directory.devices(user_id)))
        if signed_up_at is not None:
            place = _place(signed_up_at, EventKind.SIGN_UP)
            events.append(Event(signed_up_at, EventKind.SIGN_UP, place))
        rest = (event for event in events if not after or event.place < after)
        return sorted(rest, key=lambda event: event.place, reverse=True)[:limit]


def merged(sources: Sequence[Sequence[Event]], limit: int) -> Iterable[tuple[int, Event]]:
    """The newest events of all sources, each with the number of its source. At the same moment, an
    earlier source counts as newer; the order within a source stays. Pure."""
    next_of = [0] * len(sources)
    for _ in range(limit):
        heads = [
            (source[next_of[number]].at, -number)
            for number, source in enumerate(sources)
            if next_of[number] < len(source)
        ]
        if not heads:
            return
        number = -max(heads)[1]
        yield number, sources[number][next_of[number]]
        next_of[number] += 1


def _device_events(devices: Iterable[UserDevice]) -> Iterable[Event]:
    for device in devices:
        moments = {EventKind.DEVICE_ADDED: device.created_at}
        if device.released_at is not None:
            moments[EventKind.DEVICE_RELEASED] = device.released_at
        for kind, at in moments.items():
            yield Event(at, kind, _place(at, kind, device.digest), device=device)


def _place(at: int, kind: EventKind, digest: str = "") -> str:
    """Sorts by time."""
    return f"{at:013d}{kind.value}{digest}"
