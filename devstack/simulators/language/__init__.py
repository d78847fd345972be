"""A simulated language model, which the vendors of text share: what it writes, how fast, what it
costs, and how a stream of it breaks."""
