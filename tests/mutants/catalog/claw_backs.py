"""Claw-backs of payments that went back, and what returns of them."""

from tests.mutants.mutant import Mutant, breaks, mutant

CLAW_BACKS = "tests/ledger/test_claw_backs.py"

MUTANTS: tuple[Mutant, ...] = (
    breaks(
        "claw-back-order",
        "claw-back-in-burn-order",
        "ledger.claw_backs:claw_back",
        "sorted(W, key=K, reverse=True)",
        "sorted(W, key=K)",
    ),
    breaks(
        "claw-back-order",
        "claw-back-of-any-kind-first",
        "ledger.claw_backs:claw_back",
        "sorted(against, key=K)",
        "against",
    ),
    breaks(
        "claw-back-debt",
        "claw-back-without-debt",
        "ledger.entities:_claw_back_deltas",
        "Deltas(credits=-M, clawed_back=M, debt=D)",
        "Deltas(credits=-M, clawed_back=M)",
    ),
    breaks(
        "claw-back-any-status",
        "debt-forgotten-with-the-account",
        "ledger.movements:close",
        """
        replace(W, status=S, open_jobs=O, fingerprints=F, new_devices=F, device_count=N,
                low_balance=N)
        """,
        """
        replace(W, status=S, open_jobs=O, fingerprints=F, new_devices=F, device_count=N,
                low_balance=N, debt=0)
        """,
    ),
    breaks(
        "restoration",
        "restoration-leaves-debt",
        "ledger.claw_backs:_undone",
        "min(W.debt, A)",
        "0",
    ),
    breaks(
        "restoration",
        "restoration-returns-what-paid-the-debt",
        "ledger.claw_backs:_undone",
        "split(undone, A - P)",
        "split(undone, A)",
    ),
    breaks(
        "restoration",
        "restoration-returns-what-was-taken-first",
        "ledger.claw_backs:_undone",
        "_, undone = split(P, X)",
        "undone, _ = split(P, amount)",
    ),
    breaks(
        "restoration",
        "paid-debt-is-lost",
        "ledger.claw_backs:after_entry",
        "(*E, *_debt_of(F))",
        "tuple(entry.allocation)",
    ),
    breaks(
        "restoration-life",
        "restored-credits-live-anew",
        "ledger.claw_backs:_undone",
        "put_back(L, B, C.at, N, M)",
        "put_back(L, B, 0, N, M)",
    ),
    breaks(
        "restoration-life",
        "paid-debt-returns-for-ever",
        "ledger.claw_backs:_debt_of",
        "LotPortion(N, K, O, E)",
        "LotPortion(N, K, O)",
    ),
    breaks(
        "restoration-newest-first",
        "oldest-claw-back-undone-first",
        "ledger.claw_backs:restore",
        "reversed(S)",
        "standing",
    ),
    mutant(
        "restored-beyond-what-was-taken",
        CLAW_BACKS,
        "ledger.claw_backs:restore",
        """
        if not C:
            raise E
        """,
        "",
    ),
    mutant(
        "restoration-in-one-transaction-without-limit",
        CLAW_BACKS,
        "ledger.claw_backs:restore",
        "standing[-MAX_UNDONE:]",
        "standing",
    ),
    breaks(
        "claw-back-replayed",
        "restoration-replayed-of-nothing",
        "ledger.replay:_Earlier.keep",
        "self.claw_backs[E.ref] = after_entry(S, E)",
        "self.claw_backs[E.ref] = after_entry((), E)",
    ),
)
