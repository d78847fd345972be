"""What the rules say of a call, from the vendor's own books, what arrived, and who ended it.
Written from the protocol, not from the service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.core.amounts import Amount

# Credits for a million tokens, in halves: gpt-4.1-mini in service/catalog/prices.json.
_INPUT, _CACHED, _WRITTEN, _OUTPUT = 4, 1, 4, 16
_BYTES_PER_TOKEN = 4
COMPLETE = ("response.completed", "response.incomplete")


@dataclass(frozen=True)
class Call:
    """One call as the world saw it. `ended_by` is what we did: `cancelled`, `drained`, `late` (our
    own time limit), `lost` (its process died before anything was stored), or nothing. `last` is the
    type of the last event that arrived, `text` what was written until then."""

    ended_by: str
    last: str
    text: str
    max_input: int
    max_output: int
    book: Mapping[str, Any] | None


@dataclass(frozen=True)
class Expected:
    """What it is charged, whether it succeeds, and the house loss (None: none, or unknown)."""

    captured: Amount
    succeeds: bool
    loss: Amount | None = None


def expected(call: Call) -> Expected:
    is_complete = call.last in COMPLETE
    if call.ended_by == "lost":
        return Expected(0, succeeds=False)
    if not call.text:
        return Expected(0, succeeds=False, loss=_loss_without_output(call, is_complete))
    own_count = _price(call.max_input, 0, 0, _own_output(call))
    if is_complete:
        return Expected(_reported_price(call) or own_count, succeeds=True)
    if call.ended_by:
        return Expected(own_count, succeeds=True)
    return Expected(0, succeeds=False, loss=own_count)


def _loss_without_output(call: Call, is_complete: bool) -> Amount | None:
    if call.ended_by == "cancelled" and not is_complete:
        return _price(call.max_input, 0, 0, 0)
    return _reported_price(call) if is_complete else None


def _own_output(call: Call) -> int:
    return min(len(call.text.encode()) // _BYTES_PER_TOKEN, call.max_output)


def _reported_price(call: Call) -> Amount | None:
    """None where the report cannot be: then our own count decides."""
    usage = call.book["reported_usage"] if call.book else None
    if usage is None:
        return None
    given, written = usage.get("input_tokens"), usage.get("output_tokens")
    cached = usage["input_tokens_details"]["cached_tokens"]
    kept = usage["input_tokens_details"]["cache_write_tokens"]
    hidden = usage["output_tokens_details"]["reasoning_tokens"]
    counts = (given, written, cached, kept, hidden)
    if any(type(each) is not int or each < 0 for each in counts) or not given or not written:
        return None
    if given > call.max_input or written > call.max_output:
        return None
    if cached + kept > given or hidden > written or usage["total_tokens"] != given + written:
        return None
    return _price(given - cached - kept, cached, kept, written)


def _price(fresh: int, cached: int, kept: int, written: int) -> Amount:
    """In thousandths, rounded up, at least one."""
    halves = _INPUT * fresh + _CACHED * cached + _WRITTEN * kept + _OUTPUT * written
    return max(1, -(-halves // 2000))
