"""Audits the whole table: proves that balances, entries, jobs and claims agree, and keeps a record
of each day.

Reads every feature's items and writes none of them; its own are what an operator has accepted."""
