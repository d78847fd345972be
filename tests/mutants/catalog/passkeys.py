"""Passkeys, and the second factor that they prove."""

from tests.mutants.mutant import Mutant, mutant

PROOFS = "tests/passkeys/test_proofs.py"
ENROLMENT = "tests/passkeys/test_enrolment.py"
CHECKS = "tests/passkeys/test_checks.py"
HOOK = "tests/identity/test_operators.py"
TERMS = "tests/identity/test_operator_terms.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "second-factor-not-required",
        HOOK,
        "identity.enforcement:_let_in",
        "declared.second_factor",
        "False",
    ),
    mutant(
        "proof-of-anybody",
        PROOFS,
        "passkeys.tokens:_proof",
        "operator.operator_id",
        "''",
    ),
    mutant(
        "proof-of-any-sign-in",
        PROOFS,
        "passkeys.tokens:_proof",
        "operator.authenticated_at",
        "0",
    ),
    mutant(
        "proof-outlives-its-passkey",
        PROOFS,
        "passkeys.second_factor:PasskeyProofs.check",
        "not self._passkeys.of(operator.operator_id).has(passkey_id)",
        "False",
    ),
    mutant(
        "proof-that-never-ends",
        PROOFS,
        "passkeys.tokens:Tokens.proved_by",
        "now >= parts.expires_at",
        "False",
    ),
    mutant(
        "challenge-of-another-purpose",
        PROOFS,
        "passkeys.tokens:_challenge",
        "purpose.value",
        "''",
    ),
    mutant(
        "challenge-of-another-operator",
        PROOFS,
        "passkeys.tokens:_challenge",
        "operator.operator_id",
        "''",
    ),
    mutant(
        "challenge-counts-twice",
        PROOFS,
        "passkeys.operations:OperatorPasskeys.prove",
        "self._table.transact([spending, change])",
        "self._table.transact([change])",
    ),
    mutant(
        "counter-not-compared",
        PROOFS,
        "passkeys.operations:OperatorPasskeys._used",
        "not passkey.counts_on(count)",
        "False",
    ),
    mutant(
        "user-not-verified",
        PROOFS,
        "passkeys.ceremonies:verified_use",
        "True",
        "False",
    ),
    mutant(
        "frame-of-another-site",
        PROOFS,
        "passkeys.ceremonies:challenge_of",
        "client_data.cross_origin",
        "False",
    ),
    mutant(
        "user-handle-of-another",
        PROOFS,
        "passkeys.ceremonies:verified_use",
        "handle and base64url_to_bytes(handle) != user_handle",
        "False",
    ),
    mutant(
        "enrolment-without-a-code",
        ENROLMENT,
        "passkeys.operations:OperatorPasskeys.enrolment_changes",
        "code.check(operator.operator_id, now)",
        "now",
    ),
    mutant(
        "last-passkey-removed",
        ENROLMENT,
        "passkeys.entities:Passkeys.removed",
        "len(self.passkeys) == 1 and not may_be_last",
        "False",
    ),
    mutant(
        "edited-passkeys-accepted",
        CHECKS,
        "passkeys.operations:OperatorPasskeys.in_item",
        "found.operator_id != operator_id or found.mac != found.sealed(self._mac_key)",
        "False",
    ),
    mutant(
        "domain-of-an-address",
        TERMS,
        "identity.operators:OperatorTerms._is_of_domain",
        "principal.hosted_domain in self.google_domains",
        "(principal.email or '').partition('@')[2] in self.google_domains",
    ),
    mutant(
        "group-of-anybody",
        TERMS,
        "identity.operators:OperatorTerms._is_of_group",
        "is_of_pool and not self.cognito_groups.isdisjoint(principal.groups)",
        "is_of_pool",
    ),
)
