"""Text by language models: its request, price, result and failures, and `POST /ai/generate`.

Must not know how credits move, how a job is settled, or how a vendor is called."""
