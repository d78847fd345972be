"""What can be requested: reviewed prompts, and operations with their prices.

Knows no user, no wallet and no job."""
