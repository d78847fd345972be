"""Authentication: verifies tokens and decides which requests reach a view.

Knows no wallet and no job; all it passes on is a principal."""
