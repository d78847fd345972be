"""The verbs on live sessions: a ticket for one, and what its relay does with the table. All of them
block: the relay calls them in threads."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import structlog

from service.catalog.entities import LIVE_TRANSCRIPTION
from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.principal import Principal
from service.jobs.entities import Job, JobRequest, ProviderUnavailable
from service.jobs.extensions import Extension
from service.jobs.operations import Begun, Jobs
from service.jobs.work import Quote, fitted_within, price_of
from service.ledger.entities import GET_MORE, InsufficientCredits
from service.ledger.limits import require_alone
from service.live import store
from service.live.callers import Callers
from service.live.entities import (
    FAILURES,
    LiveBody,
    LiveFailure,
    NewSession,
    OpenSession,
    TicketUsed,
)
from service.live.slices import affordable_seconds, extension_of
from service.live.tickets import Tickets
from service.live.utterances import Segment
from service.live.work import LiveTranscribing
from service.storage.data_keys import DataKeys
from service.storage.table import ConditionFailed, Table
from service.transcription.entities import Transcript

log = structlog.get_logger()

ROUTE = "POST /transcriptions/stream"


@dataclass(frozen=True)
class Issued:
    """A ticket, until when (epoch milliseconds) a session can be begun with it, what its first
    slice would hold, and how many seconds that lasts; `affordable_seconds` is how much of it the
    balance affords."""

    ticket: str
    expires_at: int
    quote: Quote
    slice_seconds: int
    affordable_seconds: int


@dataclass(frozen=True)
class Outcome:
    """How a session ended, by its relay's own count. `billed_seconds` is how long the vendor's
    session lasted, which is what it bills."""

    ending: str
    seconds: int
    transcript: Transcript
    fault: str = ""
    billed_seconds: int = 0


class Live:
    """Live sessions, as the web process and the relay see them."""

    def __init__(
        self,
        jobs: Jobs,
        work: LiveTranscribing,
        tickets: Tickets,
        callers: Callers,
        table: Table,
        data_keys: DataKeys,
        clock: Clock,
        slice_seconds: int,
        max_seconds: int,
    ) -> None:
        self.max_seconds = max_seconds
        self._jobs = jobs
        self._work = work
        self._tickets = tickets
        self._callers = callers
        self._table = table
        self._data_keys = data_keys
        self._clock = clock
        self._slice_seconds = slice_seconds

    def issue(self, new: NewSession) -> Issued:
        """A ticket for one session. Writes nothing, and holds nothing yet. Raises
        `AlreadyLive` while the user has a block of time, `InsufficientCredits` or
        `SessionCeilingReached` where the balance or the session's ceiling affords none, and what
        `Jobs.quote` raises."""
        quote = self._jobs.quote(new.principal, LIVE_TRANSCRIPTION, new.body)
        require_alone(quote.excluded_until)
        seconds = self._slice_seconds
        if quote.registered:
            fitted_within(self._work, new.body, quote.spendable, quote.ceiling)
            terms = self._work.terms()
            seconds = affordable_seconds(terms, 0, 0, self._slice_seconds, quote.available)
        ticket, expires_at = self._tickets.issue(new)
        return Issued(ticket, expires_at, quote, self._slice_seconds, seconds)

    def open(self, ticket: str, origin: str | None = None) -> OpenSession:
        """Holds the first slice of the session that the ticket is for; the ticket is used up in the
        same transaction. `origin` is that of the page, if it is one. Raises `TicketInvalid`,
        `TicketUsed`, and what `Callers.check` and `Jobs.begin` raise."""
        began = self._clock.monotonic()
        ticket_id, new = self._tickets.open(ticket, origin)
        self._callers.check(new.principal)
        request = JobRequest(
            actor=new.principal,
            operation=LIVE_TRANSCRIPTION,
            route=ROUTE,
            fingerprint=new.fingerprint,
            body=new.body,
            body_facts=new.body.facts,
            idempotency_key=ticket_id,
            request_id=new.request_id,
        )
        begun = self._jobs.begin(request, _no_place, _as_it_is)
        if not isinstance(begun, Begun):
            raise TicketUsed
        body: LiveBody = begun.body
        seconds = body.slice_seconds
        return OpenSession(begun.held.job, body, seconds, began + seconds, new.principal)

    def user_of(self, ticket: str, origin: str | None = None) -> str:
        """Whose ticket it is. Raises `TicketInvalid`."""
        return self._tickets.open(ticket, origin)[1].principal.subject

    def extend(self, job: Job, seconds: int, caller: Principal) -> tuple[Job, int]:
        """Holds another slice, or what the balance affords of one, for a session that holds
        `seconds`. Returns the job as stored and how many seconds came to it. A repeated call after
        a lost response finds what was stored.

        Raises `InsufficientCredits`, and what `Callers.check` and `Jobs.extend` raise."""
        stored = self._jobs.read(job)
        if stored.is_open and stored.hard_at > job.hard_at:
            return stored, (stored.hard_at - job.hard_at) // 1000
        self._callers.check(caller)
        terms = price_of(job).terms
        wanted = min(self._slice_seconds, max(1, self.max_seconds - seconds))

        def fit(affordable: int) -> Extension:
            more = affordable_seconds(terms, job.held, seconds, wanted, affordable)
            if not more:
                raise InsufficientCredits(details={"action": GET_MORE})
            return extension_of(terms, job.held, seconds, more)

        extended = self._jobs.extend(job, fit)
        return extended, (extended.hard_at - job.hard_at) // 1000

    def save(self, job: Job, segment: Segment) -> None:
        """Stores a segment; again without effect. Raises `StorageUnavailable`, and what the data
        keys raise."""
        write = store.segment_write(self._data_keys, job, segment, self._clock.now())
        try:
            self._table.write(write)
        except ConditionFailed:
            # Of this session's relay alone: an earlier attempt that got no response.
            return

    def decline(self, job: Job, failure: str) -> Job:
        """Ends a session that delivered nothing. Raises what `Jobs.decline` raises."""
        return self._jobs.decline(self._jobs.read(job), failure)

    def lose(
        self, job: Job, ending: str, seconds: int, failure: str = LiveFailure.SESSION_BROKE_OFF
    ) -> Job:
        """Ends a session that is free, since its vendor returned nothing at all, not even its own
        end, or no second was relayed. So many seconds may be billed for it all the same, and count
        as a loss of the house. May be repeated. Raises what `Jobs.conclude` and `Jobs.decline`
        raise."""
        if not seconds:
            return self.decline(job, failure)
        return self._jobs.conclude(job, self._work.lost(job, ending, seconds, failure))

    def conclude(self, job: Job, outcome: Outcome) -> Job:
        """Stores what a session came to and charges for it; both may be repeated. Raises what
        `Results.store` and `Jobs.conclude` raise."""
        if not outcome.seconds:
            failure = LiveFailure.NOTHING_RELAYED
            return self.lose(job, outcome.ending, outcome.billed_seconds, failure)
        stored = self._work.store(
            job, outcome.ending, outcome.seconds, outcome.transcript, outcome.fault
        )
        return self._jobs.conclude(job, self._work.judged(job, stored))

    def refusal_of(self, job: Job, failure: str) -> FareboxError:
        """The error for the client of a session that the vendor did not begin."""
        error = FAILURES[failure].error or ProviderUnavailable
        return error(details={"jobId": job.job_id}, location=job.location)


def _no_place() -> AbstractContextManager[object]:
    """The relay counts its sessions itself."""
    return nullcontext()


def _as_it_is(begun: Begun) -> Begun:
    return begun
