"""Live transcription: sessions whose held credits are their lease, relayed to a vendor.

Must not know how credits move, nor how a job is settled."""
