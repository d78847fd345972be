"""Proves over the whole table what the money protocol promises, and keeps a record of each day.

Reads every feature's items; writes none of them."""
