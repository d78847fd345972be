"""Settling payments: what is granted, and what follows money that went back."""

from tests.mutants.mutant import ALWAYS, Mutant, breaks, breaks_by, mutant
from tests.mutants.rewriting import Change

PAYMENTS = "tests/billing/test_payments.py"
MONEY_BACK = "tests/billing/test_money_back.py"
CHECKS = "tests/billing/test_purchase_checks.py"

MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "money-back-target",
        "target-rounded-up",
        "billing.money_back:target_of",
        "A * B // C",
        "-(-(A * B) // C)",
    ),
    breaks_by(
        "money-back-target",
        "loss-beyond-what-was-paid",
        Change("billing.money_back:Loss.cents", "return min(P, S)", "return S"),
        Change("billing.money_back:Loss.cents", "min(P, M) + C", "M + C"),
    ),
    breaks(
        "credit-is-money-back",
        "credit-beyond-the-worth",
        "billing.money_back:Loss.cents",
        "return min(P, S)",
        "return S",
    ),
    breaks(
        "money-back-target",
        "free-purchase-divides-by-zero",
        "billing.money_back:target_of",
        """
        if P <= 0:
            return 0
        """,
        "",
    ),
    breaks(
        "money-back-target",
        "failed-refund-counts",
        "billing.money_back:refunded_cents",
        "(E for E in R if C)",
        "refunds",
    ),
    breaks(
        "money-back-target",
        "refund-in-another-currency-by-its-number",
        "billing.money_back:refunded_cents",
        "A if C else P",
        "A",
    ),
    breaks(
        "money-back-target",
        "inquiry-divides-by-nothing",
        "billing.money_back:disputed_cents",
        "left <= 0 or W",
        "left < 0 or W",
    ),
    breaks(
        "money-back-target",
        "reinstated-money-stays-lost",
        "billing.money_back:disputed_cents",
        "left = -sum(M)",
        "left = sum(withdrawals)",
    ),
    breaks(
        "money-back-target",
        "won-dispute-stays-lost-by-its-exchange-rate",
        "billing.money_back:disputed_cents",
        "L or (is_reinstated and S)",
        "L",
    ),
    breaks(
        "money-back-target",
        "dispute-in-another-currency-by-its-number",
        "billing.money_back:disputed_cents",
        """
        if C != P:
            return X
        """,
        "",
    ),
    breaks(
        "money-back-target",
        "dispute-not-counted",
        "billing.money_back:loss_of",
        "sum(disputed_cents(E, P) for E in D)",
        "0",
    ),
    breaks(
        "credit-is-money-back",
        "money-back-beyond-what-was-paid-in-money",
        "billing.money_back:Loss.cents",
        "min(P, M) + C",
        "M + C",
    ),
    breaks(
        "credit-is-money-back",
        "credit-not-counted",
        "billing.money_back:loss_of",
        "credited_cents(F, P)",
        "0",
    ),
    breaks(
        "credit-is-money-back",
        "credit-note-counts-its-refunds-again",
        "billing.money_back:_less_refunds",
        "max(0, N.amount_cents - R)",
        "max(0, N.amount_cents)",
    ),
    breaks(
        "credit-is-money-back",
        "refund-that-is-none-of-the-payments-forgotten",
        "billing.money_back:_less_refunds",
        "(C for I, C in N if X)",
        "(C for I, C in N)",
    ),
    breaks(
        "credit-is-money-back",
        "void-credit-note-counts",
        "billing.money_back:_issued",
        "(E for E in N if X)",
        "(E for E in N)",
    ),
    breaks(
        "credit-is-money-back",
        "credit-of-any-invoice-counts",
        "billing.money_back:_credited_in",
        "X < 0 and W(C)",
        "X < 0",
    ),
    breaks(
        "credit-is-money-back",
        "credit-within-the-invoice-counts",
        "billing.money_back:credited_cents",
        "(E for E in L if E.id != F.invoice_id)",
        "(E for E in L)",
    ),
    breaks(
        "credit-is-money-back",
        "credit-of-a-draft-or-void-invoice-counts",
        "billing.money_back:credited_cents",
        "(X for E in L if E.status in S)",
        "(X for E in L)",
    ),
    breaks(
        "credit-is-money-back",
        "credit-that-paid-is-worth-nothing",
        "billing.purchases:Purchase.worth_cents",
        "P + M",
        "P",
    ),
    breaks(
        "credit-is-money-back",
        "unpaid-part-of-an-invoice-is-worth-nothing",
        "billing.money_back:moved_cents",
        "max(0, B + C + N)",
        "max(0, B + C)",
    ),
    breaks(
        "credit-is-money-back",
        "balance-pays-nothing",
        "billing.money_back:moved_cents",
        "max(0, B + C + N)",
        "max(0, C + N)",
    ),
    breaks(
        "credit-is-money-back",
        "credited-invoice-not-settled",
        "billing.subscriptions:Subscriptions._settle_credited",
        "self._settle_payment(P)",
        "None",
    ),
    breaks(
        "credit-is-money-back",
        "taxes-of-a-credit-kept",
        "billing.money_back:_credited_in",
        "sum(E.total_cents for E in L if C)",
        "sum(E.amount_cents for E in L if C)",
    ),
    breaks(
        "fraud-warning",
        "warning-not-counted",
        "billing.money_back:loss_of",
        "bool(S)",
        "False",
    ),
    breaks(
        "fraud-warning",
        "cleared-warning-counts",
        "billing.money_back:standing_warnings",
        "E not in C and (D or N)",
        "D or N",
    ),
    breaks(
        "fraud-warning",
        "warning-forgotten-while-disputed",
        "billing.money_back:standing_warnings",
        "E not in C and (D or N)",
        "E not in C and N",
    ),
    breaks(
        "fraud-warning",
        "warning-stands-for-ever",
        "billing.money_back:standing_warnings",
        "E not in C and (D or N)",
        "E not in C",
    ),
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
        "billing.payments:Payments._attempt",
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
        "_require_refundable(F, P, C)",
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
