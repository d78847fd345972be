"""Grants under a business key, restricted lots, and what operators do to wallets."""

from tests.mutants.mutant import ALWAYS, Mutant, breaks, mutant

CORRECTIONS = "tests/ledger/test_corrections.py"
RESTRICTIONS = "tests/ledger/test_restrictions.py"
GRANTS = "tests/ledger/test_grants.py"

MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "grant-once",
        "grant-made-again",
        "ledger.grants:Grants.make",
        "if _made_version(S, G) is not None: return None",
        "",
    ),
    breaks(
        "grant-once",
        "grant-of-another-amount-is-the-same",
        "ledger.grants:_agreeing",
        "(R.user_id, R.amount) != (G.user_id, G.amount)",
        "R.user_id != G.user_id",
    ),
    breaks(
        "grant-once",
        "grant-item-overwritten",
        "ledger.grants:_made_write",
        "Put(K, I)",
        f"Put(K, I, {ALWAYS})",
    ),
    breaks(
        "grant-at-its-time",
        "grant-made-early",
        "ledger.grants:Grants.make_due",
        "R is None or R.due_at is None or R.due_at > N",
        "R is None or R.due_at is None",
    ),
    breaks(
        "grant-at-its-time",
        "edited-schedule-made",
        "ledger.grants:Grants.make_due",
        """
        if not is_sealed(R, K):
            raise E
        """,
        "",
    ),
    mutant(
        "late-grant-expires-as-if-in-time",
        GRANTS,
        "ledger.grants:_DueGrant._now_due",
        "return replace(G, expires_at=E)",
        "return G",
    ),
    mutant(
        "made-grant-stays-due",
        GRANTS,
        "ledger.grants:_made_write",
        "(*DUE_INDEX_ATTRIBUTES, 'refused', *G)",
        "('refused', *G)",
    ),
    mutant(
        "closed-user-granted",
        GRANTS,
        "ledger.grants:grant_proposal",
        "W is None or (W.status is WalletStatus.CLOSED and P)",
        "W is None",
    ),
    breaks(
        "grant-proved",
        "entry-without-its-grant-passes",
        "ledger.checks:_grant_faults",
        """
        if I is None:
            yield V
            continue
        """,
        """
        if I is None:
            continue
        """,
    ),
    breaks(
        "grant-proved",
        "grant-without-its-entry-passes",
        "ledger.grant_proofs:proved_faults",
        """
        if E is None or X != K:
            yield V
            return
        """,
        """
        if E is None or X != K:
            return
        """,
    ),
    breaks(
        "no-more-than-there",
        "adjustment-takes-what-has-expired",
        "ledger.movements:adjust",
        "remaining(L for L in M if L.spendable(N))",
        "remaining(M)",
    ),
    breaks(
        "no-more-than-there",
        "adjustment-below-zero",
        "ledger.movements:adjust",
        """
        if A < -amount:
            raise E
        """,
        "",
    ),
    mutant(
        "voided-lot-stays",
        CORRECTIONS,
        "ledger.movements:void",
        "tuple(O for O in L if O is not T)",
        "wallet.lots",
    ),
    mutant(
        "lot-edited-into-the-past",
        CORRECTIONS,
        "ledger.movements:edit_lot",
        "E is not None and E <= N",
        "False",
    ),
    mutant(
        "release-resets-an-edited-lot",
        CORRECTIONS,
        "ledger.lots:put_back",
        "replace(O, remaining=R)",
        "Lot(portion.number, portion.kind, old.remaining + portion.taken, portion.expires_at)",
    ),
    breaks(
        "corrections-replayed",
        "named-lot-not-replayed",
        "ledger.replay:_corrected",
        "L if len(A) == 1 else None",
        "None",
    ),
    breaks(
        "restricted-lots",
        "restriction-not-kept-by-a-hold",
        "ledger.movements:hold_from",
        "[L for L in W if L.restriction in R]",
        "list(swept.wallet.lots)",
    ),
    breaks(
        "restricted-lots",
        "restriction-lost-by-a-release",
        "ledger.lots:put_back",
        "Lot(N, K, T, E, R)",
        "Lot(N, K, T, E)",
    ),
    breaks(
        "equal-lots-merge",
        "equal-lots-stay-two",
        "ledger.lots:Lot.terms",
        "return K, R, E",
        "return K, R, E, self.number",
    ),
    mutant(
        "lots-merge-across-restrictions-too-early",
        RESTRICTIONS,
        "ledger.lots:tidy",
        "(L.kind, L.restriction, L.spendable(T))",
        "(L.kind, L.spendable(T))",
    ),
    mutant(
        "details-not-sealed",
        "tests/ledger/test_store.py",
        "ledger.store:mac",
        "[dict(E)] if E else []",
        "[]",
    ),
    mutant(
        "removed-not-proved",
        CORRECTIONS,
        "ledger.entities:_correction_deltas",
        "Deltas(credits=C, removed=R)",
        "Deltas(credits=C, expired=R)",
    ),
)
