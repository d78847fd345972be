"""What a text is called in OpenAI's words, and what may be refused besides. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from service.catalog.pricing import Counter
from service.core.errors import BadGateway, NotFound
from service.jobs.entities import Job
from service.ledger.entities import EXAMPLE_JOB
from service.providers.generation import FinishReason
from service.text.entities import TextBody
from service.text.verdicts import REASONING_TOKENS

_JOB_PREFIX = "job_"


class ModelNotFound(NotFound):
    code = "MODEL_NOT_FOUND"
    summary = "There is no such model. GET /v1/models lists what there is."
    details_example: ClassVar[Mapping[str, object]] = {"param": "model"}

    def __init__(self) -> None:
        super().__init__(details={"param": "model"})


class TextFailed(BadGateway):
    """`details.reason` is the error code of the job."""

    code = "TEXT_FAILED"
    summary = "The text was not written. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = {**EXAMPLE_JOB, "reason": "INTERRUPTED"}
    advice = "Send the request again, with another `Idempotency-Key` if you sent one."


@dataclass(frozen=True)
class TextWish:
    """What a client requests through `route`. `user` is the `user` of the body (None: there is
    none), which names for whom a back end acts; `is_retry`: its library has sent it before."""

    route: str
    body: TextBody
    user: str | None
    idempotency_key: str | None
    request_id: str
    is_retry: bool


@dataclass(frozen=True)
class Written:
    """A text that was written, and its job."""

    job: Job
    text: str

    @property
    def finish_reason(self) -> str:
        """`content`, `length`, `stop`; a text whose user ended it was cut short too."""
        result: Any = self.job.result or {}
        given = str(result.get("finishReason", FinishReason.STOP))
        if given in (FinishReason.CONTENT, FinishReason.LENGTH):
            return given
        return FinishReason.LENGTH if result.get("partial") else FinishReason.STOP

    @property
    def cached_tokens(self) -> int:
        return self._count(Counter.CACHED_TOKENS)

    @property
    def cache_write_tokens(self) -> int:
        return self._count(Counter.CACHE_WRITE_TOKENS)

    @property
    def input_tokens(self) -> int:
        """With those of the cache, which are parts of it in OpenAI's sums."""
        return self._count(Counter.INPUT_TOKENS) + self.cached_tokens + self.cache_write_tokens

    @property
    def output_tokens(self) -> int:
        return self._count(Counter.OUTPUT_TOKENS)

    @property
    def reasoning_tokens(self) -> int:
        """A part of the output, as far as its vendor says so."""
        return self._count(REASONING_TOKENS)

    def _count(self, counter: str) -> int:
        return self.job.usage.get(str(counter), 0)


def id_of(prefix: str, job: Job) -> str:
    """The id of a job under another prefix: whoever has it can follow the job."""
    return prefix + job.job_id.removeprefix(_JOB_PREFIX)


def model_of(job: Job) -> str:
    payload: Any = job.payload
    return str(payload.get("model", ""))


def max_tokens_of(job: Job) -> int:
    payload: Any = job.payload
    return int(payload.get("maxTokens", 0))
