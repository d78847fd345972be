"""Amounts: exact in every form, written as decimal credits, in one scale."""

from tests.mutants.mutant import Mutant, mutant

AMOUNTS = "tests/core/test_amounts.py"
STORE = "tests/ledger/test_store.py"
SHOWN = "tests/test_amounts_shown.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "amount-with-four-decimals-rounded",
        AMOUNTS,
        "core.amounts:amount_of",
        """
        if T.denominator != 1:
            raise X
        """,
        "",
    ),
    mutant(
        "amount-of-38-digits-rounded",
        AMOUNTS,
        "core.amounts:amount_of",
        "Fraction(G) * SCALE",
        "Fraction(G * SCALE)",
    ),
    mutant(
        "boolean-is-an-amount",
        AMOUNTS,
        "core.amounts:amount_of",
        "isinstance(G, bool) or X",
        "X",
    ),
    mutant(
        "number-for-json-rounded",
        AMOUNTS,
        "core.amounts:credits_number",
        "amount / SCALE if R else W",
        "round(amount / SCALE, 2) if R else W",
    ),
    mutant(
        "wallet-keeps-thousandths",
        STORE,
        "ledger.store:_wallet_item",
        "credits_of(wallet.credits)",
        "wallet.credits",
    ),
    mutant(
        "lot-keeps-thousandths",
        STORE,
        "ledger.lots:pack_lots",
        "credits_of(L)",
        "L",
    ),
    mutant(
        "mac-over-thousandths",
        STORE,
        "ledger.store:mac",
        "_sealed(credits_of(entry.amount))",
        "entry.amount",
    ),
    mutant(
        "log-counts-thousandths",
        SHOWN,
        "jobs.endings:Endings._capture",
        "credits_number(C)",
        "C",
    ),
    mutant(
        "scale-not-compared",
        "tests/ledger/test_scale.py",
        "ledger.scale:check_scale",
        """
        if F != SCALE:
            raise X
        """,
        "",
    ),
)
