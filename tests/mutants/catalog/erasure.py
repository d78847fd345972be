"""Erasure: what is refused at once, the order of steps, and the one transaction that ends it."""

from tests.mutants.mutant import Mutant, mutant
from tests.mutants.rewriting import Change

ERASURE = "tests/erasure/test_erasure.py"
USER_POOL = "tests/erasure/test_user_pool.py"
AWAIT = "jobs.personal_data:JobData.await_settled"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "closing-wallet-holds",
        ERASURE,
        "ledger.movements:hold",
        "if W.status is WalletStatus.CLOSING:\n    raise AccountClosing",
        "if W.status is WalletStatus.CLOSING:\n    W = replace(W, status=WalletStatus.OPEN)",
    ),
    mutant(
        "erased-user-still-counted",
        ERASURE,
        "erasure.operations:_Closing.propose",
        "[self.departure, *_end_writes(F, S, N)]",
        "[*_end_writes(F, S, N)]",
    ),
    mutant(
        "whoever-is-erased-learns-nothing",
        "tests/erasure/test_notices.py",
        "erasure.operations:_end_writes",
        "(E, *K, *M)",
        "(E, *K)",
    ),
    mutant(
        "data-key-outlives-the-account",
        ERASURE,
        "erasure.operations:_end_writes",
        "(E, *K, *M)",
        "(E, *M)",
    ),
    Mutant(
        "open-jobs-not-waited-for",
        ERASURE,
        (
            Change(AWAIT, "W is not None and W.held", "False"),
            Change(AWAIT, "StepOutcome.WAITING if O else StepOutcome.DONE", "StepOutcome.DONE"),
        ),
    ),
    mutant(
        "phases-all-at-once",
        ERASURE,
        "erasure.operations:Erasures._stepped",
        "current is not None and H",
        "False",
    ),
    mutant(
        "failed-step-counts-as-done",
        ERASURE,
        "erasure.operations:Erasures._run",
        "return reason",
        "return ''",
    ),
    mutant(
        "forged-erasure-erases",
        ERASURE,
        "erasure.operations:Erasures.carry_on",
        "self._require_sealed(E)",
        "None",
    ),
    mutant(
        "open-wallet-is-erased",
        ERASURE,
        "erasure.operations:Erasures._carried_on",
        "W is None or not W.is_leaving",
        "W is None",
    ),
    mutant(
        "late-video-for-an-erased-job",
        ERASURE,
        "jobs.settlement:Settlement.resolve",
        "J.status is JobStatus.SUCCEEDED or J.result or J.erased_at is not None",
        "J.status is JobStatus.SUCCEEDED or J.result",
    ),
    mutant(
        "attempts-further-and-further-apart",
        ERASURE,
        "erasure.entities:Erasure.claimed",
        "min(max(A, MIN_PAUSE_MILLISECONDS), MAX_PAUSE_MILLISECONDS)",
        "max(A, MIN_PAUSE_MILLISECONDS)",
    ),
    mutant(
        "gone-from-the-pool-is-a-failure",
        USER_POOL,
        "erasure.user_pool:UserPool._delete",
        "_reason(E) != _GONE",
        "True",
    ),
)
