"""Operators: who gets in, the log of what they did, the second operator."""

from tests.mutants.mutant import ALWAYS, Mutant, mutant

SIGNATURES = "tests/identity/test_operators.py"
LOG = "tests/admin/test_log.py"
PRIVATE = "tests/admin/test_private_reasons.py"
CORRECTIONS = "tests/admin/test_corrections.py"
APPROVALS = "tests/admin/test_approvals.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "nonce-accepted-again",
        SIGNATURES,
        "identity.store:nonce_write",
        "Put(K, I)",
        f"Put(K, I, {ALWAYS})",
    ),
    mutant(
        "idempotency-key-not-covered",
        SIGNATURES,
        "identity.signatures:_required",
        "(*COVERED, *E)",
        "(*COVERED,)",
    ),
    mutant(
        "digest-of-the-body-unchecked",
        SIGNATURES,
        "identity.signatures:_check_body",
        "verifier.verify_body(R, S, B)",
        "None",
    ),
    mutant(
        "signature-good-for-ever",
        SIGNATURES,
        "identity.signatures:read_parameters",
        "not created - SKEW_SECONDS <= now_seconds < expires",
        "False",
    ),
    mutant(
        "any-user-is-an-operator",
        SIGNATURES,
        "identity.operators:Operators.admit_signed_in",
        "not self._terms.admit(principal)",
        "False",
    ),
    mutant(
        "old-sign-in-changes-things",
        SIGNATURES,
        "identity.freshness:FreshSignIns.check",
        "S is None or N > M",
        "False",
    ),
    mutant(
        "private-reason-stored-in-clear",
        PRIVATE,
        "admin.log:_record",
        '"" if A and B else P',
        "P if not A else action.reason",
    ),
    mutant(
        "action-on-a-user-not-private",
        PRIVATE,
        "admin.operations:Actions.perform",
        "action.subject is not None",
        "False",
    ),
    mutant(
        "sealed-reason-not-in-the-chain",
        LOG,
        "admin.entities:OperatorRecord.sealed",
        "[self.reason, _text(self.ciphertext)] if self.ciphertext else self.reason",
        "self.reason",
    ),
    mutant(
        "sealed-reason-of-a-request-not-under-its-mac",
        "tests/admin/test_approvals.py",
        "admin.entities:Approval.sealed",
        "_text(self.ciphertext)",
        '""',
    ),
    mutant(
        "reason-bound-to-no-record",
        PRIVATE,
        "admin.log:OperatorLog.sealed",
        "_use_key(action)",
        "keys.head(action.subject)",
    ),
    mutant(
        "record-without-the-one-before",
        LOG,
        "admin.entities:OperatorRecord.sealed",
        "seal(facts, key)",
        "seal(facts[:-1], key)",
    ),
    mutant(
        "end-of-a-log-cut-off",
        LOG,
        "admin.checks:_head_faults",
        "head.mac != X",
        "False",
    ),
    mutant(
        "log-rolled-back",
        CORRECTIONS,
        "admin.checks:_entry_faults",
        "record is None and entry.kind in K and entry.ref not in _OUR_OWN",
        "False",
    ),
    mutant(
        "adjustment-twice-under-one-key",
        CORRECTIONS,
        "admin.corrections:_Attempt.propose",
        "self.number is not None",
        "False",
    ),
    mutant(
        "one-operator-approves-alone",
        APPROVALS,
        "admin.approvals:Approvals._require_second",
        "X == approval.requested_by",
        "False",
    ),
    mutant(
        "approved-twice",
        APPROVALS,
        "admin.store:decided_write",
        "When(equals=E)",
        ALWAYS,
    ),
    mutant(
        "changed-request-approved",
        APPROVALS,
        "admin.approvals:Approvals._genuine",
        "approval.mac != X",
        "False",
    ),
    mutant(
        "threshold-for-grants-alone",
        APPROVALS,
        "admin.approvals:Approvals.adjust",
        "abs(X) <= T",
        "(X) <= T",
    ),
)
