"""The month's end: what became of credits and of money, matched with Stripe line by line.

It moves neither, and settles no payment: it reads purchases, and writes nothing but reports."""
