"""Submitting a job: keys, the hold and the one send."""

from tests.mutants.mutant import Mutant, breaks, mutant

SUBMISSION = "tests/jobs/test_operations.py"
PLACES = "tests/jobs/test_submit_places.py"
REPLAYS = "tests/jobs/test_idempotency_keys.py"
FAULTS = "tests/jobs/test_submission_faults.py"
READS = "tests/jobs/test_job_reads.py"
IDENTITY = "tests/journeys/test_identity.py"

MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "only-the-holder-sends",
        "twin-sends",
        "jobs.admission:Admission.admitted",
        "return Earlier(J, W)",
        """
        work.submit(J, request.body, None, 1e12)
        return Earlier(J, W)
        """,
    ),
    breaks(
        "key-reused",
        "body-not-compared",
        "jobs.admission:Admission._earlier",
        """
        if U.body_hash != R.body_hash:
            raise X
        """,
        "",
    ),
    breaks(
        "whole-body-compared",
        "device-part-of-the-request",
        "jobs.entities:JobRequest.body_hash",
        "[self.actor.subject, *self.body_facts]",
        "[self.actor.subject, *self.body_facts, self.fingerprint]",
    ),
    breaks(
        "successor",
        "rejected-key-used-again",
        "jobs.entities:",
        "RETRYABLE = X",
        "RETRYABLE = tuple(Failure)",
    ),
    breaks(
        "indeterminate",
        "indeterminate-is-a-failure",
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
        "identity.entities:check_google_id",
        "claimed not in (None, P.subject)",
        "False",
    ),
    mutant(
        "foreign-page-token",
        READS,
        "storage.cursor:PageTokens.open",
        "not any(holds(mac, _facts(scope, place), key) for key in self._keys)",
        "False",
    ),
    mutant(
        "any-number-submitted-at-once",
        PLACES,
        "jobs.submit_places:SubmitPlaces.place",
        "self._take(S, U)",
        "S.take(U, 0)",
    ),
    breaks(
        "form-first",
        "wallet-read-before-the-form",
        "videos.routes:videos_blueprint",
        "body = read_body(S)",
        """
        videos._jobs._ledger.balance(principal.subject)
        body = read_body(S)
        """,
    ),
    breaks(
        "replay-before-settings",
        "replay-needs-credits",
        "jobs.admission:Admission.admitted",
        "earlier = self._earlier(R, S)",
        """
        estimate = _terms(work, request.body)[0]
        if S.wallet and S.wallet.spendable(self._clock.now()) < estimate.amount:
            raise WalletBusy
        earlier = self._earlier(R, S)
        """,
    ),
    breaks(
        "replay-before-settings",
        "replay-is-priced-again",
        "jobs.admission:Admission.admitted",
        """
        earlier = self._earlier(R, S)
        if C:
            return Earlier(earlier, S.wallet)
        estimate, payload = _terms(W, B)
        """,
        """
        estimate, payload = _terms(W, B)
        earlier = self._earlier(R, S)
        if C:
            return Earlier(earlier, S.wallet)
        """,
    ),
    breaks(
        "hold-first",
        "hold-without-its-job",
        "jobs.holds:HoldTerms.propose",
        "[ConditionalWrite(store.new_job_write(J))]",
        "[]",
    ),
    breaks(
        "accepted",
        "key-of-an-open-job-makes-another",
        "jobs.admission:Admission.admitted",
        "E is not None and not E.retryable",
        "E is not None and not E.is_open",
    ),
    breaks(
        "rejected",
        "rejected-job-keeps-its-credits",
        "jobs.operations:Jobs._recorded",
        "self._settlement.decline(J, F)",
        "J",
    ),
    breaks(
        "busy",
        "busy-ends-the-key",
        "jobs.entities:",
        "RETRYABLE = X",
        "RETRYABLE = (Failure.PROVIDER_UNAVAILABLE,)",
    ),
    breaks(
        "unavailable",
        "unavailable-ends-the-key",
        "jobs.entities:",
        "RETRYABLE = X",
        "RETRYABLE = (Failure.PROVIDER_BUSY,)",
    ),
    breaks(
        "unknown-hold",
        "unknown-hold-names-no-job",
        "jobs.holds:Holds.take",
        "raise OutcomeUnknown(details=D, location=L) from E",
        "raise",
    ),
    breaks(
        "job-named",
        "broken-send-names-no-job",
        "jobs.operations:Jobs._created",
        """
        except Exception:
            log.exception(M, job_id=J)
            return Indeterminate()
        """,
        """
        except MemoryError:
            return Indeterminate()
        """,
    ),
    breaks(
        "response-from-store",
        "response-from-memory",
        "jobs.settlement:Settlement.decline",
        "return self.read(U, I)",
        "return job",
    ),
    breaks(
        "key-per-user",
        "key-of-any-kind-of-work",
        "jobs.keys:idempotency",
        "R.encode()",
        "key.encode()",
    ),
    breaks(
        "times-checked",
        "window-may-be-short",
        "jobs.settings:JobsSettings._submit_window",
        'return "SUBMIT_SECONDS", S, W, N',
        'return "SUBMIT_SECONDS", S, W, 0.0',
    ),
    breaks(
        "times-checked",
        "quarantine-may-end-before-the-window",
        "jobs.settings:JobsSettings._order",
        '(*quarantine, "SUBMIT_SECONDS", S)',
        '(*quarantine, "SUBMIT_SECONDS", 0.0)',
    ),
)
