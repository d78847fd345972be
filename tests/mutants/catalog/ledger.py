"""Wallets, entries, lots and `Ledger.move`."""

from tests.mutants.mutant import ALWAYS, Mutant, mutant

LEDGER = "tests/ledger"
USERS = "tests/users"
SUBMISSION = "tests/jobs/test_operations.py"
REPLAYS = "tests/jobs/test_idempotency_keys.py"
FAULTS = "tests/jobs/test_submission_faults.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "version-not-compared",
        LEDGER,
        "ledger.store:wallet_write",
        'When(equals={"version": X})',
        ALWAYS,
    ),
    mutant(
        "entry-overwritten",
        LEDGER,
        "ledger.store:entry_writes",
        "Put(K, E)",
        f"Put(K, E, {ALWAYS})",
    ),
    mutant("mac-not-chained", LEDGER, "ledger.store:mac", "previous", '""'),
    mutant(
        "retry-without-re-read",
        REPLAYS,
        "ledger.operations:Ledger._until_settled",
        "snapshot = None",
        "snapshot = snapshot or self.read_snapshot(attempts.user_id, attempts.keys())",
    ),
    mutant(
        "refusal-in-doubt-is-final",
        f"{LEDGER} {USERS}",
        "ledger.operations:Ledger._attempt",
        """
        if A.in_doubt:
            raise OutcomeUnknown from E
        """,
        "",
    ),
    mutant(
        "committed-attempt-not-noticed",
        f"{LEDGER} {FAULTS}",
        "ledger.operations:_Attempts.were_committed",
        "self._was_committed(S)",
        "False",
    ),
    mutant(
        "doubt-forgotten-at-the-deadline",
        LEDGER,
        "ledger.operations:Ledger._at_deadline",
        """
        if not A.in_doubt:
            raise E
        """,
        "raise E",
    ),
    mutant(
        "damage-written-over",
        LEDGER,
        "ledger.operations:Ledger._explained",
        "self._freeze(W, B, F)",
        "return StaleRead()",
    ),
    mutant(
        "key-read-before-the-wallet",
        REPLAYS,
        "ledger.operations:Ledger._read_snapshot",
        "I, *O = self._table.get_together((W, *R))",
        """
        O = [self._table.get(key) for key in R]
        I = self._table.get(W)
        """,
    ),
    mutant(
        "spent-after-the-end",
        LEDGER,
        "ledger.lots:burn",
        "sorted((L for L in M if L.spendable(N)), key=K)",
        "sorted(M, key=K)",
    ),
    mutant(
        "released-into-an-ended-lot",
        LEDGER,
        "ledger.lots:put_back",
        "N >= expires_at",
        "N < 0",
    ),
    mutant(
        "debt-not-paid-by-a-release",
        LEDGER,
        "ledger.entities:release",
        "min(W.debt, A)",
        "0",
    ),
    mutant(
        "merged-lots-end-early",
        LEDGER,
        "ledger.lots:tidy",
        "earlier, later = A, B",
        "later, earlier = A, B",
    ),
    mutant(
        "frozen-wallet-spends",
        f"{LEDGER} {SUBMISSION}",
        "ledger.entities:hold",
        """
        if W.status is not WalletStatus.OPEN:
            raise WalletFrozen
        """,
        "",
    ),
    mutant(
        "second-welcome",
        f"{LEDGER} {USERS}",
        "ledger.entities:welcome",
        'grant(W, LotKind.FREE, 0, E, "return", N, K)',
        'grant(W, LotKind.FREE, amount, E, "return", N, K)',
    ),
)
