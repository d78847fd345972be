"""Catch-ups: what was said in a broadcast, summarized with times, and `POST
/transcriptions/catch-up`.

Must not know how credits move, how a vendor is called, or where a transcript came from."""
