"""The operators' API: what they may do to users and to the house, and the log of what they did.

Moves no credit except through the ledger; knows no vendor."""
