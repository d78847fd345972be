"""Server keys, the sessions that they mint, and the ceilings of those."""

from tests.mutants.mutant import Mutant, mutant

SERVER_KEYS = "tests/server_keys/test_operations.py"
BOUND = "tests/identity/test_bound_callers.py"
MINTING = "tests/sessions/test_minting.py"
CEILINGS = "tests/jobs/test_ceilings.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "minted-session-has-the-card-charged",
        "tests/billing/test_top_up_routes.py",
        "billing.top_up_routes:buy_after_refusals",
        "principal.minted is None",
        "True",
    ),
    mutant(
        "slow-secret-takes-every-place",
        "tests/accounts/test_post_confirmation.py",
        "accounts.post_confirmation:PostConfirmation._current_secret",
        "known and not self._refreshing.acquire(blocking=False)",
        "False",
    ),
    mutant(
        "revoked-key-still-good",
        SERVER_KEYS,
        "server_keys.operations:ServerKeys._holds",
        """
        if K.revoked_at is not None:
            return False
        """,
        "",
    ),
    mutant(
        "edited-key-still-good",
        SERVER_KEYS,
        "server_keys.operations:ServerKeys._holds",
        "not store.is_sealed(K, self._mac_key)",
        "False",
    ),
    mutant(
        "any-secret-of-a-key-s-id",
        SERVER_KEYS,
        "server_keys.operations:ServerKeys.verify",
        "not is_digest_of(key.digest, T, self._mac_key)",
        "False",
    ),
    mutant(
        "key-stored-in-clear",
        SERVER_KEYS,
        "server_keys.key_texts:digest_of",
        "seal([_DIGEST, T], M)",
        "T",
    ),
    mutant(
        "guess-at-a-key-is-read",
        SERVER_KEYS,
        "server_keys.key_texts:key_id_of",
        "holds(M, [_MAC, H], K)",
        "True",
    ),
    mutant(
        "sessions-outlive-their-key",
        SERVER_KEYS,
        "server_keys.operations:ServerKeys.check",
        "S is None or N >= S.until",
        "S is None",
    ),
    mutant(
        "write-for-each-use",
        SERVER_KEYS,
        "server_keys.operations:ServerKeys._note_use",
        """
        if N - self._noted.get(K.key_id, 0) < USE_NOTED_MILLISECONDS:
            return
        """,
        "",
    ),
    mutant(
        "server-key-is-a-user",
        BOUND,
        "identity.enforcement:_signed_in",
        "P.method is SignInMethod.SERVER_KEY",
        "False",
    ),
    mutant(
        "user-is-a-back-end",
        BOUND,
        "identity.enforcement:_back_end",
        "P.method is not SignInMethod.SERVER_KEY",
        "False",
    ),
    mutant(
        "key-without-scopes",
        BOUND,
        "identity.enforcement:_admitted_back_end",
        "D.key_scope not in P.scopes",
        "False",
    ),
    mutant(
        "minted-session-everywhere",
        BOUND,
        "identity.enforcement:_check_minted",
        "not P.may(D.scope)",
        "False",
    ),
    mutant(
        "minted-session-on-every-page",
        BOUND,
        "identity.enforcement:_check_minted",
        "O is not None and O not in P.minted.origins",
        "False",
    ),
    mutant(
        "key-of-a-session-not-checked",
        BOUND,
        "identity.enforcement:_check_minted",
        "gate.server_keys.check(P.minted.key_id)",
        "pass",
    ),
    mutant(
        "every-key-vouches-for-addresses",
        MINTING,
        "sessions.minting:_check_scopes",
        "[KeyScope.VERIFIED_EMAILS] if W.email_verified else []",
        "[]",
    ),
    mutant(
        "every-key-acts-for-everybody",
        MINTING,
        "sessions.minting:_check_scopes",
        "[KeyScope.EXISTING_USERS] if W.user_id is not None else []",
        "[]",
    ),
    mutant(
        "back-end-s-user-is-google-s",
        MINTING,
        "core.principal:is_google_subject",
        """
        if L.startswith(EXTERNAL_PREFIX):
            return False
        """,
        "",
    ),
    mutant(
        "ceiling-not-held",
        CEILINGS,
        "jobs.holds:HoldTerms.propose",
        "writes += self._ceiling_writes(S)",
        "self._ceiling_writes(S)",
    ),
    mutant(
        "ceiling-exceeded-by-one",
        CEILINGS,
        "sessions.ceilings:with_held",
        "A > C.left",
        "A > C.left + 1000",
    ),
    mutant(
        "ceiling-never-reached",
        CEILINGS,
        "sessions.ceilings:with_held",
        "A > C.left",
        "False",
    ),
    mutant(
        "ceiling-refuses-its-last-credit",
        CEILINGS,
        "sessions.ceilings:with_held",
        "A > C.left",
        "A >= C.left",
    ),
    mutant(
        "ceiling-checked-after-the-sign-up",
        CEILINGS,
        "jobs.admission:Admission.admitted",
        "self._holds.check_ceiling(R, E, S)",
        "pass",
    ),
    mutant(
        "settlement-keeps-what-came-back",
        CEILINGS,
        "jobs.settlement_terms:SettlementTerms.propose",
        "writes += self._ceiling_writes(S)",
        "pass",
    ),
    mutant(
        "everything-counts-as-returned",
        CEILINGS,
        "jobs.settlement_terms:SettlementTerms._ceiling_writes",
        "self.ended.returned",
        "self.job.held",
    ),
    mutant(
        "settlement-fails-on-its-ceiling",
        CEILINGS,
        "sessions.ceilings:returned_write",
        "_readable(I)",
        "ceiling_from(I)",
    ),
    mutant(
        "ceiling-below-nothing",
        CEILINGS,
        "sessions.ceilings:returned_write",
        "max(0, F.used - A)",
        "F.used - A",
    ),
    mutant(
        "ended-session-still-holds",
        CEILINGS,
        "sessions.ceilings:bound_by",
        "F.ended_at is not None",
        "False",
    ),
    mutant(
        "edited-ceiling-still-holds",
        CEILINGS,
        "sessions.ceilings:bound_by",
        "not is_sealed(F, M)",
        "False",
    ),
    mutant(
        "audit-believes-a-ceiling",
        CEILINGS,
        "jobs.ceiling_checks:_faults",
        "C.used != A",
        "False",
    ),
    mutant(
        "quote-ignores-the-ceiling",
        CEILINGS,
        "jobs.admission:Admission.quote",
        "A <= L",
        "True",
    ),
    mutant(
        "ceiling-of-a-call-is-a-lack-of-credits",
        "tests/jobs/test_ceilings_of_calls.py",
        "jobs.work:fitted_within",
        "with_held(C, A)",
        "None",
    ),
    mutant(
        "caller-beyond-the-ceiling-is-signed-up",
        "tests/jobs/test_ceilings_of_calls.py",
        "jobs.admission:Admission.admitted",
        "fitted_within(C, B, A, L)",
        "None",
    ),
    mutant(
        "ceiling-of-an-extension-is-a-lack-of-credits",
        "tests/live/test_extensions.py",
        "jobs.extensions:ExtensionTerms._fitted_by_ceiling",
        "ceilings.with_held(E, A)",
        "None",
    ),
    mutant(
        "cancelling-reads-what-a-session-may-not",
        "tests/jobs/test_scopes_of_content.py",
        "jobs.routes:_add_cancel",
        "P.may(S)",
        "True",
    ),
    mutant(
        "summary-of-what-a-session-may-not-read",
        "tests/catch_up/test_scopes.py",
        "catch_up.work:catch_up_form",
        "not P.may(S)",
        "False",
    ),
    mutant(
        "tokens-of-before-serve-who-returns",
        "tests/erasure/test_erasure.py",
        "ledger.movements:welcome",
        "max(A, B)",
        "A",
    ),
    mutant(
        "changed-plan-breaks-its-trial",
        "tests/entitlements/test_trials.py",
        "entitlements.trials:_Attempt.was_committed",
        "grant_of(S, G)",
        "grant_of(S, self.grant)",
    ),
)
