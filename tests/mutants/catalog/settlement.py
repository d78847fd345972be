"""Bringing a job to its one end: the state machine, its writes and the sweep."""

from tests.mutants.mutant import ALWAYS, Mutant, mutant
from tests.mutants.rewriting import Change

JOBS = "tests/jobs/test_operations.py"
SETTLEMENT = "tests/jobs/test_settlement.py"
STALE_JOB_ACCEPTED = Change("jobs.store:is_as_read", "return X", "return True")

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "ended-job-settled-again",
        SETTLEMENT,
        "jobs.settlement:Settlement._settle",
        """
        if not J.is_open:
            raise E
        """,
        "",
    ),
    mutant(
        "sick-jobs-keep-their-place",
        SETTLEMENT,
        "jobs.sweeps:DueJobs._resolve",
        "self._postpone(U, J, D)",
        "None",
    ),
    mutant(
        "status-not-compared-exactly",
        SETTLEMENT,
        "jobs.store:record_write",
        'When(equals={"status": JobStatus.SUBMITTING, "taskId": None})',
        'When(equals={"taskId": None})',
    ),
    Mutant(
        "released-twice",
        SETTLEMENT,
        (STALE_JOB_ACCEPTED, Change("jobs.store:_as_read", "return X", f"return {ALWAYS}")),
    ),
    Mutant("settled-on-a-stale-job", SETTLEMENT, (STALE_JOB_ACCEPTED,)),
    Mutant(
        "captured-before-it-is-delivered",
        SETTLEMENT,
        (
            Change(
                "jobs.entities:_resolve_submitted",
                "T.status is S.SUCCEEDED",
                "T.status is not S.FAILED",
            ),
            Change("jobs.entities:_resolve_submitted", "deliverable(U, P)", "True"),
        ),
    ),
    mutant(
        "captured-without-a-link",
        SETTLEMENT,
        "jobs.entities:_resolve_submitted",
        "deliverable(U, P)",
        "True",
    ),
    mutant(
        "released-after-one-not-found",
        SETTLEMENT,
        "jobs.entities:_resolve_submitting",
        "J.not_found_at is not None and N >= R",
        "N >= J.submit_until + times.quarantine",
    ),
    mutant(
        "quarantine-skipped",
        SETTLEMENT,
        "jobs.entities:_resolve_submitting",
        "max(F + T.not_found_gap, Q)",
        "F + T.not_found_gap",
    ),
    mutant(
        "early-not-found-counts",
        SETTLEMENT,
        "jobs.entities:_resolve_submitting",
        """
        if N < J.submit_until:
            return Wait(J.submit_until)
        """,
        "",
    ),
    mutant(
        "released-after-an-error",
        SETTLEMENT,
        "jobs.entities:_resolve_submitting",
        """
        if isinstance(L, base.Indeterminate):
            return W
        """,
        "",
    ),
    mutant(
        "not-found-counted-from-its-question",
        SETTLEMENT,
        "jobs.entities:_resolve_submitting",
        "X.answered_at",
        "X.asked_at",
    ),
    mutant(
        "unresolved-not-watched",
        SETTLEMENT,
        "jobs.settlement:Settlement._release",
        "X is Failure.PROVIDER_UNRESOLVED",
        "False",
    ),
    mutant(
        "another-s-settlement-taken-for-mine",
        SETTLEMENT,
        "jobs.settlement:Settlement._release",
        "(S.failure, S.watch_until) == X",
        "S.status is JobStatus.FAILED",
    ),
    mutant(
        "sweep-sends",
        JOBS,
        "jobs.settlement:Settlement._look",
        "L = self._provider.fetch_task(T, J)",
        """
        L = self._provider.fetch_task(T, J)
        if job.status is JobStatus.SUBMITTING and type(L).__name__ == "NotFound":
            base = __import__("service.providers.base", fromlist=["base"])
            self._provider.create(base.VideoRequest(J, "", "", None), 1e12)
        """,
    ),
)
