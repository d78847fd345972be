"""A kind of work that costs less than it holds: a number of words, charged by the word."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from marshmallow import fields

from service.catalog.pricing import Counter, Metered, Price, Rate, Terms
from service.core.amounts import parse_micros
from service.core.errors import InvalidRequest
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.entities import Failure, Job, ProviderCost
from service.jobs.schemas import JobFields
from service.jobs.work import (
    Charge,
    Estimate,
    Facts,
    FailureText,
    NotKept,
    Operations,
    RequestForm,
    estimate_by,
    price_of,
)
from service.providers.base import (
    Accepted,
    CallbackEvent,
    Created,
    Found,
    NotFound,
    RejectionReason,
    Task,
    TaskLookup,
    TaskStatus,
)
from service.web.schemas import StrictSchema

BY_THE_WORD = Metered({Rate.OUTPUT: parse_micros("1000000")})
MICROS_A_WORD = 70


class TooManyWords(InvalidRequest):
    code = "TOO_MANY_WORDS"
    summary = "That is more than the toy can say."


class WordsSchema(JobFields):
    """A job of the toy."""

    words = fields.String(allow_none=True)


class WordsRequestSchema(StrictSchema):
    """How many words may be said."""

    words = fields.Integer(required=True)


FORM = RequestForm(
    schema=WordsRequestSchema,
    read=lambda principal, body: body["words"],
    errors=(),
    example={"words": 3},
    max_body_bytes=64,
)


@dataclass
class Words:
    """The work, and the provider that does it. `said` is how many words each job's task said; None
    stands for one that failed."""

    operation: str = "toy:words"
    form: RequestForm = FORM
    provider: str = "toy"
    submit_seconds: float = 1.0
    schema: type[JobFields] = WordsSchema
    failures: Mapping[str, FailureText] = field(
        default_factory=lambda: {Failure.GENERATION_FAILED: FailureText("The toy is broken.")}
    )
    said: dict[str, int | None] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    slowly: bool = False
    not_kept: NotKept | None = None
    price: Terms = BY_THE_WORD

    def validate(self, body: int) -> None:
        if body > 100:
            raise TooManyWords

    def estimate(self, body: int) -> Estimate:
        return estimate_by(Price(self.operation, self.price), {Counter.OUTPUT_TOKENS: body})

    def payload(self, body: int) -> Facts:
        return {"maxWords": body}

    def submit(self, job: Job, body: int, callback_url: str | None, until: float) -> Created:
        self.taken.append(job.job_id)
        return Accepted(Task(job.job_id, TaskStatus.RUNNING))

    def fetch_task(self, job: Job) -> TaskLookup:
        if job.job_id not in self.taken:
            return NotFound()
        if job.job_id not in self.said:
            return Found(Task(job.job_id, TaskStatus.RUNNING))
        count = self.said[job.job_id]
        if count is None:
            return Found(Task(job.job_id, TaskStatus.FAILED))
        return Found(Task(job.job_id, TaskStatus.SUCCEEDED, {"words": count}))

    def judge(self, task: Task) -> Facts | None:
        return {"words": "word " * min(int(str(task.facts["words"])), 20)}

    def is_kept_slowly(self, job: Job) -> bool:
        return self.slowly

    def keep(self, job: Job, task: Task, result: Facts) -> Facts:
        self.kept.append(job.job_id)
        if self.not_kept is not None:
            raise self.not_kept
        return result

    def charge(self, job: Job, task: Task) -> Charge:
        words = int(str(task.facts["words"]))
        cost = ProviderCost(words * MICROS_A_WORD, "USD")
        amount = price_of(job).terms.cost({Counter.OUTPUT_TOKENS: words})
        return Charge(amount, {"words": words}, cost)

    def charge_by_own_count(self, job: Job, task: Task) -> Charge:
        return Charge(0)

    def payload_faults(self, payload: Facts) -> Iterable[str]:
        return () if set(payload) == {"maxWords"} else ("its payload is not the toy's",)

    def result_faults(self, result: Facts) -> Iterable[str]:
        return () if set(result) == {"words"} else ("its result is not the toy's",)

    def render(self, job: Job) -> Mapping[str, object]:
        return {"words": (job.result or {}).get("words")}

    def failure_of(self, reason: RejectionReason) -> str:
        return Failure.PROVIDER_UNAVAILABLE

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None:
        return None


def build(core: Core, parts: Parts) -> Feature:
    words = Words()
    parts.get(Operations).register(words)
    return Feature(operations={Words: words})


TOY = Declaration(name="toy work", build=build)
