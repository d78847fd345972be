"""Selling a block of live transcription: hold, request the vendor's token, charge the whole, hand
it out.

In a file of its own because a block has no relay."""

from dataclasses import dataclass
from functools import partial

import structlog

from service.catalog.entities import LIVE_BLOCK
from service.core.amounts import Amount
from service.core.clock import Clock
from service.core.errors import FareboxError, RateLimited, Unavailable
from service.jobs.entities import Failure, Job, JobRequest, JobStatus, ProviderUnavailable
from service.jobs.operations import Begun, Jobs, Submission
from service.jobs.submit_places import SubmitPlaces
from service.jobs.work import Verdict
from service.ledger.entities import OutcomeUnknown
from service.live.blocks import LiveBlocks
from service.live.entities import BLOCK_FAILURES, BlockEnded, NewSession, failure_of
from service.providers.base import Rejected, RejectionReason
from service.providers.speech import SpeechToken, SpeechTokens, TokenRequest

log = structlog.get_logger()

# Not that of tickets, whose keys are their ids.
ROUTE = "POST /transcriptions/stream (vendor)"
PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Sold:
    """A block that was charged, its token, and until when (epoch milliseconds) that opens a
    session at `address`; `remaining` is what is left to spend."""

    job: Job
    token: str
    expires_at: int
    address: str
    seconds: int
    remaining: Amount
    replayed: bool


class BlockSales:
    """Sells blocks. One token is requested for a hold, and handed out once it is charged."""

    def __init__(
        self,
        jobs: Jobs,
        work: LiveBlocks,
        tokens: SpeechTokens,
        clock: Clock,
        places: SubmitPlaces,
        token_seconds: float,
        use_seconds: float,
    ) -> None:
        """`token_seconds` is how long the vendor may take, and then the table as long again;
        `use_seconds` is what a token must then have left."""
        self._jobs = jobs
        self._work = work
        self._tokens = tokens
        self._clock = clock
        self._places = places
        self._token_seconds = token_seconds
        self._use_seconds = use_seconds

    def buy(self, new: NewSession, idempotency_key: str | None) -> Sold:
        """A block for the user, or the one that the key stands for while its token opens a session.

        Raises what `Jobs.begin` raises, `VendorTokensOff`, `TooManyJobs` and `ProviderSaturated`
        before anything is written. Raises, naming the job: `ProviderBusy` and `ProviderUnavailable`
        (released: no token came that anybody could use), `OutcomeUnknown` where it cannot be
        learned now whether it is charged, and `BlockEnded` for a key whose token is over."""
        request = JobRequest(
            actor=new.principal,
            operation=LIVE_BLOCK,
            route=ROUTE,
            fingerprint=new.fingerprint,
            body=new.body,
            body_facts=new.body.facts,
            idempotency_key=idempotency_key,
            request_id=new.request_id,
        )
        place = partial(self._places.place, request.payer, self._work.provider)
        done = self._jobs.begin(request, place, partial(self._sold, new))
        if isinstance(done, Submission):
            return self._handed_out(new, done.job, done.remaining, replayed=done.replayed)
        return done

    def _sold(self, new: NewSession, begun: Begun) -> Sold:
        job, requested_at = begun.held.job, self._clock.now()
        token = self._token(job)
        if isinstance(token, Rejected):
            raise self._declined(job, failure_of(token.reason))
        expires_at = requested_at + token.redeem_seconds * 1000
        verdict = self._work.sold(job, token, expires_at)
        if verdict is None or not self._is_of_use(expires_at):
            log.error("token_of_no_use", job_id=job.job_id, is_too_long=verdict is None)
            raise self._declined(job, Failure.PROVIDER_UNAVAILABLE)
        charged = self._charged(job, verdict)
        return self._handed_out(new, charged, begun.held.remaining, replayed=False)

    def _is_of_use(self, expires_at: int) -> bool:
        """Whether it still opens a session after all the time that its charge may take."""
        left = expires_at - self._clock.now()
        return left > (self._token_seconds + self._use_seconds) * 1000

    def _token(self, job: Job) -> SpeechToken | Rejected:
        """Without a response there is no token that anybody has, and a vendor bills sessions alone:
        nothing was delivered, whatever became of the request."""
        request = TokenRequest(job.job_id, self._work.redeem_seconds, self._work.block_seconds)
        try:
            return self._tokens.issue(request, self._clock.monotonic() + self._token_seconds)
        except Exception:
            log.exception("token_request_broke", job_id=job.job_id)
            return Rejected(RejectionReason.UNAVAILABLE)

    def _declined(self, job: Job, failure: str) -> FareboxError:
        """The refusal; where it cannot be stored now, the worker returns the credits."""
        try:
            declined = self._jobs.decline(job, failure)
        except (Unavailable, RateLimited) as error:
            log.warning("block_not_released", job_id=job.job_id, reason=error.code)
            return _unknown(job)
        text = BLOCK_FAILURES.get(declined.failure or failure)
        error_type = (text.error if text else None) or ProviderUnavailable
        return error_type(details={"jobId": declined.job_id}, location=declined.location)

    def _charged(self, job: Job, verdict: Verdict) -> Job:
        """Never later than its token is of use, so long before the hard limit. Raises
        `OutcomeUnknown`."""
        until = self._clock.monotonic() + self._token_seconds
        while True:
            try:
                return self._jobs.conclude(job, verdict)
            except (Unavailable, RateLimited) as error:
                log.warning("block_not_charged", job_id=job.job_id, reason=error.code)
            if self._clock.monotonic() + PAUSE_SECONDS >= until:
                raise _unknown(job)
            self._clock.sleep(PAUSE_SECONDS)

    def _handed_out(self, new: NewSession, job: Job, remaining: Amount, *, replayed: bool) -> Sold:
        """Raises `OutcomeUnknown` while another request is at it, and `BlockEnded`."""
        if job.is_open:
            raise _unknown(job)
        found = self._work.token_of(job) if job.status is JobStatus.SUCCEEDED else None
        if found is None:
            raise BlockEnded(details={"jobId": job.job_id}, location=job.location)
        token, expires_at = found
        body = new.body
        address = self._tokens.address(body.sample_rate, body.encoding, body.language)
        seconds = int(str(job.payload["seconds"]))
        return Sold(job, token, expires_at, address, seconds, remaining, replayed)


def _unknown(job: Job) -> OutcomeUnknown:
    return OutcomeUnknown(details={"jobId": job.job_id}, location=job.location)
