"""What a text costs, however its call ends."""

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.jobs.entities import Failure, Job, JobStatus
from service.ledger.entities import InsufficientCredits
from service.providers.base import RejectionReason
from service.providers.generation import (
    BrokenOff,
    Complete,
    FinishReason,
    Message,
    Output,
    Refused,
    Role,
    TokenUsage,
    VendorFault,
)
from service.text.history import History
from service.text.runs import Runs
from service.text.stored import StoredText
from service.text.verdicts import Stop, TextVerdict
from tests.doubles.service_harness import ServiceHarness
from tests.text.conftest import begin, is_replay, new_text, text_world, write

# 8 credits for a million of output: 8 thousandths for a thousand.
MAX_TOKENS = 10_000
TEXT = "word" * 1000
USAGE = TokenUsage(30, 5000, total_tokens=5030)
# 30 x 2 + 5000 x 8 millionths, rounded up.
COST = 41
# The input as it was held, 64 + 16 + 22, and a token for four bytes of output.
OWN_COUNT = {"inputTokens": 102, "outputTokens": 1000}
OWN_COST = 9


def script(world: ServiceHarness, *steps: Any) -> None:
    world.vendor.scripts.append(steps)  # type: ignore[attr-defined]


def ended(world: ServiceHarness, *steps: Any, **options: Any) -> Job:
    """The job of a call that takes those steps. Nothing stays held, and the audit is clean."""
    script(world, *steps)
    job = write(world, **({"max_tokens": MAX_TOKENS} | options))
    assert world.wallet().held == 0
    assert world.wallet().credits == 3000 - job.captured
    assert world.audit().violations == ()
    return job


def test_a_text_is_charged_by_its_usage_and_the_rest_comes_back(world: ServiceHarness) -> None:
    job = ended(world, Output(TEXT), Complete(FinishReason.STOP, USAGE))
    assert (job.status, job.captured) == (JobStatus.SUCCEEDED, COST)
    assert job.usage == {"inputTokens": 30, "outputTokens": 5000}
    assert job.held == 81
    assert (job.provider_cost and job.provider_cost.micros) == 8012
    assert job.result == {"finishReason": "stop", "estimated": False, "partial": False}


def test_the_parts_of_the_input_have_their_own_rates(world: ServiceHarness) -> None:
    prompt = "x" * 100_000
    usage = TokenUsage(90_000, 1, cached_input_tokens=40_000, cache_write_tokens=20_000)
    job = ended(world, Output("x"), Complete(FinishReason.STOP, usage), prompt=prompt)
    # 30,000 x 2 + 40,000 x 0.5 + 20,000 x 2 + 1 x 8 millionths, rounded up.
    assert job.captured == 121


@pytest.mark.parametrize(
    "usage",
    [
        None,
        TokenUsage(-1, 5000),
        TokenUsage(30, 0),
        TokenUsage(0, 5000),
        TokenUsage(103, 5000),
        TokenUsage(30, MAX_TOKENS + 1),
        TokenUsage(30, 5000, cached_input_tokens=20, cache_write_tokens=11),
        TokenUsage(30, 5000, reasoning_tokens=5001),
        TokenUsage(30, 5000, total_tokens=5031),
        TokenUsage(30, 5000, cached_input_tokens=-1),
        replace(USAGE, output_tokens=True),
    ],
)
def test_usage_that_cannot_be_is_replaced_by_our_own_count(
    world: ServiceHarness, usage: TokenUsage | None
) -> None:
    job = ended(world, Output(TEXT), Complete(FinishReason.STOP, usage))
    assert (job.status, job.captured, job.usage) == (JobStatus.SUCCEEDED, OWN_COST, OWN_COUNT)
    assert (job.result or {}).get("estimated") is True
    assert job.provider_cost is None


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.CONTENT, FinishReason.OTHER])
def test_every_ending_that_is_not_the_vendor_s_fault_is_charged(
    world: ServiceHarness, reason: FinishReason
) -> None:
    job = ended(world, Output(TEXT), Complete(reason, USAGE))
    assert (job.captured, job.result and job.result["finishReason"]) == (COST, reason.value)


