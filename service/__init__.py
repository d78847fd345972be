"""Farebox: a credit-metered gateway for AI work.

Knows nothing of local development: that is `devstack/`, outside the image."""
