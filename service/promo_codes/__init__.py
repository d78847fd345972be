"""Promo codes: their limits, and what each redemption grants, to whom and once.

Knows no job and no provider; credits it grants only through the ledger."""
