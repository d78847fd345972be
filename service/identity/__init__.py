"""Who is calling: verifies tokens and decides which requests reach a view.

Knows no wallet and no job; a principal is all that it passes on."""
