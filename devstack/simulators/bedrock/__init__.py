"""Simulated Amazon Bedrock: Converse, whole and as a binary event stream, guardrails, signatures,
one account. It keeps books of what each call would be billed, and bills on after a client left."""
