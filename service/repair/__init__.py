"""Repairs transactions that a restore has torn, based on the ledger.

Proposes only repairs whose result passes the audit; invents nothing."""
