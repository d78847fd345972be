"""Wallets, lots and the append-only entries that prove every balance.

Knows no job, no provider and no purchase: those bring their own writes to `Ledger.move`."""
