"""Accounts with a password: registration, verified addresses, sign-in, resets, what slows guessing.

Knows no job, no provider and no purchase; users and their sessions are made by their features."""
