"""Erasing a user and everything held on them, and handing them a copy of it.

Knows no job, no video and no purchase: features register their own steps."""
