"""Sums over the ledger: what one user's credits did day by day, and what everybody's did.

It moves no credits, and knows no kind of work."""