def test_our_own_time_limit_is_estimated_and_no_alarm(world: ServiceHarness) -> None:
    with capture_logs() as logs:
        job = ended(world, Output(TEXT), Complete(FinishReason.LENGTH, None, cut_by_us=True))
    assert (job.captured, job.result) == (
        OWN_COST,
        {"finishReason": "length", "estimated": True, "partial": False},
    )
    assert "job_needs_attention" not in {each["event"] for each in logs}


@pytest.mark.parametrize("piece", ["\u2500" * 700_001, "\n" * 1_000_001])
def test_more_than_can_be_stored_is_cut_and_charged(world: ServiceHarness, piece: str) -> None:
    job = ended(world, Output(piece), Output("more"), prompt="\n" * 99_999 + "a")
    assert (job.status, job.captured > 0) == (JobStatus.SUCCEEDED, True)
    assert (job.result or {})["finishReason"] == "length"
    text = str(world.operations.content(job)["text"])
    assert text
    assert piece.startswith(text)


@pytest.mark.parametrize("fault", list(VendorFault))
def test_a_vendor_that_breaks_off_is_not_paid_and_its_part_is_free(
    world: ServiceHarness, fault: VendorFault
) -> None:
    job = ended(world, Output(TEXT), BrokenOff(fault, USAGE))
    assert (job.status, job.failure) == (JobStatus.FAILED, "PROVIDER_BROKE_OFF")
    assert (job.captured, job.house_loss) == (0, OWN_COST)
    assert world.operations.content(job) == {"text": TEXT}


@pytest.mark.parametrize("fault", list(VendorFault))
def test_without_output_nothing_is_charged_and_the_key_ends(
    world: ServiceHarness, fault: VendorFault
) -> None:
    job = ended(world, BrokenOff(fault), key="k")
    assert (job.failure, job.retryable, job.house_loss) == ("NO_RESPONSE", False, None)


@pytest.mark.parametrize(
    ("last", "failure"),
    [
        (Complete(FinishReason.STOP, USAGE), "NO_RESPONSE"),
        (BrokenOff(VendorFault.STALLED, USAGE), "NO_RESPONSE"),
        (Refused(RejectionReason.CONTENT, usage=USAGE), "CONTENT_REJECTED"),
        (Refused(RejectionReason.BUSY, usage=USAGE), "PROVIDER_BUSY"),
    ],
)
def test_what_a_vendor_bills_without_a_word_is_a_loss_of_the_house(
    world: ServiceHarness, last: Any, failure: str
) -> None:
    job = ended(world, last)
    assert (job.failure, job.captured, job.house_loss) == (failure, 0, COST)
    assert job.usage == {"inputTokens": 30, "outputTokens": 5000}
    assert (job.provider_cost and job.provider_cost.micros) == 8012
    assert world.operations.content(job) == {"text": None}


@pytest.mark.parametrize("usage", [None, replace(USAGE, total_tokens=1)])
def test_a_report_that_cannot_be_used_is_no_loss(
    world: ServiceHarness, usage: TokenUsage | None
) -> None:
    job = ended(world, Complete(FinishReason.STOP, usage))
    assert (job.failure, job.house_loss) == ("NO_RESPONSE", None)


@pytest.mark.parametrize(
    ("reason", "failure", "retryable"),
    [
        (RejectionReason.CONTENT, "CONTENT_REJECTED", False),
        (RejectionReason.CONTEXT, "PROMPT_TOO_LONG", False),
        (RejectionReason.BUSY, "PROVIDER_BUSY", True),
        (RejectionReason.UNAVAILABLE, "PROVIDER_UNAVAILABLE", True),
        (RejectionReason.IMAGE, "PROVIDER_UNAVAILABLE", True),
    ],
)
def test_a_definite_refusal_releases(
    world: ServiceHarness, reason: RejectionReason, failure: str, retryable: bool
) -> None:
    job = ended(world, Refused(reason))
    assert (job.status, job.failure, job.retryable) == (JobStatus.FAILED, failure, retryable)


