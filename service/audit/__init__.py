"""Audits the whole table: proves that balances, entries, jobs and claims agree, and keeps a record
of each day.

Reads every feature's items; writes none of them."""
