"""Image-to-video by Kling: its request, price, result and failures, and `POST /videos`.

Must not know how credits move or how a job is settled."""