def test_a_reader_that_breaks_is_a_cut_connection(world: ServiceHarness) -> None:
    def broken() -> None:
        raise ValueError("a mistake of ours")

    job = ended(world, Output(TEXT), broken)
    assert (job.failure, job.house_loss) == ("PROVIDER_BROKE_OFF", OWN_COST)


def test_a_cancelled_call_costs_what_came(world: ServiceHarness) -> None:
    (runs,) = [world.parts.get(Runs)]

    def cancel() -> None:
        for run in runs:
            run.end(Stop.CANCELLED)

    job = ended(world, Output(TEXT), cancel, Output("more"))
    assert (job.status, job.captured, job.usage) == (JobStatus.SUCCEEDED, OWN_COST, OWN_COUNT)
    assert job.result == {"finishReason": "cancelled", "estimated": True, "partial": True}
    job = ended_after(world, cancel)
    assert (job.failure, job.captured) == (Failure.CANCELLED, 0)
    # 102 x 2 millionths, rounded up: the vendor has read its input.
    assert (job.house_loss, job.usage) == (1, {"inputTokens": 102})


def ended_after(world: ServiceHarness, *steps: Any) -> Job:
    script(world, *steps)
    return write(world, max_tokens=MAX_TOKENS)


def test_a_draining_process_ends_its_calls_as_if_their_time_were_up(world: ServiceHarness) -> None:
    job = ended(world, Output(TEXT), world.parts.get(Runs).end_all, Output("more"))
    assert (job.captured, job.result and job.result["finishReason"]) == (OWN_COST, "length")


def test_the_vendor_is_called_once_with_what_was_held(world: ServiceHarness) -> None:
    job = write(world, max_tokens=77, key="k")
    assert is_replay(begin(world, max_tokens=77, key="k"))
    (sent,) = world.vendor.sent  # type: ignore[attr-defined]
    assert (sent.job_id, sent.max_output_tokens) == (job.job_id, 77)
    assert sent.model_id == "gpt-4.1-mini"


def test_a_replay_returns_the_stored_text(world: ServiceHarness) -> None:
    first = write(world, key="k")
    again = begin(world, key="k")
    assert (again.job.job_id, again.job.captured) == (first.job_id, first.captured)
    assert world.operations.content(again.job) == {"text": "A lighthouse."}


def test_a_busy_vendor_s_key_has_a_successor(world: ServiceHarness) -> None:
    script(world, Refused(RejectionReason.BUSY))
    first = write(world, key="k")
    second = write(world, key="k")
    assert first.job_id != second.job_id
    assert second.status is JobStatus.SUCCEEDED
    assert world.audit().violations == ()


class TestWithoutAMaximum:
    def test_the_usual_one_is_held(self, world: ServiceHarness) -> None:
        job = write(world, max_tokens=None)
        assert (job.payload["maxTokens"], job.payload["limited"]) == (2048, False)

    def test_a_small_balance_limits_it(self, world: ServiceHarness) -> None:
        self.leave(world, 5)
        job = write(world, max_tokens=None)
        # 102 x 2 + 599 x 8 millionths are 4,996; one token more is beyond 5 thousandths.
        assert (job.held, job.payload["maxTokens"], job.payload["limited"]) == (5, 599, True)

    def test_a_named_one_is_refused_instead(self, world: ServiceHarness) -> None:
        self.leave(world, 5)
        before = world.items()
        with pytest.raises(InsufficientCredits):
            write(world, max_tokens=2048)
        assert world.items() == before

    def test_the_vendor_s_count_replaces_a_bound_that_is_too_dear(
        self, world: ServiceHarness
    ) -> None:
        self.leave(world, 50)
        world.vendor.count = 300  # type: ignore[attr-defined]
        job = write(world, prompt="x" * 30_000, max_tokens=100)
        assert job.payload["inputTokens"] == 364

    def test_less_than_is_useful_is_refused(self, client: Any, table_name: str) -> None:
        world = text_world(client, table_name, welcome_credits=0)
        world.users.sign_up(new_text().principal, world.users.digests("phone"))
        before = world.items()
        with pytest.raises(InsufficientCredits) as refused:
            write(world, max_tokens=None)
        assert (refused.value.details["required"], world.items()) == (0.001, before)

    @staticmethod
    def leave(world: ServiceHarness, amount: int) -> None:
        """A wallet with that many thousandths left."""
        tokens = 30_000
        while world_credits(world) > amount:
            spend = min(tokens, (world_credits(world) - amount) * 125)
            usage = TokenUsage(1, max(1, spend - 1))
            script(world, Output("x"), Complete(FinishReason.STOP, usage))
            write(world, max_tokens=tokens if world_credits(world) > 300 else spend, prompt="x")


