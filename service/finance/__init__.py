"""The month's end: what became of credits and of money, matched with Stripe line by line."""
