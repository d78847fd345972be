"""Bringing a job to its one end: the state machine, its writes and the sweep."""

from tests.mutants.mutant import ALWAYS, Mutant, breaks, mutant
from tests.mutants.rewriting import Change

FAULTS = "tests/jobs/test_submission_faults.py"
SETTLEMENT = "tests/jobs/test_settlement.py"
RACES = "tests/jobs/test_settlement_races.py"
SWEEPS = "tests/jobs/test_sweeps.py"
TOY = "tests/jobs/test_toy_work.py"
LINK_CHECKED = "not T.result_url or not deliverable(T.result_url, P)"
STALE_JOB_ACCEPTED = Change("jobs.store:is_as_read", "return X", "return True")

MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "exact-settlement",
        "ended-job-settled-again",
        "jobs.endings:Endings._settle",
        """
        if not J.is_open:
            raise E
        """,
        "",
    ),
    mutant(
        "sick-jobs-keep-their-place",
        SWEEPS,
        "jobs.sweeps:DueJobs._resolve",
        "self._postpone(U, J, D)",
        "None",
    ),
    mutant(
        "status-not-compared-exactly",
        RACES,
        "jobs.store:record_write",
        'When(equals={"status": JobStatus.SUBMITTING, "taskId": None})',
        'When(equals={"taskId": None})',
    ),
    Mutant(
        "released-twice",
        RACES,
        (STALE_JOB_ACCEPTED, Change("jobs.store:_as_read", "return X", f"return {ALWAYS}")),
    ),
    Mutant("settled-on-a-stale-job", RACES, (STALE_JOB_ACCEPTED,)),
    Mutant(
        "captured-before-it-is-delivered",
        SETTLEMENT,
        (
            Change(
                "jobs.state_machine:_resolve_submitted",
                "T.status is S.SUCCEEDED",
                "T.status is not S.FAILED",
            ),
            Change("videos.work:ImageToVideo.judge", LINK_CHECKED, "False"),
        ),
    ),
    breaks(
        "unusable-result",
        "captured-without-a-link",
        "videos.work:ImageToVideo.judge",
        LINK_CHECKED,
        "False",
    ),
    breaks(
        "two-not-founds",
        "released-after-one-not-found",
        "jobs.state_machine:_resolve_submitting",
        "J.not_found_at is not None and N >= R",
        "N >= J.submit_until + times.quarantine",
    ),
    mutant(
        "quarantine-skipped",
        SETTLEMENT,
        "jobs.state_machine:_resolve_submitting",
        "max(F + T.not_found_gap, Q)",
        "F + T.not_found_gap",
    ),
    breaks(
        "early-not-found",
        "early-not-found-counts",
        "jobs.state_machine:_resolve_submitting",
        """
        if N < J.submit_until:
            return Wait(J.submit_until)
        """,
        "",
    ),
    breaks(
        "errors-never-count",
        "released-after-an-error",
        "jobs.state_machine:_resolve_submitting",
        """
        if isinstance(L, base.Indeterminate):
            return W
        """,
        "",
    ),
    mutant(
        "not-found-counted-from-its-question",
        SETTLEMENT,
        "jobs.state_machine:_resolve_submitting",
        "X.received_at",
        "X.requested_at",
    ),
    mutant(
        "charged-more-than-it-cost",
        TOY,
        "jobs.endings:Endings._capture",
        "charging(J, charge.amount, E)",
        "charging(J, job.held, E)",
    ),
    mutant(
        "charged-more-than-is-held",
        TOY,
        "jobs.judging:bill_within",
        "min(C, H)",
        "C",
    ),
    mutant(
        "task-taken-and-failed-is-retryable",
        "tests/jobs/test_judging.py",
        "jobs.judging:failure_of",
        "F in W.failures and F not in RETRYABLE",
        "True",
    ),
    mutant(
        "unresolved-not-watched",
        SETTLEMENT,
        "jobs.endings:Endings._watch_of",
        "X == Failure.PROVIDER_UNRESOLVED",
        "False",
    ),
    mutant(
        "another-s-settlement-taken-for-mine",
        RACES,
        "jobs.settlement_terms:SettlementTerms.was_committed",
        "(S.failure, S.watch_until) == X",
        "S.status is JobStatus.FAILED",
    ),
    mutant(
        "edited-job-sealed-again",
        SETTLEMENT,
        "jobs.endings:Endings._require_sealed",
        "not X",
        "False",
    ),
    breaks(
        "worker-never-sends",
        "sweep-sends",
        "jobs.settlement:Settlement._observe",
        "L = W.fetch_task(job)",
        """
        L = W.fetch_task(job)
        if job.status is JobStatus.SUBMITTING and type(L).__name__ == "NotFound":
            body = __import__("service.videos.entities", fromlist=["x"]).VideoBody("", "foo_prompt")
            W.submit(job, body, None, 1e12)
        """,
    ),
    mutant(
        "settled-by-another-task",
        RACES,
        "jobs.state_machine:_about",
        "isinstance(L, X) and J.task_id not in (None, L.task.task_id)",
        "False",
    ),
    breaks(
        "no-slowest",
        "sweep-waits-for-the-slowest-job",
        "jobs.sweeps:DueJobs.run_once",
        "self._in_progress.wait(self.interval_seconds)",
        "self._in_progress.wait(3600.0)",
    ),
    breaks(
        "record-exactly",
        "record-over-any-state",
        "jobs.store:record_write",
        'When(equals={"status": JobStatus.SUBMITTING, "taskId": None})',
        ALWAYS,
    ),
    breaks(
        "record-after-release",
        "task-after-a-release-forgotten",
        "jobs.settlement:Settlement._rewatched",
        """
        if C:
            return stored
        """,
        "return stored",
    ),
    breaks(
        "capture-with-result",
        "captured-without-its-job",
        "jobs.settlement_terms:SettlementTerms.propose",
        "[ConditionalWrite(write, R)]",
        "[]",
    ),
    breaks(
        "failure-releases",
        "failed-task-is-waited-for",
        "jobs.state_machine:_resolve_submitted",
        "T.status is base.TaskStatus.FAILED",
        "False",
    ),
    breaks(
        "polls-spread",
        "polls-without-pause",
        "jobs.state_machine:next_due",
        "min(max(A, T.poll_min), T.poll_max)",
        "T.poll_min",
    ),
    breaks(
        "found-by-our-id",
        "searched-by-no-id",
        "videos.work:ImageToVideo.fetch_task",
        "self._kling.fetch_task(T, J)",
        'self._kling.fetch_task(T, "")',
    ),
    breaks(
        "hard-limit",
        "no-hard-limit",
        "jobs.state_machine:_resolve_submitted",
        "N >= J.hard_at",
        "False",
    ),
    breaks(
        "silence-waits",
        "silence-releases",
        "jobs.state_machine:_resolve_submitted",
        "return wait",
        "return Release(Failure.PROVIDER_UNRESOLVED) if now >= job.hard_at else wait",
    ),
    breaks(
        "watched",
        "watch-never-ends",
        "jobs.state_machine:_resolve_failed",
        "N >= J.watch_until or F",
        "False",
    ),
    breaks(
        "house-loss",
        "house-loss-not-stored",
        "jobs.store:deliver_uncharged_write",
        "_credits(X)",
        "None",
    ),
    breaks(
        "house-loss",
        "house-loss-not-counted",
        "jobs.endings:Endings._note_loss",
        "self._metrics.count(Metric.HOUSE_LOSS, credits_number(L))",
        "pass",
    ),
    breaks(
        "callback-polls",
        "callback-believed",
        "jobs.operations:Jobs._resolved",
        "self._settlement.resolve(P, J)",
        'self._settlement.decline(self._settlement.read(P, J), "GENERATION_FAILED")',
    ),
    breaks(
        "callback-bounded",
        "every-callback-queries",
        "jobs.operations:Jobs.handle_callback",
        "E.final and A",
        "E.final",
    ),
)
