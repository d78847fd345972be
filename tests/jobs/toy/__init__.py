"""A feature that offers a kind of work of its own, to show what that takes."""
