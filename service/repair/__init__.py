"""Repairs what a restore has torn, as the ledger says it must be.

Proposes only what the audit finds nothing wrong with; invents nothing."""
