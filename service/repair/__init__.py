"""Puts right what a restore has torn, as the ledger says it must be.

Makes plans that the audit finds nothing wrong with; invents nothing."""