def world_credits(world: ServiceHarness) -> int:
    wallet = world.ledger.read_snapshot("ann").wallet
    return wallet.credits if wallet else 3000


class TestDeath:
    def test_without_a_result_the_job_is_interrupted_at_its_hard_limit(
        self, world: ServiceHarness
    ) -> None:
        job = self.died(world)
        world.clock.advance(419)
        world.work()
        assert world.job(job.job_id).is_open
        world.clock.advance(2)
        world.work()
        job = world.job(job.job_id)
        assert (job.failure, job.captured, job.house_loss) == (Failure.INTERRUPTED, 0, None)
        assert not job.retryable
        assert world.wallet().held == 0
        world.work_until(4000, step=900)
        assert world.job(job.job_id).watch_until is None
        assert world.audit().violations == ()

    @pytest.mark.parametrize("after_storing", [False, True])
    def test_no_one_but_its_owner_settles_it_before(
        self, world: ServiceHarness, after_storing: bool
    ) -> None:
        job = self.died(world, after_storing)
        world.clock.advance(419)
        assert world.settlement.resolve("ann", job.job_id).is_open
        assert world.job(job.job_id).is_open

    def test_a_stored_result_is_executed_by_the_worker(self, world: ServiceHarness) -> None:
        job = self.died(world, after_storing=True)
        world.clock.advance(421)
        world.work()
        job = world.job(job.job_id)
        assert (job.status, job.captured) == (JobStatus.SUCCEEDED, COST)
        assert world.audit().violations == ()

    def test_a_result_that_comes_to_light_later_is_free(self, world: ServiceHarness) -> None:
        job = self.died(world)
        world.clock.advance(421)
        world.work()
        late = self.late_result(world, job)
        world.work_until(1000, step=500)
        job = world.job(job.job_id)
        assert (job.failure, job.captured, job.house_loss) == (Failure.INTERRUPTED, 0, COST)
        assert world.operations.content(job) == {"text": late}
        assert world.audit().violations == ()
        listed = world.parts.get(History).page("ann", 10, None).entries
        assert [(each.job_id, each.response) for each in listed] == [(job.job_id, late)]

    def died(self, world: ServiceHarness, after_storing: bool = False) -> Job:
        """A job whose process died in the middle of its call."""
        script(world, Output(TEXT), Complete(FinishReason.STOP, USAGE))
        if after_storing:
            world.jobs.conclude = self.die  # type: ignore[method-assign, assignment]
        else:
            world.vendor.scripts[-1] = (Output(TEXT), self.die)  # type: ignore[attr-defined]
        with pytest.raises(SystemExit):
            begin(world, max_tokens=MAX_TOKENS)
        world.vendor.scripts.clear()  # type: ignore[attr-defined]
        (job,) = world.jobs.page("ann", 10, None).jobs
        return job

    @staticmethod
    def die(*_: object) -> Job:
        raise SystemExit

    @staticmethod
    def late_result(world: ServiceHarness, job: Job) -> str:
        caller = world.operations.call(job.operation)
        assert caller is not None
        texts = caller._texts  # type: ignore[attr-defined]
        from_vendor = "word" * 500
        verdict = TextVerdict("stop", {"inputTokens": 30, "outputTokens": 5000})
        messages = (Message(Role.USER, "Describe a lighthouse."),)
        texts.store(job, StoredText("gpt-4.1-mini", messages, from_vendor), verdict)
        return from_vendor
