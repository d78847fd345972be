"""What Converse returns, whole and as a stream: `messageStop` says why it ended, and `metadata`,
after it, what it cost."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from devstack.simulators.bedrock.errors import event_error
from devstack.simulators.bedrock.event_stream import event, exception
from devstack.simulators.bedrock.requests import ConverseRequest
from devstack.simulators.language.model import Plan, words_of
from devstack.simulators.language.scripts import Script

BLOCKED = "Sorry, the model cannot help with this request."

_REASONS = {
    "stop": "end_turn",
    "refusal": "end_turn",
    "length": "max_tokens",
    "content": "content_filtered",
    "blocked-input": "guardrail_intervened",
    "blocked-output": "guardrail_intervened",
}


@dataclass(frozen=True)
class Talk:
    """One conversation's next message, as it is being made. `shown` is what is sent of it: a
    guardrail replaces what the model wrote."""

    request: ConverseRequest
    script: Script
    plan: Plan
    shown: Plan

    @property
    def state(self) -> str:
        return "failed" if self.script.failure and self.plan.end != "length" else "completed"

    @property
    def reason(self) -> str:
        return _REASONS.get(self.plan.end, "end_turn")


def talk(request: ConverseRequest, script: Script, planned: Plan) -> Talk:
    """Applies the guardrail, if the request has one and the script says that it intervenes. A
    blocked input is not read by the model."""
    if not request.guarded or planned.end not in ("blocked-input", "blocked-output"):
        end = planned.end if not planned.end.startswith("blocked") else "stop"
        planned = replace(planned, end=end)
        return Talk(request, script, planned, planned)
    pieces = tuple(words_of(BLOCKED))
    if planned.end == "blocked-input":
        planned = Plan(0, 0, 0, 0, (), planned.end)
    return Talk(request, script, planned, replace(planned, pieces=pieces))


def usage_of(talk: Talk) -> dict[str, object]:
    """What is reported: the truth, or what the script says instead. Tokens of the cache are outside
    of the input. Usage is a required field: a script without any leaves it empty."""
    if talk.script.usage is None:
        return {}
    plan = talk.plan
    true: dict[str, object] = {
        "inputTokens": plan.input_tokens - plan.cached_tokens - plan.cache_write_tokens,
        "outputTokens": plan.output_tokens,
        "totalTokens": plan.input_tokens + plan.output_tokens,
        "cacheReadInputTokens": plan.cached_tokens,
        "cacheWriteInputTokens": plan.cache_write_tokens,
    }
    return true | dict(talk.script.usage)


def whole(talk: Talk) -> dict[str, object]:
    """The response of `Converse`."""
    message = {"role": "assistant", "content": [{"text": talk.shown.text}]}
    return {
        "output": {"message": message},
        "stopReason": talk.reason,
        "usage": usage_of(talk),
        "metrics": {"latencyMs": 1},
    }


def events(talk: Talk, tokens: Iterable[str], error: str | None, late: bool) -> Iterator[bytes]:
    """The stream of `ConverseStream`. `error` is the name of an exception that ends it: as its
    first event, or `late`, where the tokens end."""
    if error is not None and not late:
        yield _exception(error)
        return
    yield event("messageStart", {"role": "assistant"})
    for token in tokens:
        delta: Mapping[str, object] = {"contentBlockIndex": 0, "delta": {"text": token}}
        yield event("contentBlockDelta", delta)
    if error is not None or talk.state == "failed":
        yield _exception(error or talk.script.failure)
        return
    yield event("contentBlockStop", {"contentBlockIndex": 0})
    yield event("messageStop", {"stopReason": talk.reason})
    yield event("metadata", {"usage": usage_of(talk), "metrics": {"latencyMs": 1}})


def _exception(code: str) -> bytes:
    error = event_error(code)
    return exception(error.name, str(error))
