"""Entitlements: plans, what a user's subscription permits, the trial of each person.

Knows Stripe's words for a subscription, and no way to Stripe."""
