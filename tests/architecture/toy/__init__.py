"""A feature that exists for one test: shelves with toys.

Knows nothing of any other feature."""
