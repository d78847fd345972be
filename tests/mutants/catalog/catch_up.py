"""Catch-ups: the one charge for all steps, which wholes are charged, and whose words they are."""

from tests.mutants.mutant import Mutant, mutant

MONEY = "tests/catch_up/test_money.py"
RECORDINGS = "tests/catch_up/test_recordings.py"
RUNS = "tests/catch_up/test_runs.py"
PASSAGES = "tests/catch_up/test_passages.py"
SUMMARIES = "tests/catch_up/test_summaries.py"
TWITCH = "tests/providers/twitch/test_client.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "whole-hold-charged-for-a-catch-up",
        MONEY,
        "catch_up.work:CatchUp.judged",
        "price_of(J).terms.cost(U, is_complete=C)",
        "job.held",
    ),
    mutant(
        "last-step-alone-is-charged",
        MONEY,
        "catch_up.steps:Used.add",
        "self.usage.get(str(name), 0) + count",
        "count",
    ),
    mutant(
        "failed-whole-is-charged",
        MONEY,
        "catch_up.work:CatchUp.judged",
        "Verdict(C, R, V.failure, F)",
        "Verdict(charge, result, None, verdict.fault[:MAX_FAULT_CHARACTERS])",
    ),
    mutant(
        "step-that-broke-off-is-used",
        MONEY,
        "catch_up.steps:Steps._written",
        "not is_whole",
        "False",
    ),
    mutant(
        "key-goes-on-after-paid-steps",
        MONEY,
        "catch_up.steps:Steps._without_output",
        "was_sent or loss",
        "False",
    ),
    mutant(
        "paid-steps-are-no-loss",
        MONEY,
        "catch_up.calling:Maker._failed",
        "not any(used.usage.values())",
        "True",
    ),
    mutant(
        "merging-is-not-held-for",
        PASSAGES,
        "catch_up.bounds:limits_of",
        "count > 1",
        "False",
    ),
    mutant(
        "notes-are-not-bounded",
        f"{SUMMARIES} {PASSAGES}",
        "catch_up.summaries:_bounded",
        "return X",
        "return text",
    ),
    mutant(
        "invented-times-are-shown",
        SUMMARIES,
        "catch_up.summaries:_points",
        "text and times[0] <= at <= times[-1]",
        "text",
    ),
    mutant(
        "words-may-hold-our-delimiters",
        PASSAGES,
        "catch_up.passages:as_data",
        "shown.translate(_DELIMITERS)",
        "shown",
    ),
    mutant(
        "words-of-another-kind-of-job",
        MONEY,
        "catch_up.words:Library._transcript",
        "job.operation not in TRANSCRIPT_OPERATIONS",
        "False",
    ),
    mutant(
        "catch-up-charged-before-it-is-stored",
        RUNS,
        "catch_up.calling:Maker._stored",
        "self._results.store(J, S, V)",
        "used.verdict(len(summary.points))",
    ),
    mutant(
        "cancelled-catch-up-goes-on",
        RUNS,
        "catch_up.steps:Steps._require_running",
        "stop is not None",
        "False",
    ),
    mutant(
        "twitch-s-limit-ignored",
        TWITCH,
        "providers.twitch.rate_limit:RateLimit.seconds",
        "return max(A, B)",
        "return 0.0",
    ),
    mutant(
        "another-video-believed",
        TWITCH,
        "providers.twitch.mapping:video_of",
        "not _is_id(F) or V not in (None, F)",
        "False",
    ),
    mutant(
        "recording-not-held",
        RECORDINGS,
        "catch_up.work:CatchUp.estimate",
        "S * 1000",
        "0",
    ),
    mutant(
        "recording-free-by-omission",
        RECORDINGS,
        "catch_up.work:_require_minutes",
        "Counter.MILLISECONDS not in T.counters",
        "False",
    ),
    mutant(
        "recording-not-charged",
        RECORDINGS,
        "catch_up.recordings:_count",
        "used.usage[Counter.MILLISECONDS.value] = count",
        "pass",
    ),
    mutant(
        "recording-lost-and-not-counted",
        RECORDINGS,
        "catch_up.recordings:Recordings._created",
        "used.usage[Counter.MILLISECONDS.value] = seconds * 1000",
        "pass",
    ),
    mutant(
        "recording-that-failed-is-a-loss",
        RECORDINGS,
        "catch_up.recordings:Recordings._transcript",
        "used.usage[Counter.MILLISECONDS.value] = 0",
        "pass",
    ),
    mutant(
        "recording-transcribed-again-under-its-key",
        RECORDINGS,
        "catch_up.recordings:Recordings._created",
        "used.is_sent = True",
        "pass",
    ),
    mutant(
        "more-of-a-recording-than-was-held",
        RECORDINGS,
        "catch_up.recordings:Recordings.seconds",
        "min(*limits, MAX_MINUTES * 60)",
        "MAX_MINUTES * 60",
    ),
    mutant(
        "more-words-than-were-held",
        RECORDINGS,
        "catch_up.recordings:Recordings.transcribed",
        "len(parts) > max_parts",
        "False",
    ),
)
