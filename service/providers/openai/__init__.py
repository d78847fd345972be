"""OpenAI's Responses API, at OpenAI and wherever else it is spoken: client, codes, events.

Knows no job and no wallet."""
