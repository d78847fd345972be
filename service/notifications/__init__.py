"""What happens after a transaction: the outbox, alerts, and webhooks to the house's own systems.

Knows wallets and their movements, and no kind of work."""
