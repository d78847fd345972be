"""Transcripts of recordings: their request, price, result, failures and forms.

Must not know how credits move or how a job is settled."""
