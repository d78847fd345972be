"""Texts: what a call is charged, which endings are, and who may settle them."""

from tests.mutants.mutant import Mutant, mutant

CALLS = "tests/text/test_calls.py"
ROUTES = "tests/text/test_routes.py"
STREAMING = "tests/text/test_streaming.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "whole-hold-charged-for-a-text",
        CALLS,
        "text.work:TextGeneration.judged",
        "price_of(J).terms.cost(U, is_complete=C)",
        "job.held",
    ),
    mutant(
        "usage-not-checked",
        CALLS,
        "text.verdicts:verdict_of",
        "usage_fault(R, B) if R else M",
        '"" if R else M',
    ),
    mutant(
        "usage-above-the-bound-believed",
        CALLS,
        "text.verdicts:usage_fault",
        "U.input_tokens > B.input_tokens or U.output_tokens > B.output_tokens",
        "False",
    ),
    mutant(
        "cached-input-counted-twice",
        CALLS,
        "text.verdicts:counted",
        "U.input_tokens - C - W",
        "U.input_tokens",
    ),
    mutant(
        "vendor-s-own-fault-is-charged",
        CALLS,
        "text.verdicts:verdict_of",
        "TextFailure.PROVIDER_BROKE_OFF",
        "None",
    ),
    mutant(
        "cancelled-text-is-free",
        CALLS,
        "text.verdicts:verdict_of",
        "S is not None and not isinstance(L, Complete)",
        "False",
    ),
    mutant(
        "sent-and-silent-is-retryable",
        CALLS,
        "text.verdicts:failure_without_output",
        "TextFailure.NO_RESPONSE",
        '"PROVIDER_UNAVAILABLE"',
    ),
    mutant(
        "billed-silence-is-no-loss",
        CALLS,
        "text.calling:Caller._without_output",
        "loss is None",
        "True",
    ),
    mutant(
        "silence-judged-again-while-it-is-settled",
        "tests/text/test_losses.py",
        "text.calling:Caller.call",
        "lambda: self._without_output(J, F, L)",
        "lambda: self._without_output(J, F := failure_without_output(last, run.stop), "
        "loss_of(last, F, self._work.bounds(J)))",
    ),
    mutant(
        "unusable-report-is-a-loss",
        CALLS,
        "text.verdicts:loss_of",
        "R is None or usage_fault(R, B)",
        "R is None",
    ),
    mutant(
        "more-output-than-can-be-stored",
        CALLS,
        "text.runs:Run.add",
        "(X := stored_bytes(T)) > R",
        "(X := len(T)) > R",
    ),
    mutant(
        "our-own-limit-is-an-alarm",
        CALLS,
        "text.verdicts:verdict_of",
        '"" if L.cut_by_us else F',
        "F",
    ),
    mutant(
        "captured-before-it-is-stored",
        CALLS,
        "text.calling:Caller._stored",
        "verdict = self._texts.store(J, S, V)",
        "pass",
    ),
    mutant(
        "worker-settles-a-running-call",
        CALLS,
        "jobs.calls:next_of_call",
        "not O and N < J.hard_at",
        "False",
    ),
    mutant(
        "interrupted-not-watched",
        CALLS,
        "jobs.endings:Endings._watch_of",
        "F == Failure.INTERRUPTED",
        "False",
    ),
    mutant(
        "late-text-not-handed-over",
        CALLS,
        "jobs.calls:next_of_call",
        "V and V.result is not None and J.failure == Failure.INTERRUPTED",
        "False",
    ),
    mutant(
        "default-maximum-refused",
        CALLS,
        "text.work:TextGeneration.fitted",
        "B.max_tokens is None and self._cost(P, W) > A",
        "False",
    ),
    mutant(
        "hidden-reasoning-cancelled",
        ROUTES,
        "jobs.operations:Jobs.cancel",
        "not J.is_open or C is None or not C.is_cancellable",
        "not J.is_open or C is None",
    ),
    mutant(
        "wish-to-cancel-not-read",
        ROUTES,
        "text.sweeps:Cancellations.run_once",
        "runs[J].end(S)",
        "pass",
    ),
    mutant(
        "any-number-of-texts-at-once",
        ROUTES,
        "text.owners:Place.__enter__",
        "self.shares.take(U)",
        "self.shares.take(U, 0)",
    ),
    mutant(
        "slow-client-kept",
        STREAMING,
        "text.runs:Run.read",
        "X > MAX_BEHIND_CHARACTERS and P",
        "False",
    ),
)
