"""What can be requested, what may be wrong with a request for it, and the record of a price."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from service.catalog.pricing import Price, Rates, Terms
from service.core.amounts import Micros
from service.core.errors import Conflict, InvalidRequest, NotFound, Unavailable

IMAGE_TO_VIDEO = "kling:image2video"
TRANSCRIPTION = "assemblyai:transcription"
LIVE_TRANSCRIPTION = "assemblyai:live"
LIVE_BLOCK = "assemblyai:live-block"
MAX_PROMPT = 2500
MAX_REASON = 150


class UnknownPromptKey(InvalidRequest):
    """Names the known keys, so that the caller can choose one."""

    code = "UNKNOWN_PROMPT_KEY"
    summary = "There is no prompt with this key."
    details_example: ClassVar[Mapping[str, object]] = {
        "knownPromptKeys": ["foo_prompt", "slow_zoom"]
    }


class PriceNotFound(NotFound):
    """Work without a price is refused: nothing is free by omission."""

    code = "PRICE_NOT_FOUND"
    summary = "This operation has no price."
    details_example: ClassVar[Mapping[str, object]] = {"operation": IMAGE_TO_VIDEO}
    advice = "Operations are named `provider:operation`, as `operation` in a job."


class PricesUnavailable(Unavailable):
    """This process has not read the prices for so long that another may be in effect, or what it
    read was not written by this service."""

    code = "PRICES_UNAVAILABLE"
    summary = "Prices cannot be read right now. Nothing was charged; try again shortly."
    retry_after = 5


class PriceUnusable(InvalidRequest):
    """Terms that break a rule. The message says which."""

    code = "PRICE_UNUSABLE"
    summary = "The operation cannot be priced like this."


class PriceTooSoon(InvalidRequest):
    """Every process must know a price before it takes effect."""

    code = "PRICE_TOO_SOON"
    summary = "A price must be scheduled further ahead."
    details_example: ClassVar[Mapping[str, object]] = {
        "earliestEffectiveAt": "2026-11-21T09:05:00.000Z"
    }


class PriceTooFar(InvalidRequest):
    code = "PRICE_TOO_FAR"
    summary = "A price must take effect within 366 days."


class PriceConflict(Conflict):
    code = "PRICE_CONFLICT"
    summary = "A price of this operation already takes, or was to take, effect at this time."


class PricesFull(Conflict):
    code = "PRICES_FULL"
    summary = "Too many prices of this operation are scheduled already."
    details_example: ClassVar[Mapping[str, object]] = {"limit": 10}


class PriceNotPending(Conflict):
    """A price in effect, or about to be, stays as it is: jobs have been quoted it."""

    code = "PRICE_NOT_PENDING"
    summary = "This price is cancelled already, in effect, or too close to it to be cancelled."


@dataclass(frozen=True)
class Prompt:
    """A reviewed text that a client requests by its key."""

    key: str
    text: str


@dataclass(frozen=True)
class PricedOperation:
    """An operation that this release knows: what its usage counts, and its price unless another is
    scheduled (None: it has none)."""

    name: str
    counters: frozenset[str]
    default: Terms | None = None


@dataclass(frozen=True)
class Cost:
    """What a provider bills us, in millionths of the currency's unit."""

    micros: Micros
    currency: str


@dataclass(frozen=True)
class ProviderRates:
    """What a provider bills for an operation: for each model by usage, and for one of the
    provider's own units where it reports how many a task took (None: it does not)."""

    currency: str
    models: Mapping[str, Rates]
    unit: Micros | None = None


@dataclass(frozen=True)
class PriceRecord:
    """One price in the history of its operation: who scheduled it and why, and who cancelled it.
    `mac` is its seal."""

    price: Price
    scheduled_at: int
    scheduled_by: str
    reason: str
    cancelled_at: int | None = None
    cancelled_by: str = ""
    cancel_reason: str = ""
    mac: str = field(default="", compare=False)


@dataclass(frozen=True)
class NewPrice:
    """A price to be scheduled, by whom and why."""

    price: Price
    operator_id: str
    reason: str


@dataclass(frozen=True)
class PriceCancellation:
    """Which price is to be taken back, by whom and why."""

    operation: str
    effective_at: int
    operator_id: str
    reason: str


def unknown_prompt(known: Iterable[str]) -> UnknownPromptKey:
    return UnknownPromptKey(details={"knownPromptKeys": sorted(known)})
