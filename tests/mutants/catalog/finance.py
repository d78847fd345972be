"""The month's report: nothing that differs passes as a match, and no sum has a wrong sign."""

from tests.mutants.mutant import Mutant, mutant

MATCHING = "tests/finance/test_matching.py"
MONEY = "tests/finance/test_money.py"
REPORTS = "tests/finance/test_finance.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "another-amount-matches",
        MATCHING,
        "finance.matching:charge_differences",
        "charge.source_cents != P",
        "charge.source_cents < 0",
    ),
    mutant(
        "charge-compared-in-the-currency-of-the-balance",
        MATCHING,
        "finance.matching:charge_differences",
        "charge.source_currency != purchase.currency",
        "charge.currency != purchase.currency",
    ),
    mutant(
        "refund-that-was-not-followed-matches",
        MATCHING,
        "finance.matching:money_back_differences",
        "refunded != purchase.refunded_cents",
        "refunded < purchase.refunded_cents",
    ),
    mutant(
        "dispute-that-was-not-followed-matches",
        MATCHING,
        "finance.matching:money_back_differences",
        "disputed != purchase.disputed_cents",
        "disputed > purchase.disputed_cents",
    ),
    mutant(
        "claw-back-of-too-much-matches",
        MATCHING,
        "finance.matching:money_back_differences",
        "target != purchase.clawed_back",
        "target > purchase.clawed_back",
    ),
    mutant(
        "refund-that-failed-returns-the-money",
        MATCHING,
        "finance.matching:is_returned",
        'each.status not in ("failed", "canceled")',
        "True",
    ),
    mutant(
        "part-of-a-payment-returned-is-all-of-it",
        MATCHING,
        "finance.matching:is_returned",
        "S >= facts.own_cents",
        "S > 0",
    ),
    mutant(
        "fees-of-refunds-left-out",
        MONEY,
        "finance.money:money_of",
        "sums[each.currency]['fees'] += each.fee_cents",
        "sums[each.currency]['fees'] += max(0, each.fee_cents)",
    ),
    mutant(
        "sums-without-their-sign",
        MONEY,
        "finance.money:money_of",
        "sign * each.amount_cents",
        "each.amount_cents",
    ),
    mutant(
        "currencies-added-together",
        MONEY,
        "finance.money:money_of",
        "sums[each.currency][name] += A",
        "sums['usd'][name] += A",
    ),
    mutant(
        "other-movements-before-their-fees",
        MONEY,
        "finance.money:other_of",
        "each.net_cents",
        "each.amount_cents",
    ),
    mutant(
        "costs-never-leave-the-margin",
        MONEY,
        "finance.money:margins_of",
        "M - named.get(currency, 0)",
        "M",
    ),
    mutant(
        "yen-counted-in-hundredths",
        MONEY,
        "finance.money:micros_of",
        "_MICROS if currency in _NO_DECIMALS else _MICROS // 100",
        "_MICROS // 100",
    ),
    mutant(
        "bonus-counted-twice",
        REPORTS,
        "finance.credits:credits_of_month",
        "_granted(purchases, GrantSource.PURCHASE) - bonus",
        "_granted(purchases, GrantSource.PURCHASE)",
    ),
)
