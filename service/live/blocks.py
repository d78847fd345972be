"""A block of live transcription as a kind of work: a length of time with a token of the vendor's,
sold whole. Its holder speaks to the vendor itself, so what it uses of the block is not known to us.

In a file of its own because `jobs` calls it, while the routes call `block_sales`."""

from collections.abc import Iterable, Mapping
from typing import Any

from service.catalog.entities import LIVE_BLOCK
from service.catalog.operations import Catalog
from service.catalog.pricing import Counter
from service.core.amounts import Amount
from service.core.clock import Clock, iso
from service.core.token_cipher import TokenCipher
from service.jobs.entities import MAX_RESULT_BYTES, Job, ProviderCost
from service.jobs.work import (
    LIVE_UNTIL,
    Charge,
    Estimate,
    Facts,
    RequestForm,
    Verdict,
    estimate_by,
)
from service.ledger.movements import too_few
from service.live.checks import block_payload_faults, block_result_faults
from service.live.entities import BLOCK_FAILURES, LiveBody, VendorTokensOff
from service.live.schemas import LiveBlockJobSchema
from service.live.work import LIVE_FORM
from service.providers.speech import SpeechToken

# Whichever model the holder chooses: its address is its own.
ANY_MODEL = "any"

BLOCK_FORM = RequestForm(
    schema=LIVE_FORM.schema,
    read=LIVE_FORM.read,
    errors=(*LIVE_FORM.errors, VendorTokensOff),
    example=LIVE_FORM.example,
    max_body_bytes=LIVE_FORM.max_body_bytes,
)


class LiveBlocks:
    """See `service.jobs.work.Call` for what its methods promise.

    Its hard limit is the end of the last session that its token can open, so that the wallet, which
    lists hard limits, knows until when its user has a block. Until then only the request that made
    the hold may settle it, and it hands out the token only once it is charged: a block that is open
    at its hard limit has a token that no one ever received."""

    operation = LIVE_BLOCK
    form = BLOCK_FORM
    schema = LiveBlockJobSchema
    failures = BLOCK_FAILURES
    is_cancellable = False

    def __init__(
        self,
        catalog: Catalog,
        provider: str,
        cipher: TokenCipher,
        clock: Clock,
        block_seconds: int,
        redeem_seconds: int,
        grace_seconds: float,
        *,
        is_offered: bool,
    ) -> None:
        """`grace_seconds` is how long its token may take to be issued and charged."""
        self.provider = provider
        self.block_seconds = block_seconds
        self.redeem_seconds = redeem_seconds
        self.limit_seconds = float(block_seconds + redeem_seconds)
        self.grace_seconds = grace_seconds
        self._catalog = catalog
        self._cipher = cipher
        self._clock = clock
        self._is_offered = is_offered

    def validate(self, body: LiveBody) -> None:
        """Raises `VendorTokensOff`."""
        del body
        if not self._is_offered:
            raise VendorTokensOff

    def estimate(self, body: LiveBody) -> Estimate:
        """The price of the block. Raises `PriceNotFound` or `PricesUnavailable`."""
        del body
        return estimate_by(self._catalog.quote(self.operation), self._usage)

    def fitted(self, body: LiveBody, affordable: Amount) -> LiveBody:
        """Leaves nothing open. Raises `InsufficientCredits`, and what `estimate` raises."""
        cost = self.estimate(body).amount
        if cost > affordable:
            raise too_few(cost, affordable)
        return body

    def payload(self, body: LiveBody) -> Facts:
        return {
            "sampleRate": body.sample_rate,
            "encoding": body.encoding.value,
            "language": body.language,
            "seconds": self.block_seconds,
        }

    def verdict(self, job: Job) -> Verdict | None:
        """None: what is not charged by its hard limit, no one has received."""
        del job
        return None

    def sold(self, job: Job, token: SpeechToken, expires_at: int) -> Verdict | None:
        """The whole block is charged, in the transaction that stores its token. None for a token
        that is too long to be stored."""
        seconds = int(str(job.payload["seconds"]))
        usage = {Counter.MILLISECONDS.value: seconds * 1000}
        sealed = self._cipher.seal([job.job_id, token.text])
        if len(sealed) > MAX_RESULT_BYTES - 100:
            return None
        result: Facts = {
            "token": sealed,
            "tokenExpiresAt": expires_at,
            LIVE_UNTIL: job.hard_at,
        }
        return Verdict(Charge(job.held, usage, self._provider_cost(usage)), result)

    def token_of(self, job: Job) -> tuple[str, int] | None:
        """The job's token, and until when (epoch milliseconds) it opens a session; None where there
        is none that still does."""
        result: Any = job.result or {}
        expires_at = result.get("tokenExpiresAt", 0)
        if self._clock.now() >= expires_at:
            return None
        words = self._cipher.open(str(result.get("token", "")), MAX_RESULT_BYTES)
        if words is None or len(words) != 2 or words[0] != job.job_id:
            return None
        return words[1], expires_at

    def payload_faults(self, payload: Facts) -> Iterable[str]:
        return block_payload_faults(payload)

    def result_faults(self, result: Facts) -> Iterable[str]:
        return block_result_faults(result)

    def render(self, job: Job) -> Mapping[str, object]:
        payload: Any = job.payload
        result: Any = job.result or {}
        expires_at = result.get("tokenExpiresAt")
        return {
            "sampleRate": payload.get("sampleRate"),
            "encoding": payload.get("encoding"),
            "language": payload.get("language"),
            "seconds": payload.get("seconds"),
            "tokenExpiresAt": None if expires_at is None else iso(expires_at),
        }

    def content(self, job: Job) -> Mapping[str, object]:
        """The token, as long as it opens a session."""
        found = self.token_of(job)
        return {"token": found[0] if found else None}

    @property
    def _usage(self) -> Mapping[str, int]:
        return {Counter.MILLISECONDS.value: self.block_seconds * 1000}

    def _provider_cost(self, usage: Mapping[str, int]) -> ProviderCost | None:
        """The most that its vendor bills: of a session that lasts as long as the block."""
        cost = self._catalog.provider_cost(self.operation, ANY_MODEL, usage)
        return ProviderCost(cost.micros, cost.currency) if cost else None
