"""Twitch as the source of what a channel broadcast: titles and times, never its sound.

Knows no credits, no job and no words that were said."""
