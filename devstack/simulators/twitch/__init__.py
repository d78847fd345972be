"""Twitch's Helix API and its tokens, under `/twitch`: strict about headers and parameters, with
tokens that expire, a rate limit, and recordings that vanish."""
