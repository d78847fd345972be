"""Promo codes and bulk grants: each use once, no limit and no budget exceeded."""

from tests.mutants.mutant import ALWAYS, Mutant, mutant

REDEEMING = "tests/promo_codes/test_operations.py"
GUESSING = "tests/journeys/test_redeem.py"
RUNS = "tests/bulk_grants/test_part_runs.py"
BULK_SEALS = "tests/bulk_grants/test_seals.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "uses-counted-without-a-condition",
        REDEEMING,
        "promo_codes.store:counted_write",
        "When(equals=R)",
        ALWAYS,
    ),
    mutant(
        "promo-code-used-by-anyone-on-a-device",
        REDEEMING,
        "promo_codes.entities:refuse_beyond_limits",
        """
        if any(C):
            raise PromoDeviceUsed
        """,
        "",
    ),
    mutant(
        "only-the-named-device-counts",
        REDEEMING,
        "promo_codes.operations:PromoCodes._devices",
        "{*N, *W.fingerprints}",
        "{*N}",
    ),
    mutant(
        "budget-of-a-code-forgotten",
        REDEEMING,
        "promo_codes.entities:PromoCode.is_used_up",
        "self.uses >= self.max_uses or G",
        "self.uses >= self.max_uses",
    ),
    mutant(
        "redemption-refused-after-the-code-ended",
        REDEEMING,
        "promo_codes.operations:PromoCodes.redeem",
        """
        if U.find(K) is None:
            self._require_sealed(P)
            refuse_unless_open(P, N)
        """,
        """
        refuse_unless_open(P, N)
        """,
    ),
    mutant(
        "busy-wallet-waited-for-at-the-gate",
        REDEEMING,
        "promo_codes.operations:PromoCodes._moved",
        "WALLET_WAIT_SECONDS",
        "None",
    ),
    mutant(
        "guesses-unlimited",
        GUESSING,
        "promo_codes.feature:build",
        "replace(REDEEM, caller_limit=U, address_limit=A)",
        "REDEEM",
    ),
    mutant(
        "step-of-a-part-unguarded",
        RUNS,
        "bulk_grants.store:part_write",
        "When(equals=R)",
        ALWAYS,
    ),
    mutant(
        "part-granted-without-its-step",
        RUNS,
        "bulk_grants.part_runs:_Step.propose",
        "(*G.writes, C)",
        "(*G.writes,)",
    ),
    mutant(
        "lease-without-a-condition",
        RUNS,
        "bulk_grants.store:lease_write",
        'When(equals={"leased": L})',
        ALWAYS,
    ),
    mutant(
        "lease-beyond-the-budget",
        RUNS,
        "bulk_grants.entities:BulkGrant.lease",
        "min(L, M, X)",
        "min(M, X)",
    ),
    mutant(
        "late-users-granted-too",
        RUNS,
        "bulk_grants.entities:concerns",
        "W is not None and is_open(W) and W.created_at <= B.created_at",
        "W is not None and is_open(W)",
    ),
    mutant(
        "cancellation-not-read",
        RUNS,
        "bulk_grants.part_runs:_Step.propose",
        """
        if C:
            raise _BulkCancelled
        """,
        "",
    ),
    mutant(
        "damaged-bulk-grant-made",
        BULK_SEALS,
        "bulk_grants.part_runs:PartRuns.run",
        "store.sealed_bulk_from(I, K)",
        "store.bulk_from(I)",
    ),
    mutant(
        "bulk-grant-damaged-meanwhile-made",
        BULK_SEALS,
        "bulk_grants.part_runs:_Run._reread",
        "store.sealed_bulk_from(I, K)",
        "store.bulk_from(I)",
    ),
    mutant(
        "bulk-grant-damaged-amid-a-grant-made",
        BULK_SEALS,
        "bulk_grants.part_runs:_Step.propose",
        "store.sealed_bulk_from(I, K)",
        "store.bulk_from(I)",
    ),
    mutant(
        "damaged-list-granted",
        BULK_SEALS,
        "bulk_grants.part_runs:_Run._list_step",
        "store.sealed_users_from(I, K)",
        "store.users_from(I)",
    ),
    mutant(
        "cancelling-seals-an-edit",
        BULK_SEALS,
        "bulk_grants.store:cancellation_write",
        """
        if is_sealed(B, K):
            X = sealed(Y, Z)
        """,
        "X = sealed(Y, Z)",
    ),
    mutant(
        "list-sealed-without-its-place",
        BULK_SEALS,
        "bulk_grants.store:_users_facts",
        "[K, str(P), list(U)]",
        "[K, list(U)]",
    ),
    mutant(
        "part-not-put-back",
        RUNS,
        "bulk_grants.part_runs:PartRuns._worked",
        """
        self._put_back(P)
        """,
        "",
    ),
)
