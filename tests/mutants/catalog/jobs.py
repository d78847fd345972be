"""Submitting a job: keys, the hold and the one send."""

from tests.mutants.mutant import Mutant, mutant

SUBMISSION = "tests/jobs/test_operations.py"
PLACES = "tests/jobs/test_submit_places.py"
REPLAYS = "tests/jobs/test_idempotency_keys.py"
FAULTS = "tests/jobs/test_submission_faults.py"
READS = "tests/jobs/test_job_reads.py"
IDENTITY = "tests/journeys/test_identity.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "twin-sends",
        REPLAYS,
        "jobs.operations:Jobs.submit",
        "return self._replayed(J, W)",
        """
        work.submit(J, request.body, None, 1e12)
        return self._replayed(J, W)
        """,
    ),
    mutant(
        "body-not-compared",
        REPLAYS,
        "jobs.operations:Jobs._earlier",
        """
        if U.body_hash != R.body_hash:
            raise X
        """,
        "",
    ),
    mutant(
        "device-part-of-the-request",
        REPLAYS,
        "jobs.entities:JobRequest.body_hash",
        "[self.actor.subject, *self.body_facts]",
        "[self.actor.subject, *self.body_facts, self.fingerprint]",
    ),
    mutant(
        "rejected-key-used-again",
        REPLAYS,
        "jobs.entities:",
        "RETRYABLE = X",
        "RETRYABLE = tuple(Failure)",
    ),
    mutant(
        "indeterminate-is-a-failure",
        SUBMISSION,
        "jobs.operations:Jobs._recorded",
        "outcome",
        'Rejected("unavailable") if isinstance(outcome, Indeterminate) else outcome',
    ),
    mutant(
        "successor-refused-on-an-old-wallet",
        REPLAYS,
        "jobs.holds:Holds.take",
        "snapshot if P is None else None",
        "snapshot",
    ),
    mutant(
        "window-from-before-the-queue",
        FAULTS,
        "ledger.operations:Ledger.move",
        """
        with T as waited:
            attempts = A
            attempts.started_at = M
            return R
        """,
        """
        attempts = A
        attempts.started_at = M
        with T as waited:
            return R
        """,
    ),
    mutant(
        "token-not-compared",
        IDENTITY,
        "videos.routes:",
        """
        if B["google_id"] not in (None, P.subject):
            raise GoogleIdMismatch(B["google_id"], P.subject)
        """,
        "",
    ),
    mutant(
        "foreign-page-token",
        READS,
        "storage.cursor:from_token",
        "T or not X.startswith(P)",
        "T",
    ),
    mutant(
        "any-number-submitted-at-once",
        PLACES,
        "jobs.submit_places:SubmitPlaces.place",
        "self._take(S, U)",
        "S.take(U, 0)",
    ),
)
