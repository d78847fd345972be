"""Settling payments: what is granted, and what is written of money that went back."""

from tests.mutants.mutant import ALWAYS, Mutant, breaks, breaks_by, mutant
from tests.mutants.rewriting import Change

PAYMENTS = "tests/billing/test_payments.py"
CHECKS = "tests/billing/test_purchase_checks.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "warned-purchase-not-looked-at-again",
        PAYMENTS,
        "billing.purchase_sweeps:WarnedPurchases._settle",
        "self._payments.settle(P)",
        "None",
    ),
    breaks(
        "payment-granted-once",
        "payment-granted-again",
        "billing.payments:Payments._plan",
        """
        if before is not None:
            return X
        """,
        "",
    ),
    breaks(
        "one-settlement",
        "claw-back-left-for-later",
        "billing.settlement:Settlement.propose",
        "self._money_back(A, M, N)",
        """
        self._money_back(A, M, N) if self._plan.bought is None else Movement(M)
        """,
    ),
    breaks_by(
        "facts-under-version",
        "older-facts-overwrite",
        Change(
            "billing.settlement:Settlement.propose",
            """
            if not self._is_unchanged(S):
                raise E
            """,
            "",
        ),
        Change("billing.purchase_store:purchase_write", "Put(K, I, G)", f"Put(K, I, {ALWAYS})"),
    ),
    breaks(
        "facts-under-version",
        "purchase-written-whatever-its-version",
        "billing.purchase_store:purchase_write",
        "Put(K, I, G)",
        f"Put(K, I, {ALWAYS})",
    ),
    breaks(
        "facts-under-version",
        "version-kept-where-nothing-moves",
        "billing.payments:Payments._touched",
        "replace(A, version=V, updated_at=N)",
        "replace(A, version=A.version, updated_at=A.updated_at)",
    ),
    breaks(
        "facts-under-version",
        "stripe-queried-before-the-purchase-is-read",
        "billing.payments:Payments._read_both",
        """
        before = self.read(P)
        facts = self.facts_of(P)
        """,
        """
        facts = self.facts_of(P)
        before = self.read(P)
        """,
    ),
    breaks(
        "payment-conflict",
        "grant-of-another-payment-adopted",
        "billing.payments:Payments._with_grant",
        """
        if X != F.payment_id:
            raise GrantConflict
        """,
        "",
    ),
    breaks(
        "purchase-sealed",
        "edited-purchase-settled",
        "billing.payments:Payments.read",
        """
        if not store.is_sealed(P, K):
            raise E
        """,
        "",
    ),
    breaks(
        "purchase-proved",
        "adopted-without-its-claw-backs",
        "billing.payments:Payments._adopted",
        "clawed_back_by(B)",
        "0",
    ),
    breaks(
        "purchase-proved",
        "entry-without-a-purchase-passes",
        "billing.checks:_account_faults",
        """
        if I is None:
            yield F
            continue
        """,
        """
        if I is None:
            continue
        """,
    ),
    breaks(
        "purchase-proved",
        "entry-that-names-no-payment-passes",
        "billing.checks:_account_faults",
        "P not in D and _is_of_payment(E)",
        "False",
    ),
    breaks(
        "purchase-proved",
        "purchase-without-a-grant-passes",
        "billing.checks:_grant_faults",
        """
        if R is None or V != W:
            yield F
            return
        """,
        """
        if R is None or V != W:
            return
        """,
    ),
    breaks(
        "purchase-proved",
        "entries-of-a-purchase-not-proved",
        "billing.checks:_entry_faults",
        "R != [E.version for E in B]",
        "False",
    ),
    breaks(
        "purchase-proved",
        "sum-of-entries-not-proved",
        "billing.checks:_entry_faults",
        "clawed_back_by(B) != P.clawed_back",
        "False",
    ),
    mutant(
        "credits-granted-late-are-expired",
        PAYMENTS,
        "billing.settlement:Settlement._living",
        "replace(A, lot_expires_at=E)",
        "A",
    ),
    mutant(
        "order-in-another-currency-granted",
        PAYMENTS,
        "billing.payments:Payments._bought",
        "B is not None and B.currency != F.currency",
        "False",
    ),
    breaks(
        "refund-once",
        "refund-made-again-after-a-day",
        "admin.purchases:PurchaseActions.refund",
        "_made_by(A, F)",
        "None",
    ),
    breaks(
        "refund-once",
        "refund-key-of-each-request",
        "admin.purchases:PurchaseActions._make",
        "f'refund-{action.digest}'",
        "f'refund-{action.request_id}'",
    ),
    mutant(
        "refund-beyond-what-is-left",
        "tests/admin/test_purchases.py",
        "admin.purchases:PurchaseActions.refund",
        "_require_refundable(F, P, I, C)",
        "",
    ),
    mutant(
        "credits-follow-the-wish",
        "tests/admin/test_purchases.py",
        "admin.purchases:PurchaseActions._settled",
        "self._payments.settle(P)",
        "None",
    ),
)
