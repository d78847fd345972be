"""Bulk grants: the same credits for many users at once, made by the worker, each user once.

Knows no job and no provider; credits it grants only through the ledger."""
