"""Kling image-to-video: client, credentials, mapping of its codes and states.

Knows no job and no wallet."""
