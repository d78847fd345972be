"""Text as a kind of work, one for each model: what a call may cost, and what it did.

In a file of its own because `jobs` calls it, while the routes call `operations`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from service.catalog.operations import Catalog
from service.catalog.pricing import Counter, Price, Usage
from service.core.amounts import Amount
from service.core.principal import Principal
from service.jobs.entities import Job, ProviderCost
from service.jobs.work import Charge, Estimate, Facts, RequestForm, Verdict, estimate_by, price_of
from service.ledger.movements import too_few
from service.providers.generation import Role
from service.text.checks import payload_faults, result_faults
from service.text.entities import (
    FAILURES,
    FRAMING_TOKENS,
    MaxTokensTooLow,
    PromptTooLong,
    PromptUnusable,
    SamplingNotSupported,
    TextBody,
    UnknownModel,
    input_bound,
)
from service.text.models import TextModel
from service.text.schemas import TextJobSchema, TextRequestSchema, body_of
from service.text.stored import COUNTERS, Texts
from service.text.verdicts import REASONING_TOKENS, Bounds, TextVerdict

MAX_BODY_BYTES = 512 * 1024
MAX_FAULT_CHARACTERS = 40

CountInput = Callable[[TextBody], int | None]


def text_form() -> RequestForm:
    """The body of the route."""

    def read(principal: Principal, fields: Mapping[str, Any]) -> TextBody:
        del principal
        return body_of(fields)

    return RequestForm(
        schema=TextRequestSchema,
        read=read,
        errors=(UnknownModel, PromptUnusable, PromptTooLong, MaxTokensTooLow),
        example={"prompt": "Describe a lighthouse in one sentence.", "maxTokens": 200},
        max_body_bytes=MAX_BODY_BYTES,
    )


class TextGeneration:
    """See `service.jobs.work.Call` for what its methods promise."""

    schema = TextJobSchema
    failures = FAILURES

    def __init__(
        self,
        model: TextModel,
        form: RequestForm,
        catalog: Catalog,
        texts: Texts,
        count_input: CountInput,
        limit_seconds: float,
        grace_seconds: float,
    ) -> None:
        """`count_input` is the vendor's own count of a prompt, None where it does not say."""
        self.model = model
        self.operation = model.operation
        self.provider = model.provider
        self.form = form
        self.limit_seconds = limit_seconds
        self.grace_seconds = grace_seconds
        self.is_cancellable = not model.hides_reasoning
        self._catalog = catalog
        self._texts = texts
        self._count_input = count_input

    def validate(self, body: TextBody) -> None:
        """What every vendor would refuse. Raises `UnknownModel` for another model's name,
        `PromptUnusable` for a conversation that no user begins, `MaxTokensTooLow` for what leaves
        no room for a word, `SamplingNotSupported`, and `PromptTooLong` for what surely does not
        fit: a token is rarely less than a byte, but often more, so the vendor has the last word."""
        if body.model not in (None, self.model.name):
            raise UnknownModel(details={"knownModels": [self.model.name]})
        said = [each.role for each in body.messages if each.role is not Role.SYSTEM]
        if not said or said[0] is not Role.USER:
            raise PromptUnusable("But for those of the system, the first message is the user's.")
        if body.max_tokens is not None and body.max_tokens < self.model.min_output_tokens:
            raise MaxTokensTooLow(details={"minimum": self.model.min_output_tokens})
        self._check_sampling(body)
        characters = sum(len(each.text) for each in body.messages)
        fewest = characters // (4 * self.model.bytes_per_token)
        if fewest + (body.max_tokens or self.model.min_output_tokens) > self.model.context_tokens:
            raise PromptTooLong
        if (body.max_tokens or 0) > self.model.max_output_tokens:
            raise PromptTooLong

    def _check_sampling(self, body: TextBody) -> None:
        maximum = self.model.max_temperature
        if body.temperature is not None and (maximum is None or body.temperature > maximum):
            raise SamplingNotSupported(details={"param": "temperature", "maximum": maximum})
        if body.top_p is not None and maximum is None:
            raise SamplingNotSupported(details={"param": "top_p", "maximum": None})

    def estimate(self, body: TextBody) -> Estimate:
        """Raises `PriceNotFound` or `PricesUnavailable`."""
        return estimate_by(self._price(), _limits(self._whole(body)))

    def fitted(self, body: TextBody, affordable: Amount) -> TextBody:
        """Without `maxTokens`, the response is as long as is usual, or as the balance affords, but
        never shorter than is useful. Raises `InsufficientCredits`, and what `estimate` raises."""
        price = self._price()
        whole = self._whole(body)
        if self._cost(price, whole) > affordable:
            whole = self._counted(whole)
        if body.max_tokens is None and self._cost(price, whole) > affordable:
            whole = self._limited(price, whole, affordable)
        cost = self._cost(price, whole)
        if cost > affordable:
            raise too_few(cost, affordable)
        return whole

    def payload(self, body: TextBody) -> Facts:
        whole = self._whole(body)
        return {
            "model": self.model.name,
            "maxTokens": whole.output_tokens,
            "inputTokens": whole.input_tokens,
            "limited": whole.is_limited,
        }

    def bounds(self, job: Job) -> Bounds:
        """What the job's call is held to."""
        payload: Any = job.payload
        return Bounds(payload["inputTokens"], payload["maxTokens"], self.model.bytes_per_token)

    def verdict(self, job: Job) -> Verdict | None:
        """Raises what the store of results raises."""
        found = self._texts.verdict(job)
        return self.judged(job, found) if found else None

    def judged(self, job: Job, verdict: TextVerdict) -> Verdict:
        """What such an end of a call means for its job."""
        usage = {str(counter): verdict.usage.get(counter, 0) for counter in COUNTERS}
        amount = price_of(job).terms.cost(usage, is_complete=not verdict.is_partial)
        shown = usage | {REASONING_TOKENS: verdict.usage.get(REASONING_TOKENS, 0)}
        charge = Charge(amount, {name: count for name, count in shown.items() if count})
        if not verdict.estimated:
            charge = replace(charge, provider_cost=self._provider_cost(usage))
        result: Facts = {
            "finishReason": verdict.finish_reason,
            "estimated": verdict.estimated,
            "partial": verdict.is_partial,
        }
        return Verdict(charge, result, verdict.failure, verdict.fault[:MAX_FAULT_CHARACTERS])

    def payload_faults(self, payload: Facts) -> Iterable[str]:
        return payload_faults(payload)

    def result_faults(self, result: Facts) -> Iterable[str]:
        return result_faults(result)

    def render(self, job: Job) -> Mapping[str, object]:
        payload: Any = job.payload
        result: Any = job.result or {}
        return {
            "model": payload.get("model", self.model.name),
            "maxTokens": payload.get("maxTokens", 0),
            "limitedByBalance": bool(payload.get("limited", False)),
            "finishReason": result.get("finishReason"),
            "partial": bool(result.get("partial", False)),
            "estimated": bool(result.get("estimated", False)),
        }

    def content(self, job: Job) -> Mapping[str, object]:
        """The text, once there is one. Raises what the store of results raises."""
        found = self._texts.read(job) if job.result else None
        return {"text": found.text if found else None}

    def _price(self) -> Price:
        return self._catalog.quote(self.operation)

    def _whole(self, body: TextBody) -> TextBody:
        """With what it leaves open as usual, unless that has been chosen."""
        return replace(
            body,
            output_tokens=body.output_tokens or body.max_tokens or self.model.default_output_tokens,
            input_tokens=body.input_tokens or input_bound(body.messages),
        )

    def _counted(self, body: TextBody) -> TextBody:
        """With the vendor's own count of the input, where that is less than our bound."""
        count = self._count_input(body)
        if count is None or count <= 0:
            return body
        return replace(body, input_tokens=min(body.input_tokens, count + FRAMING_TOKENS))

    def _limited(self, price: Price, body: TextBody, affordable: Amount) -> TextBody:
        """With as much output as the balance affords, found by halving: the cost grows with it."""
        low, high = self.model.min_output_tokens, body.output_tokens
        while low < high:
            middle = (low + high + 1) // 2
            if self._cost(price, replace(body, output_tokens=middle)) <= affordable:
                low = middle
            else:
                high = middle - 1
        return replace(body, output_tokens=low, is_limited=True)

    def _cost(self, price: Price, body: TextBody) -> Amount:
        return price.terms.bound(_limits(body))

    def _provider_cost(self, usage: Usage) -> ProviderCost | None:
        cost = self._catalog.provider_cost(self.operation, self.model.model_id, usage)
        return ProviderCost(cost.micros, cost.currency) if cost else None


def _limits(body: TextBody) -> Usage:
    """The counters that are parts of the input are within its limit."""
    return {Counter.INPUT_TOKENS: body.input_tokens, Counter.OUTPUT_TOKENS: body.output_tokens}
