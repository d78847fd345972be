"""Simulated OpenAI: the Responses API and chat completions, streamed and not, one account. It keeps
books of what each call would be billed."""
