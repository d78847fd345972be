"""Operators' passkeys: which ones there are, and the proof of a second factor that one makes.

Knows no route and no log of operators; `service.admin` has both."""
