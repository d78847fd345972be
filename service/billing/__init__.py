"""Billing: what is sold through Stripe, to whom, and what has been paid.

Knows nothing of the work that credits are spent on."""
