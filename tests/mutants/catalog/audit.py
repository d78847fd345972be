"""What the audit compares: seals, lots, and where wallets were the day before."""

from tests.mutants.mutant import Mutant, breaks, mutant

ANCHORS = "tests/audit/test_anchors.py"
FORGERY = "tests/audit/test_forgery.py"
RECORDS = "tests/audit/test_records.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "shorter-ledger-accepted",
        ANCHORS,
        "audit.anchors:Comparison._faults",
        "W.version < V",
        "False",
    ),
    mutant(
        "other-history-accepted",
        ANCHORS,
        "audit.anchors:Comparison._faults",
        "_has(A, V, H)",
        "True",
    ),
    mutant(
        "missing-wallets-not-missed",
        ANCHORS,
        "audit.anchors:Comparison.missing",
        "sorted(X)",
        "()",
    ),
    mutant(
        "violated-anchor-forgotten",
        ANCHORS,
        "audit.anchors:Comparison.compare",
        "W is not None and is_whole and not F",
        "W is not None",
    ),
    mutant(
        "gone-anchor-forgotten",
        ANCHORS,
        "audit.anchors:Comparison.missing",
        "self._found += S",
        "",
    ),
    mutant(
        "acceptance-never-ends",
        ANCHORS,
        "audit.anchors:Comparison._valid",
        "accepted.at > self._finished",
        "True",
    ),
    mutant(
        "acceptance-by-anybody",
        ANCHORS,
        "audit.accepted:read_accepted",
        "raw.get(M) == X",
        "True",
    ),
    mutant(
        "chunk-of-anchors-believed",
        ANCHORS,
        "audit.anchors:anchors_in",
        "not holds(M, F, K)",
        "False",
    ),
    mutant(
        "manifest-believed",
        ANCHORS,
        "audit.anchors:Manifest.from_body",
        "F or M != found.mac(K)",
        "F",
    ),
    mutant(
        "resumed-audit-forgets-its-anchors",
        ANCHORS,
        "audit.daily:_Keeper._keep_anchors",
        "(*R, *K)",
        "K",
    ),
    mutant(
        "record-of-another-day-believed",
        RECORDS,
        "audit.records:unsealed_body",
        "not holds(M, F, K)",
        "False",
    ),
    breaks(
        "lots-replayed",
        "lots-not-compared",
        "ledger.checks:_lot_faults",
        "W.lots != M.lots",
        "False",
    ),
    mutant(
        "lots-judged-by-another-time",
        "tests/ledger/test_replay.py",
        "ledger.movements:release",
        "now = entry_time(W, N)",
        "",
    ),
    breaks(
        "job-matches",
        "job-seal-not-checked",
        "jobs.checks:_seal_faults",
        "not is_sealed(J, K)",
        "False",
    ),
    breaks(
        "key-matches",
        "key-seal-not-checked",
        "jobs.checks:_seal_faults",
        "not is_key_sealed(P, U, K)",
        "False",
    ),
    mutant(
        "missing-key-not-missed",
        FORGERY,
        "jobs.checks:_use_faults",
        "use is None",
        "False",
    ),
    mutant(
        "older-job-of-a-key-accepted",
        FORGERY,
        "jobs.checks:_bound_key_faults",
        "N is not None and X < Y",
        "False",
    ),
    mutant(
        "seal-without-the-owner",
        FORGERY,
        "jobs.store:_sealed_facts",
        "str(_key(J))",
        '""',
    ),
    mutant(
        "forged-job-repaired",
        "tests/repair/test_left_to_a_person.py",
        "repair.repair_plan:_Mending._mend_job",
        "stored and not X",
        "False",
    ),
    breaks(
        "gapless",
        "gap-passed-over",
        "ledger.checks:_Chain._gap",
        "E.version == self.version + 1",
        "True",
    ),
    breaks(
        "forgery-found",
        "mac-of-entries-not-compared",
        "ledger.checks:_Chain._step",
        "self.head is not None and mac(U, E, H, K) != M",
        "False",
    ),
    breaks(
        "truncation-found",
        "shorter-chain-accepted",
        "ledger.checks:_end_faults",
        """
        if S not in R:
            yield F
        """,
        "",
    ),
    breaks(
        "claims-match",
        "owner-of-a-claim-not-compared",
        "users.checks:_identity_faults",
        "O != A.user_id",
        "False",
    ),
    breaks(
        "in-flight",
        "job-that-has-just-ended-is-a-fault",
        "jobs.checks:_movement_faults",
        "K == E or X",
        "K == E",
    ),
    breaks(
        "in-flight",
        "held-credits-compared-while-they-move",
        "jobs.checks:_held_faults",
        "A.late",
        "False",
    ),
    breaks(
        "in-flight",
        "what-looks-wrong-is-not-read-again",
        "audit.operations:_examined",
        "account is not None and not faults",
        "True",
    ),
    breaks(
        "in-flight",
        "read-again-while-a-transaction-is-under-way",
        "audit.operations:_examined",
        "reader.settle(K)",
        "pass",
    ),
)
