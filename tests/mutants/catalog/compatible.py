"""OpenAI's routes: whose wallet pays, and which job a repeated request is."""

from tests.mutants.mutant import Mutant, mutant

IMPLICIT = "tests/jobs/test_implicit_keys.py"
KEYS = "tests/compatible/test_server_keys.py"
REFUSALS = "tests/compatible/test_refusals.py"
REPEATS = "tests/compatible/test_repeats.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "equal-requests-are-one",
        IMPLICIT,
        "jobs.implicit_keys:found_by",
        "newest_job(I) if R.is_retry else None",
        "newest_job(item)",
    ),
    mutant(
        "retry-finds-its-job-for-ever",
        IMPLICIT,
        "jobs.implicit_keys:found_by",
        "N < X.expires_at * 1000",
        "True",
    ),
    mutant(
        "retry-is-another-job",
        IMPLICIT,
        "jobs.admission:Admission._earlier",
        "self._settlement.read(P, F) if F else None",
        "None",
    ),
    mutant(
        "retries-at-once-are-two-jobs",
        IMPLICIT,
        "jobs.holds:HoldTerms._predecessor_in",
        "found_by(R, I, N)",
        "self.predecessor_id",
    ),
    mutant(
        "key-and-body-both-remembered",
        IMPLICIT,
        "jobs.implicit_keys:implicit_key_of",
        "R.idempotency_key is not None or not R.remembered_seconds",
        "not request.remembered_seconds",
    ),
    mutant(
        "one-job-for-every-body",
        IMPLICIT,
        "jobs.keys:implicit",
        'f"{R}\\n{B}"',
        'f"{route}"',
    ),
    mutant(
        "unsealed-implicit-key",
        IMPLICIT,
        "jobs.checks:implicit_key_check",
        "N is None or not is_implicit_sealed(K, N, M)",
        "newest is None",
    ),
    mutant(
        "server-key-acts-for-anyone",
        KEYS,
        "sessions.minting:Minting.acting_for",
        'f"{EXTERNAL_PREFIX}{E}"',
        "external_id",
    ),
    mutant(
        "server-key-acts-for-no-one",
        KEYS,
        "sessions.minting:Minting.acting_for",
        "E is None or not _is_external_id(E)",
        "external_id is None",
    ),
    mutant(
        "server-key-pays-itself",
        KEYS,
        "compatible.operations:Compatible._actor",
        "C.method is SignInMethod.SERVER_KEY",
        "False",
    ),
    mutant(
        "server-key-in-a-page",
        KEYS,
        "identity.enforcement:_user_or_back_end",
        '"Origin" in request.headers',
        "False",
    ),
    mutant(
        "too-few-credits-are-403",
        REFUSALS,
        "compatible.error_schemas:OpenAiErrors.status",
        "issubclass(K, InsufficientCredits)",
        "False",
    ),
    mutant(
        "retry-after-the-hold",
        REFUSALS,
        "compatible.error_schemas:OpenAiErrors.headers",
        '"jobId" in E.details',
        "False",
    ),
    mutant(
        "failed-text-is-delivered",
        REPEATS,
        "compatible.operations:Compatible._checked",
        "J.status is JobStatus.FAILED",
        "False",
    ),
)
