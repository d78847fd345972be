"""Making one call and bringing its job to an end: read, judge, store, settle.

In a file of its own because it runs in a thread that no request waits for."""

from collections.abc import Callable

import structlog

from service.core.clock import Clock
from service.core.errors import FareboxError, RateLimited, Unavailable
from service.jobs.entities import Job
from service.jobs.operations import Jobs
from service.providers.generation import (
    BrokenOff,
    Complete,
    GenerationEvent,
    GenerationRequest,
    Output,
    Refused,
    TextProvider,
    VendorFault,
)
from service.text.entities import TextBody
from service.text.runs import Run
from service.text.stored import StoredText, Texts
from service.text.verdicts import Stop, TextVerdict, failure_without_output, loss_of, verdict_of
from service.text.work import TextGeneration

log = structlog.get_logger()

SETTLE_PAUSE_SECONDS = 1.0


class Caller:
    """Makes the calls of one model."""

    def __init__(
        self,
        work: TextGeneration,
        provider: TextProvider,
        jobs: Jobs,
        texts: Texts,
        clock: Clock,
    ) -> None:
        self.operation = work.operation
        self.model = work.model
        self._work = work
        self._provider = provider
        self._jobs = jobs
        self._texts = texts
        self._clock = clock

    def call(self, run: Run, body: TextBody) -> Job:
        """Makes the call, once, reads it to its end and settles its job; returns it as stored, open
        where it cannot be settled now: then the worker does, by what is stored."""
        last = self._last_event(run, body)
        text = run.text
        # Judged once: what ends it while it is being settled changes nothing.
        if not text:
            failure = failure_without_output(last, run.stop)
            loss = loss_of(last, failure, self._work.bounds(run.job))
            return self._until_settled(
                run.job, lambda: self._without_output(run.job, failure, loss)
            )
        verdict = verdict_of(last, run.stop, text, self._work.bounds(run.job))
        return self._until_settled(run.job, lambda: self._stored(run.job, body, text, verdict))

    def _last_event(self, run: Run, body: TextBody) -> GenerationEvent | None:
        """The call's last event; None where we ended it ourselves."""
        request = GenerationRequest(
            run.job.job_id,
            self._work.model.model_id,
            body.messages,
            body.output_tokens,
            run.until,
            body.temperature,
            body.top_p,
        )
        try:
            return self._read(run, request)
        except OverflowError:
            run.end(Stop.LIMIT)
            return None
        except Exception:
            log.exception("text_call_broke", job_id=run.job.job_id)
            return BrokenOff(VendorFault.CONNECTION_CUT)

    def _read(self, run: Run, request: GenerationRequest) -> GenerationEvent | None:
        with self._provider.generate(request) as generation:
            if not run.attach(generation):
                return None
            for event in generation:
                match event:
                    case Output(text):
                        run.add(text)
                    case Complete() | Refused() | BrokenOff():
                        return event
        return None if run.stop else BrokenOff(VendorFault.CONNECTION_CUT)

    def _without_output(self, job: Job, failure: str, loss: TextVerdict | None) -> Job:
        """What the vendor bills all the same is a loss of the house."""
        if loss is None:
            return self._jobs.decline(job, failure)
        return self._jobs.conclude(job, self._work.judged(job, loss))

    def _stored(self, job: Job, body: TextBody, text: str, verdict: TextVerdict) -> Job:
        """The result comes first: a capture makes it visible, and whoever settles later finds it.
        Both may be repeated."""
        stored = StoredText(self._work.model.name, body.messages, text)
        verdict = self._texts.store(job, stored, verdict)
        return self._jobs.conclude(job, self._work.judged(job, verdict))

    def _until_settled(self, job: Job, settle: Callable[[], Job]) -> Job:
        """Tries until the job's hard limit: from then on anybody may settle it."""
        while True:
            try:
                return settle()
            except (Unavailable, RateLimited) as error:
                log.warning("text_not_settled", job_id=job.job_id, reason=error.code)
            except FareboxError as error:
                log.error("text_not_settled", job_id=job.job_id, reason=error.code)
                return job
            except Exception:
                log.exception("text_not_settled", job_id=job.job_id)
                return job
            if self._clock.now() + SETTLE_PAUSE_SECONDS * 1000 >= job.hard_at:
                return job
            self._clock.sleep(SETTLE_PAUSE_SECONDS)
