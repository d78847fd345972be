"""What a response of DynamoDB may be taken for."""

from tests.mutants.mutant import Mutant, breaks, mutant

FOREIGN = "tests/storage/test_foreign_responses.py"
OUTCOMES = "tests/storage/test_outcomes.py"


def _foreign(name: str, check: str) -> Mutant:
    """One check of whose response it is left out."""
    return mutant(name, FOREIGN, "storage.outcomes:_fault", check, "False")


def _refusal(name: str, more: str) -> Mutant:
    """Other errors taken for refusals."""
    return mutant(
        name, OUTCOMES, "storage.outcomes:outcome_of", "REFUSALS.get(C)", f"({more}).get(C)"
    )


MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "foreign-response",
        "foreign-response-believed",
        "storage.outcomes:outcome_of",
        "F or C is None",
        "C is None",
    ),
    _foreign("crc-not-compared", "C is not None and C != str(zlib.crc32(B))"),
    _foreign("missing-crc-believed", "C is None and S == 200"),
    _foreign("content-type-not-looked-at", "not V.startswith(P)"),
    _foreign("missing-request-id-believed", 'not H.get("x-amzn-requestid")'),
    _foreign("error-without-a-name-believed", 'S != 200 and not isinstance(C.get("__type"), str)'),
    _refusal(
        "unknown-error-is-a-refusal",
        "{C: Refusal.THROTTLED} | REFUSALS",
    ),
    _refusal(
        "aborted-request-is-a-refusal",
        'REFUSALS | {"RequestAbortedException": Refusal.THROTTLED}',
    ),
    _refusal(
        "timed-out-request-is-a-refusal",
        'REFUSALS | {"RequestTimeoutException": Refusal.THROTTLED}',
    ),
    _refusal(
        "transaction-in-progress-is-a-conflict",
        'REFUSALS | {"TransactionInProgressException": Refusal.CONFLICT}',
    ),
    mutant(
        "refusal-behind-a-5xx-believed",
        OUTCOMES,
        "storage.outcomes:outcome_of",
        "not 400 <= S < 500",
        "False",
    ),
    mutant(
        "late-signature-is-a-wrong-key",
        OUTCOMES,
        "storage.outcomes:outcome_of",
        "Refusal.CLOCK if L else R",
        "R",
    ),
    mutant(
        "wrong-key-is-a-late-signature",
        OUTCOMES,
        "storage.outcomes:_is_late",
        "S.startswith(L)",
        "True",
    ),
)
